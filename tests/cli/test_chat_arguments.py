"""Which command lines open the chat screen, told without typer: the same as typer says."""

from __future__ import annotations

import pytest
from typer.main import get_command

from chatterm.cli.app import build_app
from chatterm.cli.chat_arguments import FLAGS, VALUED, chat_options


def test_the_options_are_those_of_the_chat_screen() -> None:
    ending = {"--version", "-V", "--help", "-h"}
    names: dict[bool, set[str]] = {True: set(), False: set()}
    for parameter in get_command(build_app()).params:
        names[bool(getattr(parameter, "is_flag", False))] |= set(parameter.opts) - ending
    assert names[False] == set(VALUED)
    assert names[True] == set(FLAGS)


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ("", {}),
        ("-c", {"-c": ""}),
        ("--provider ask --no-save", {"--provider": "ask", "--no-save": ""}),
        ("--theme=moss -mgpt", {"--theme": "moss", "-m": "gpt"}),
        ("-o a=1 -o b=2", {"-o": "b=2"}),
        ("--resume 01ab", {"--resume": "01ab"}),
    ],
)
def test_the_chat_screen_is_told(words: str, options: dict[str, str]) -> None:
    assert chat_options(words.split()) == options


@pytest.mark.parametrize(
    "words",
    ["ask hello", "models", "config show", "--help", "-c --version", "--provider", "--nope", "-", "--"],
)
def test_everything_else_is_told_apart(words: str) -> None:
    assert chat_options(words.split()) is None
