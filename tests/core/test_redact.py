from __future__ import annotations

import pytest

from chatterm.core.redact import redact


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("key sk-abcdefgh12345678 is wrong", "key [hidden] is wrong"),
        ("sk-proj-abc_DEF-12345678", "[hidden]"),
        ("sk-ant-api03-abcdefgh", "[hidden]"),
        ("gsk_abcdefgh1234", "[hidden]"),
        ("AIzaSyA1234567890abcdefg", "[hidden]"),
        ("Authorization: Bearer abc.def-123", "Authorization: Bearer [hidden]"),
        ("https://me:pw@host/v1", "https://[hidden]@host/v1"),
        ("https://host/v1?key=abc&x=1", "https://host/v1?key=[hidden]&x=1"),
    ],
)
def test_what_looks_like_a_key(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize(
    "text", ["", "task-oriented", "sk-short", "the key of the bearer", "a@b.example", "https://host/a@b"]
)
def test_what_does_not(text: str) -> None:
    assert redact(text) == text


def test_known_secrets_wherever_they_are() -> None:
    assert redact("xabcdefy abcd", ["abcd", "abcdef"]) == "x[hidden]y [hidden]"
    assert redact("a b c", ["a", ""]) == "a b c"
