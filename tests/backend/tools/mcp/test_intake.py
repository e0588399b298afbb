"""What comes in: lines that are messages, and no more of them than can be read."""

from __future__ import annotations

import importlib.util

import pytest

from chatterm.backend.tools.mcp.intake import MOST_A_SECOND, MOST_FLOOD, Intake

pytestmark = [
    pytest.mark.xdist_group("mcp"),
    pytest.mark.skipif(importlib.util.find_spec("mcp") is None, reason="the extra mcp is not installed"),
]

NOTE = b'{"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "x"}}'


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    "line",
    [
        b"Server listening",
        b"\xff\xfe\x00",
        b"{}",
        b"[]",
        b"null",
        b'{"jsonrpc": "1.0", "id": 1, "result": {}}',
        b'{"jsonrpc": "2.0", "id": {}, "result": {}}',
        b'{"jsonrpc": "2.0", "id": 1, "result": 5}',
        b'{"a":' * 100_000,
        b"9" * 10_000,
        b'{"jsonrpc": "2.0", "method": "\\ud83d", "params": ' + b"[" * 50_000,
    ],
)
def test_what_is_no_message_is_counted(line: bytes) -> None:
    intake = Intake(Clock())
    assert intake.parse(line) is None
    assert intake.skipped == 1


def test_half_a_pair_is_read() -> None:
    from mcp.shared.message import SessionMessage

    message = Intake(Clock()).parse(
        b'{"jsonrpc": "2.0", "id": 1, "result": {"text": "\\ud83d \\ud83d\\ude00"}}'
    )
    assert isinstance(message, SessionMessage)
    assert getattr(message.message, "result", None) == {"text": "\ufffd \U0001f600"}


def test_a_flood_is_held_back_and_told_where_it_does_not_end() -> None:
    clock = Clock()
    intake = Intake(clock)
    note = intake.parse(NOTE)
    assert note is not None
    assert sum(intake.accepts(note) for _ in range(MOST_FLOOD)) == MOST_A_SECOND
    assert not intake.is_flooded
    assert not intake.accepts(note)
    assert intake.is_flooded
    clock.now = 1
    assert intake.accepts(note)


def test_answers_are_never_held_back() -> None:
    intake = Intake(Clock())
    answer = intake.parse(b'{"jsonrpc": "2.0", "id": 1, "result": {}}')
    assert answer is not None
    assert all(intake.accepts(answer) for _ in range(MOST_A_SECOND * 2))
