"""The command table, the user's keys and slash commands."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chatterm
from chatterm.tui.bindings import (
    COMMANDS,
    Command,
    MisusedCommand,
    ParsedCommand,
    UnknownCommand,
    apply_keymap,
    parse_slash,
    textual_bindings,
)
from chatterm.tui.key_names import normal_key, shown_key


def keys_of(commands: Iterable[Command], command_id: str) -> tuple[str, ...]:
    return next(command.keys for command in commands if command.id == command_id)


def test_ids_keys_and_slash_words_are_unique() -> None:
    for values in (
        [command.id for command in COMMANDS],
        [
            (command.scope if command.scope in ("message", "picker") else "", key)
            for command in COMMANDS
            for key in command.keys
        ],
        [word for command in COMMANDS for word in command.slash],
    ):
        assert [value for value, count in Counter(values).items() if count > 1] == []


def test_every_command_can_be_reached_and_explains_itself() -> None:
    for command in COMMANDS:
        assert command.keys or command.slash, command.id
        assert command.title and command.help, command.id
        assert all(normal_key(key) == key for key in command.keys), command.id


def test_the_table_loads_no_textual() -> None:
    code = "import sys, chatterm.tui.bindings; sys.exit('textual' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/model", ParsedCommand("model", "")),
        ("/model  ollama/llama3 ", ParsedCommand("model", "ollama/llama3")),
        ("/clear", ParsedCommand("new", "")),
        ("/edit-last", ParsedCommand("edit_last", "")),
        ("/system You are\nterse", ParsedCommand("system", "You are\nterse")),
        (":q", ParsedCommand("quit", "")),
        ("/modle", UnknownCommand("/modle", "/model")),
        ("/zzzzzzzz", UnknownCommand("/zzzzzzzz", None)),
        ("/quit smoking, how?", MisusedCommand("/quit", "")),
        ("/usr/bin/foo is broken", None),
        ("//x", None),
        ("/", None),
        ("/ model", None),
        (" /model", None),
        ("/Model", None),
        ("/model2", None),
        ("/-x", None),
        (":q now", None),
        (":quit", None),
        ("hello /model", None),
        ("", None),
    ],
)
def test_parse_slash(text: str, expected: object) -> None:
    assert parse_slash(text, COMMANDS) == expected


def test_messages_name_the_word_and_the_next_step() -> None:
    unknown = parse_slash("/modle", COMMANDS)
    assert isinstance(unknown, UnknownCommand)
    assert "/modle" in unknown.message and "/model?" in unknown.hint


@given(st.text())
def test_only_text_beginning_like_a_command_is_read_as_one(text: str) -> None:
    if parse_slash(text, COMMANDS) is not None:
        assert text.startswith(("/", ":q"))


def test_a_key_chosen_by_the_user_replaces_the_default() -> None:
    commands, problems = apply_keymap(COMMANDS, {"stop": "Esc, ctrl+x"})
    assert keys_of(commands, "stop") == ("escape", "ctrl+x")
    assert problems == ()


def test_an_empty_string_takes_the_keys_away() -> None:
    commands, problems = apply_keymap(COMMANDS, {"suspend": ""})
    assert keys_of(commands, "suspend") == () and problems == ()


def test_an_unknown_id_is_named_with_the_nearest() -> None:
    commands, (problem,) = apply_keymap(COMMANDS, {"modle": "f5"})
    assert commands == COMMANDS
    assert problem.key == "keys.modle" and "model" in problem.hint


def test_an_unknown_key_is_named_and_the_default_stays() -> None:
    commands, (problem,) = apply_keymap(COMMANDS, {"model": "ctrl+entr"})
    assert keys_of(commands, "model") == ("ctrl+l",)
    assert "'ctrl+entr'" in problem.message and "'enter'" in problem.message


def test_the_users_key_beats_a_default_and_the_loss_is_named() -> None:
    commands, (problem,) = apply_keymap(COMMANDS, {"quit": "ctrl+l"})
    assert keys_of(commands, "quit") == ("ctrl+l",) and keys_of(commands, "model") == ()
    assert "ctrl+l" in problem.message and "quit" in problem.message and "model" in problem.message


def test_of_two_chosen_by_the_user_the_first_in_the_table_wins() -> None:
    commands, (problem,) = apply_keymap(COMMANDS, {"quit": "f9", "stop": "f9"})
    assert keys_of(commands, "stop") == ("f9",) and keys_of(commands, "quit") == ()
    assert "stays with stop" in problem.message


def test_swapping_two_keys_is_no_clash() -> None:
    commands, problems = apply_keymap(COMMANDS, {"model": "ctrl+s", "conversations": "ctrl+l"})
    assert problems == ()
    assert keys_of(commands, "model") == ("ctrl+s",) and keys_of(commands, "conversations") == ("ctrl+l",)


def test_the_keys_of_a_message_are_apart_from_all_others() -> None:
    commands, (problem,) = apply_keymap(COMMANDS, {"message_copy": "ctrl+l, z", "message_next": "z"})
    assert keys_of(commands, "message_copy") == ("ctrl+l",) and keys_of(commands, "model") == ("ctrl+l",)
    assert keys_of(commands, "message_next") == ("z",) and problem.key == "keys.message_copy"


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("Ctrl+L", "ctrl+l"),
        ("y", "y"),
        ("Y", "Y"),
        ("Shift+y", "Y"),
        ("Alt+Y", "alt+y"),
        ("alt+ctrl+x", "ctrl+alt+x"),
        ("esc", "escape"),
        ("PgUp", "pageup"),
        ("ctrl+_", "ctrl+underscore"),
        ("ctrl++", "ctrl+plus"),
        ("+", "plus"),
        ("?", "question_mark"),
        ("f12", "f12"),
    ],
)
def test_normal_key(written: str, key: str) -> None:
    assert normal_key(written) == key


@pytest.mark.parametrize("written", ["ctrl+m", "ctrl+i", "ctrl+[", "ctrl+h", "strg+l", "", "\x00", "ctrl+"])
def test_keys_that_cannot_be(written: str) -> None:
    with pytest.raises(ValueError, match=r"key|told"):
        normal_key(written)


def test_shown_key() -> None:
    assert [shown_key(key) for key in ("ctrl+l", "escape", "f2", "alt+enter")] == [
        "^l",
        "esc",
        "f2",
        "alt+enter",
    ]


def test_textual_bindings_leave_the_prompts_keys_to_the_prompt() -> None:
    bindings = {binding.id: binding for binding in textual_bindings(COMMANDS)}
    assert bindings["model"].key == "ctrl+l" and bindings["model"].action == "command('model')"
    assert not {"send", "newline", "history_previous", "quit_empty", "rename", "message_copy"} & set(bindings)


KEY = re.compile(r"\b(?:Ctrl|Alt|Shift)\+|\b(?:Esc|Enter|Up|Down|F[0-9]+)\b")


@pytest.mark.parametrize("part", ["backend", "config", "core", "store", "tui"])
def test_no_text_names_a_key_that_can_be_bound_anew(part: str) -> None:
    """Texts take keys from the table, or name the slash word. The names of keys themselves are elsewhere."""
    named: list[str] = []
    for path in sorted((Path(chatterm.__file__).parent / part).rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        named += [
            f"{path.name}: {node.value!r}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
            if " " in node.value and KEY.search(node.value) and path.name != "key_names.py"
        ]
    assert named == []
