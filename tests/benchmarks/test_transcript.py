"""A hundredth of the benchmark of the conversation pane: that it measures, and what only a defect exceeds."""

from __future__ import annotations

import inspect
import math
import sys
from itertools import islice
from pathlib import Path

import pytest

import chatterm.cli.chat
from chatterm.cli.chat import FRAMES_PER_SECOND
from tests.benchmarks.figures import Figure
from tests.benchmarks.transcript.__main__ import CASES, measure
from tests.benchmarks.transcript.child import GC_THRESHOLDS
from tests.benchmarks.transcript.extent import TINY, Run
from tests.benchmarks.transcript.harm import MEASURES, harm_table
from tests.benchmarks.transcript.program import NoAnswerError
from tests.benchmarks.transcript.texts import HOSTILE, SHAPES, Reply, messages

pytestmark = [
    pytest.mark.pty,
    pytest.mark.skipif(sys.platform != "linux", reason="the pseudo-terminal double is for Linux"),
]

LONGEST_MS = 10_000.0


@pytest.mark.parametrize("name", CASES)
def test_every_case_measures_what_it_names(name: str, tmp_path: Path) -> None:
    figures = measure(Run(TINY, 1, tmp_path), [name])
    assert figures
    assert [(figure.name, figure.note) for figure in figures if not figure.samples] == []
    for figure in figures:
        assert all(-LONGEST_MS < sample < LONGEST_MS for sample in figure.samples), figure.name
    assert any(figure.goal is not None for figure in figures) or name in ("opening", "memory")


def test_all_programs_run_as_the_chat_screen_does(tmp_path: Path) -> None:
    run = Run(TINY, 1, tmp_path)
    for pane in ("chatterm", "stock", "bare"):
        with run.start(pane):
            pass
    policies = set(run.policies.values())
    assert len(policies) == 1
    assert f"120x40, TEXTUAL_FPS={FRAMES_PER_SECOND}, GC frozen" in policies.pop()
    many, young, old = GC_THRESHOLDS
    assert f"gc.set_threshold({many:_}, {young}, {old})" in inspect.getsource(chatterm.cli.chat)


def test_a_program_that_does_not_answer_is_ended_and_told(tmp_path: Path) -> None:
    with Run(TINY, 1, tmp_path).start("stock") as program:
        program.call("prepare", count=200, seed=1)
        with pytest.raises(NoAnswerError, match=r"no answer within 0\.1 s"):
            program.call("show", seconds=0.1)
        program.restart()
        assert program.call("memory")["rss"] > 0


@pytest.mark.parametrize(
    ("stall", "shown"),
    [
        ((math.inf, "> 4 s"), ["bad", "> 8 s", "> 4 s", "-", "missed"]),
        ((20.0, ""), ["bad", "> 8 s", "20.0", "-", "not all measured"]),
    ],
)
def test_a_text_that_is_not_shown_is_told_in_the_table(stall: tuple[float, str], shown: list[str]) -> None:
    measured = [Figure(f"bad: {measure}", "ms", goal_at=1.0) for measure in MEASURES]
    measured[1].goal = measured[2].goal = 100.0
    measured[0].note = "> 8 s"
    measured[1].samples.append(stall[0])
    measured[1].note = stall[1]
    row = harm_table(measured).splitlines()[1]
    assert [cell.strip() for cell in row.split("  ") if cell.strip()] == shown


@pytest.mark.parametrize("shape", SHAPES)
def test_replies_go_on_alike_however_they_began(shape: str) -> None:
    short, long, other = Reply(shape, 1), Reply(shape, 1), Reply(shape, 2)
    first, second = short.begin(50), long.begin(500)
    assert len(first) >= 200
    assert len(second) >= 2000
    assert second.startswith(first)
    following = short.read(30)
    assert len(following) == 120
    assert following == long.read(30) != other.read(30)


def test_messages_are_distinct_and_of_the_length_that_was_named() -> None:
    texts = [text for _, text in messages(2000, 1)]
    assert len(set(texts)) == 2000
    assert 600 < sum(map(len, texts)) / len(texts) < 900
    assert list(islice(messages(2000, 1), 50)) == list(islice(messages(50, 1), 50))


def test_hostile_texts_have_their_sizes() -> None:
    assert len(HOSTILE["an open fence of 1 MB"](1.0)) >= 1_000_000
    assert len(HOSTILE["a line of 1 MB, words"](1.0)) >= 1_000_000
    assert "\n" not in HOSTILE["a line of 1 MB, words"](1.0)
    assert HOSTILE["a table of 2,000 x 50"](1.0).count("\n") == 2_002
    assert HOSTILE["50,000 !["](1.0).count("![") == 50_000
