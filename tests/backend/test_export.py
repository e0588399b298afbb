"""Markdown out, code out, and no file overwritten."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from chatterm.backend.export import code_blocks, free_path, to_markdown
from chatterm.core.messages import FilePart, Message, TextPart
from chatterm.core.turn import Outcome
from tests.backend.test_metrics import a_turn


def test_a_conversation_reads_as_a_document() -> None:
    stopped = replace(a_turn(), outcome=Outcome.CANCELLED)
    prompt = Message(role="user", parts=(FilePart("a.txt", "text/plain", "x"), TextPart("read\x1b[2J it")))
    text = to_markdown("My\x1b]0;title\x07 chat", [replace(a_turn(), prompt=prompt), stopped])
    assert text.startswith(
        "# My␛]0;title␇ chat\n\n## You\n\n*attached: a.txt*\n\nread␛[2J it\n\n## m\n\nho\n"
    )
    assert text.endswith("ho\n\n*cancelled*\n")


def test_file_names_are_free_and_plain(tmp_path: Path) -> None:
    first = free_path(tmp_path, "What is ../etc? 😀 Ünï")
    assert first == tmp_path / "what-is-etc-ünï.md"
    first.touch()
    assert free_path(tmp_path, "What is ../etc? 😀 Ünï").name == "what-is-etc-ünï-2.md"
    assert free_path(tmp_path, "///").name == "conversation.md"


def test_code_blocks() -> None:
    text = "a\n```py\nx = 1\n\ny\n```\nb\n~~~\n```\ninner\n~~~\n````\n```\n````\n```\nopen"
    assert code_blocks(text) == ["x = 1\n\ny", "```\ninner", "```", "open"]
    assert code_blocks("inline ```code``` only\n```a`b\nno") == []
