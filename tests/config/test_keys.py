from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from chatterm.config import keys
from chatterm.config.keys import ProviderKey, checked_key, find_key, key_variables
from chatterm.config.model import ProviderSettings
from chatterm.core.errors import ConfigError

NONE = ProviderSettings()
CANARY = "sk-canary-0123456789"


def command(code: str) -> ProviderSettings:
    return ProviderSettings(key_cmd=(sys.executable, "-c", code))


def test_the_usual_variable() -> None:
    key = find_key("openai", NONE, {"OPENAI_API_KEY": CANARY}, ["OPENAI_API_KEY"])
    assert key == ProviderKey(CANARY, "environment OPENAI_API_KEY")
    assert CANARY not in repr(key)


def test_the_first_variable_that_is_set() -> None:
    environ = {"A": "", "B": "second", "C": "third"}
    assert find_key("x", NONE, environ, ["A", "B", "C"]) == ProviderKey("second", "environment B")


def test_which_variables() -> None:
    assert key_variables("my-box", NONE) == ("MY_BOX_API_KEY",)
    assert key_variables("openai", NONE, ["OPENAI_API_KEY"]) == ("OPENAI_API_KEY",)
    assert key_variables("openai", ProviderSettings(api_key_env="WORK"), ["OPENAI_API_KEY"]) == ("WORK",)


def test_no_key_anywhere() -> None:
    assert find_key("openai", NONE, {"OTHER": "x"}, ["OPENAI_API_KEY"]) is None


def test_the_environment_comes_before_the_command() -> None:
    assert find_key("x", command("print('from command')"), {"X_API_KEY": "k"}) == ProviderKey(
        "k", "environment X_API_KEY"
    )


def test_a_command_gives_its_first_line() -> None:
    code = f"import time; print('{CANARY}', flush=True); time.sleep(0.05); print('user: me')"
    assert find_key("x", command(code), dict(os.environ)) == ProviderKey(CANARY, "providers.x.key_cmd")


def test_a_command_runs_without_a_shell_and_without_other_keys(tmp_path: Path) -> None:
    code = "import os, sys; print(sys.argv[1], os.environ.get('OPENAI_API_KEY'), sys.stdin.read(), sep='|')"
    settings = ProviderSettings(key_cmd=(sys.executable, "-c", code, "$HOME;`id`"))
    key = find_key("x", settings, {**os.environ, "OPENAI_API_KEY": CANARY})
    assert key is not None
    assert key.value == "$HOME;`id`|None|"


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (ProviderSettings(key_cmd=("/no/such/command",)), "cannot be started (no such file"),
        (ProviderSettings(key_cmd=("a\0b",)), "cannot be started"),
        (command("raise SystemExit(3)"), "failed with status 3"),
        (command(f"print('{CANARY}'); raise SystemExit(1)"), "failed with status 1"),
        (command("pass"), "it is empty"),
        (command(f"print(' {CANARY} {CANARY} ')"), "it has a blank"),
        (command(r"import sys; sys.stdout.buffer.write(b'\xff\xfe')"), "a character that no key has"),
        (command("print('x' * 9000)"), "characters"),
    ],
)
def test_a_command_that_fails(settings: ProviderSettings, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        find_key("x", settings, dict(os.environ))
    assert reason in caught.value.message
    assert "providers.x.key_cmd" in caught.value.message
    assert CANARY not in str(caught.value)


def test_a_command_that_hangs_ends_with_its_children(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(keys, "COMMAND_SECONDS", 0.5)
    note = tmp_path / "child"
    settings = ProviderSettings(key_cmd=("sh", "-c", f"sleep 60 & echo $! > {note}; wait"))
    start = time.monotonic()
    with pytest.raises(ConfigError, match=r"did not end within 0\.5 s"):
        find_key("x", settings, dict(os.environ))
    assert time.monotonic() - start < 5
    child = int(note.read_text())
    while True:  # the child of a dead parent is reaped by init, or stays a zombie where there is none
        state = Path(f"/proc/{child}/stat")
        if not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z":
            break
        assert time.monotonic() - start < 5


@pytest.mark.parametrize("text", [f" {CANARY}", f"{CANARY}\n", f"\t{CANARY} \r\n"])
def test_blanks_around_a_key_are_left_out_with_a_warning(text: str) -> None:
    key = checked_key(text, "environment X")
    assert key.value == CANARY
    assert key.warning == "The key from environment X had blanks around it, which were left out."


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("   ", "it is empty"),
        (f"{CANARY}\nX-Evil: 1", "a blank or a new line"),
        (f"{CANARY}\r\nX-Evil: 1", "a blank or a new line"),
        (f"{CANARY} two", "a blank or a new line"),
        (f"{CANARY}é", "a character that no key has"),
        (f"{CANARY}\x1b", "a character that no key has"),
        (f"{CANARY}\udc80", "a character that no key has"),
        (CANARY * 1000, "it has 20,000 characters"),
    ],
)
def test_a_key_that_no_header_can_carry(text: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        checked_key(text, "environment X")
    assert reason in caught.value.message
    assert "environment X" in caught.value.message
    assert "canary" not in str(caught.value)


def test_the_ending_of_a_key() -> None:
    assert ProviderKey(CANARY, "x").ending == "6789"
    assert ProviderKey("short-key", "x").ending == ""
