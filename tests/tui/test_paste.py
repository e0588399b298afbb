"""Pastes are found wherever the input is cut, and everything else reaches the parser as it came."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from textual import events
from textual._xterm_parser import XTermParser

from chatterm.tui.paste import PasteReader


def read(pieces: list[str]) -> list[str]:
    reader = PasteReader(XTermParser())
    seen: list[str] = []
    for piece in pieces:
        for message in reader.feed(piece):
            if isinstance(message, events.Paste):
                seen.append(f"paste {message.text!r}")
            elif isinstance(message, events.Key):
                seen.append(message.key)
    return seen


STREAM = "a\x1b[A\x1b[200~one\r\x1b[31m two\x1b[201~b\x1b[200~\x1b[201~\x1b[B"
EXPECTED = ["a", "up", "paste 'one\\r\\x1b[31m two'", "b", "paste ''", "down"]


def test_in_one_piece() -> None:
    assert read([STREAM]) == EXPECTED


def test_cut_at_every_character() -> None:
    assert read(list(STREAM)) == EXPECTED
    for cut in range(1, len(STREAM)):
        assert read([STREAM[:cut], STREAM[cut:]]) == EXPECTED, cut


@given(st.text(), st.integers(1, 9))
def test_any_pasted_text_arrives_unchanged(text: str, size: int) -> None:
    if "\x1b[201~" in text:
        return
    stream = f"\x1b[200~{text}\x1b[201~z"
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    assert read(pieces) == [f"paste {text.replace(chr(0), '')!r}", "z"]
