"""Work that cannot be broken off otherwise ends in time, also where the interpreter is in a callback of its own."""

from __future__ import annotations

import re
import signal
import time
import weakref

import pytest

from chatterm.backend.cpu_limit import CpuLimitError, cpu_limit


def test_a_hostile_pattern_ends_in_time_and_the_timer_with_it() -> None:
    before = signal.getsignal(signal.SIGVTALRM)
    began = time.process_time()
    with pytest.raises(CpuLimitError), cpu_limit(0.05):
        re.match(r"(a+)+$", "a" * 40 + "b")
    assert time.process_time() - began < 2.0
    assert signal.getitimer(signal.ITIMER_VIRTUAL)[0] == 0
    assert signal.getsignal(signal.SIGVTALRM) is before
    with cpu_limit(0.05):
        pass


class Thing:
    """Something that can be referred to weakly."""


def test_what_goes_off_in_a_callback_is_not_lost() -> None:
    # The callback computes beyond the limit: raised there, the error would be printed and forgotten.
    place = {"__name__": "_weakrefset"}
    callback = eval("lambda ref: sum(i * i for i in range(3_000_000))", place)
    thing = Thing()
    reference = weakref.ref(thing, callback)
    with pytest.raises(CpuLimitError), cpu_limit(0.02):
        del thing
        total = 0
        while True:
            total += 1
    assert reference() is None
