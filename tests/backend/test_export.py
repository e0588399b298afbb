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


def test_code_in_lists_is_indented_as_seen_from_its_fence() -> None:
    text = (
        "1. First:\n\n   ```py\n   def f():\n       return 1\n\n   ```\n"
        "2. Then\n    - deeper\n\n        ```make\n        all:\n        \tgcc\n        ```\n"
        "- ```\n  on the line of its item\n  ```\n"
        "10. Sloppy:\n    ```\nat the margin\n    ```\n"
        "\t```\n\tby tabs\n\t\tdeeper\n\t```\n"
    )
    assert code_blocks(text) == [
        "def f():\n    return 1\n",
        "all:\n\tgcc",
        "on the line of its item",
        "at the margin",
        "by tabs\n\tdeeper",
    ]
    assert code_blocks("text\n\n    ```\n    indented code, no fence\n") == []


def test_only_a_new_line_ends_a_line_of_code() -> None:
    assert code_blocks("```\r\na\u2028b\x0cc\x85d\r\n```\r\n") == ["a\u2028b\x0cc\x85d"]
