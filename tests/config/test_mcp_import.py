"""Servers of other programs as sections of the settings."""

from __future__ import annotations

import json
import os
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from chatterm.config.load import load_settings
from chatterm.config.mcp_import import Imported, import_servers, summary_of
from chatterm.config.schema import is_secret
from chatterm.core.errors import ConfigError

TIME = {"command": "uvx", "args": ["mcp-server-time"]}


@pytest.fixture
def settings_file(tmp_path: Path) -> Path:
    return tmp_path / "home" / "config.toml"


def imported(settings_file: Path, tree: object, *, replace: bool = False) -> Imported:
    source = settings_file.parent.parent / "other.json"
    source.write_text(tree if isinstance(tree, str) else json.dumps(tree))
    return import_servers(source, settings_file, replace=replace)


@pytest.mark.parametrize(
    "tree",
    [{"mcpServers": {"time": TIME}}, {"servers": {"time": TIME}}, {"mcp": {"servers": {"time": TIME}}}],
)
def test_servers_are_found_where_programs_keep_them(settings_file: Path, tree: object) -> None:
    assert imported(settings_file, tree).notes == ()
    loaded = load_settings(settings_file, {})
    assert loaded.problems == ()
    assert loaded.settings.mcp["time"].command == ("uvx", "mcp-server-time")


@pytest.mark.parametrize(
    ("entry", "section"),
    [
        (
            {
                "command": "a",
                "env": {"N": 5, "B": True, "T": "${env:X} ${Y:-z}"},
                "cwd": "/tmp",
                "type": "stdio",
            },
            {"command": ["a"], "env": {"N": "5", "B": "true", "T": "${X} ${Y:-z}"}, "folder": "/tmp"},
        ),
        (
            {"command": ["a", "b"], "args": ["c"], "disabled": True},
            {"command": ["a", "b", "c"], "enabled": False},
        ),
        (
            {"type": "http", "url": "https://a.example/mcp", "headers": {"Authorization": "Bearer ${T}"}},
            {"url": "https://a.example/mcp", "headers": {"Authorization": "Bearer ${T}"}},
        ),
        ({"serverUrl": "http://127.0.0.1:5/"}, {"url": "http://127.0.0.1:5/"}),
        ({"httpUrl": "https://a.example"}, {"url": "https://a.example"}),
    ],
)
def test_an_entry_becomes_a_section(settings_file: Path, entry: object, section: object) -> None:
    imported(settings_file, {"mcpServers": {"s": entry}})
    assert tomllib.loads(settings_file.read_text())["mcp"]["s"] == section


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (5, "no object"),
        ({}, "neither a command nor a url"),
        ({"command": {"a": 1}}, "no list of texts"),
        ({"command": "a", "args": "b"}, "no list of texts"),
        ({"command": "a", "args": [1]}, "no list of texts"),
        ({"command": "a", "env": ["A=b"]}, "env is no object"),
        ({"command": "a", "env": {"A": {}}}, "something else than a text"),
        ({"command": "a", "env": {"A B": "c"}}, "name"),
        ({"command": "a", "env": {"A": "${input:key}"}}, "asks for an input"),
        ({"command": "a", "args": ["${workspaceFolder}"]}, r"\$\{workspaceFolder\}"),
        ({"type": "sse", "url": "https://a.example/sse"}, "of type sse"),
        ({"url": "http://far.example/mcp"}, "not this machine"),
        ({"url": "javascript:alert(1)"}, "scheme"),
        ({"url": "https://a.example", "headers": {"A": "b\r\nX: y"}}, "headers"),
        ({"command": "a", "args": ["b"] * 200}, "command"),
    ],
)
def test_what_cannot_be_taken_over_is_told_and_costs_no_other(
    settings_file: Path, entry: object, words: str
) -> None:
    done = imported(settings_file, {"mcpServers": {"bad": entry, "time": TIME}})
    assert list(done.sections) == ["time"]
    (note,) = done.notes
    assert note.startswith("bad was left out: ")
    assert re.search(words, note)
    assert list(tomllib.loads(settings_file.read_text())["mcp"]) == ["time"]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["git hub!"], ["git-hub"]),
        (["a b", "a-b"], ["a-b", "a-b-2"]),
        (["\x1b]0;x\x07", "…"], ["0-x", "server"]),
        (["x" * 60, "x" * 61], ["x" * 32, "x" * 27 + "-2"]),
        (["__a"], ["a"]),
    ],
)
def test_names_are_made_valid(settings_file: Path, names: list[str], expected: list[str]) -> None:
    done = imported(settings_file, {"mcpServers": dict.fromkeys(names, TIME)})
    assert list(done.sections) == expected
    assert load_settings(settings_file, {}).problems == ()


def test_the_home_folder_is_filled_in(settings_file: Path) -> None:
    done = imported(settings_file, {"mcpServers": {"s": {"command": "${HOME}/x", "args": ["${userHome}"]}}})
    assert done.sections["s"] == {"command": [os.path.expanduser("~/x"), os.path.expanduser("~")]}


def test_what_is_there_stays_unless_it_is_replaced(settings_file: Path) -> None:
    settings_file.parent.mkdir(exist_ok=True)
    settings_file.write_text('# mine\nmodel = "m"\n[mcp.time]\ncommand = ["own"]\n')
    first = imported(settings_file, {"mcpServers": {"time": TIME}})
    assert (first.kept, first.sections, first.backup) == (("time",), {}, None)
    assert settings_file.read_text().startswith("# mine")
    second = imported(settings_file, {"mcpServers": {"time": TIME}}, replace=True)
    assert list(second.sections) == ["time"]
    assert second.backup is not None and second.backup.read_text().startswith("# mine")
    loaded = load_settings(settings_file, {}).settings
    assert (loaded.model, loaded.mcp["time"].command) == ("m", ("uvx", "mcp-server-time"))


def test_what_is_wrong_with_another_server_is_in_nobodys_way(settings_file: Path) -> None:
    settings_file.parent.mkdir(exist_ok=True)
    settings_file.write_text('[mcp.timer]\nenabled = "perhaps"\n')
    assert list(imported(settings_file, {"mcpServers": {"time": TIME}}).sections) == ["time"]


def test_a_summary_shows_no_secret() -> None:
    section: dict[str, Any] = {
        "command": ["npx", "--key", "sk-canary-0123456789"],
        "env": {"TOKEN": "canary"},
    }
    assert summary_of(section) == "npx and 2 arguments, with TOKEN"
    assert summary_of({"command": ["npx", "a"]}) == "npx and 1 argument"
    assert summary_of({"url": "https://a.example/mcp?key=canary"}) == "https://a.example/mcp"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", r"other\.json:1:2"),
        ("[" * 100_000, "no JSON that can be read"),
        ("9" * 5000, "has no mcpServers|no JSON"),
        ("[]", "has no mcpServers"),
        ("{}", "has no mcpServers"),
        ('{"mcpServers": {}}', "has no mcpServers"),
        ('{"mcpServers": [1]}', "has no mcpServers"),
    ],
)
def test_a_file_that_is_of_no_use_is_told_in_a_line(settings_file: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        imported(settings_file, text)
    assert not settings_file.exists()


def test_a_file_that_is_not_there(settings_file: Path) -> None:
    with pytest.raises(ConfigError, match="is not there"):
        import_servers(settings_file.parent / "none.json", settings_file, replace=False)


def test_values_of_variables_are_never_shown() -> None:
    assert is_secret(("mcp", "s", "env", "OWN"))
    assert not is_secret(("mcp", "s", "pass_env"))
