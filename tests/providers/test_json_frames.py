"""What every decoder makes of frames that do not hold what its format says."""

from __future__ import annotations

from typing import Any

import pytest

from chatterm.backend.providers.base import Frame
from chatterm.core.events import FrameSkipped
from tests.providers.conversations import ADAPTERS, wire
from tests.providers.replay import decode, decode_data

BAD = [b'{"id":"x","choi', b"oops", b"\xff\xfe", b"7", b"null", b'"text"', b"[]", b"[1]", b"[" * 100_000]


def bad_id(data: Any) -> str:
    return repr(data[:20])


@pytest.mark.parametrize("name", ADAPTERS)
@pytest.mark.parametrize("bad", BAD, ids=bad_id)
def test_a_bad_frame_is_told_and_ends_nothing(name: str, bad: bytes) -> None:
    decoder = wire(name).new_decoder()
    (told,) = decoder.feed(Frame(0.0, bad))
    assert isinstance(told, FrameSkipped)
    assert told.reason == "not a JSON object" or told.reason.startswith("not JSON: ")


@pytest.mark.parametrize("name", ADAPTERS)
def test_an_empty_frame_is_nothing(name: str) -> None:
    assert decode_data(wire(name).new_decoder(), "", " \r\n").events == []


@pytest.mark.parametrize("name", sorted(ADAPTERS.keys() - {"ollama"}))  # its lines have no names
def test_an_error_event_that_is_a_bare_string_is_an_error_in_its_words(name: str) -> None:
    told = decode(wire(name).new_decoder(), [Frame(0.0, b'"no room today"', "error")])
    assert told.error is not None
    assert "no room today" in told.error.message
