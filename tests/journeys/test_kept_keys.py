"""A key given to chatterm to keep: typed unseen, and sent to one address alone."""

from __future__ import annotations

import stat

from tests.doubles.server import ScriptedServer
from tests.doubles.terminal import ENTER
from tests.journeys.program import Home

CANARY = "kept-canary-0123456789"


def chatterm(home: Home, *arguments: str, given: str = "") -> tuple[int, str, str]:
    status, output, errors = home.run(*arguments, given=given)
    assert CANARY not in output + errors
    return status, output, errors


def settings_for(server: ScriptedServer) -> str:
    return f'[providers.box]\nbase_url = "{server.base_url("openai")}"\n'


def test_a_kept_key_goes_to_its_own_address_alone(home: Home, server: ScriptedServer) -> None:
    home.write_settings(settings_for(server))
    status, out, _ = chatterm(home, "config", "set-key", "box", given=f"{CANARY}\n")
    assert status == 0 and "keys.toml" in out and f"http://127.0.0.1:{server.port} alone" in out
    assert stat.S_IMODE((home.path / "keys.toml").stat().st_mode) == 0o600
    server.reply_text("One.")
    assert chatterm(home, "ask", "--provider", "box", "-m", "m", "hello")[:2] == (0, "One.\n")
    assert server.chats[0].headers["authorization"] == f"Bearer {CANARY}"
    _, shown, _ = chatterm(home, "config", "show")
    assert f"# box: a key is kept for http://127.0.0.1:{server.port}" in shown

    with ScriptedServer.in_thread() as other:
        other.reply_text("Two.")
        home.write_settings(settings_for(other))
        assert chatterm(home, "ask", "--provider", "box", "-m", "m", "hello")[:2] == (0, "Two.\n")
        assert "authorization" not in other.chats[0].headers

    home.write_settings(settings_for(server))
    assert chatterm(home, "config", "set-key", "--remove", "box")[1] == "The key of box is gone.\n"
    server.reply_text("Three.")
    chatterm(home, "ask", "--provider", "box", "-m", "m", "hello")
    assert "authorization" not in server.chats[-1].headers


def test_keys_that_cannot_be_read_are_told_where_one_is_needed(home: Home) -> None:
    home.write_settings("")
    (home.path / "keys.toml").write_text("[openai\n")
    status, _, told = chatterm(home, "ask", "--provider", "groq", "-m", "m", "hello")
    assert status != 0 and "no API key for Groq" in told and "keys.toml:1" in told


def test_a_typed_key_is_not_shown(home: Home) -> None:
    with home.start("config", "set-key", "openai") as terminal:
        terminal.wait_for("API key of openai")
        terminal.send(CANARY.encode() + ENTER)
        terminal.wait_for("Kept in")
        assert terminal.wait_exit() == 0
        assert CANARY.encode() not in terminal.output
    assert CANARY in (home.path / "keys.toml").read_text()


def test_what_is_no_key_is_refused(home: Home) -> None:
    for given in ("", "two words\n", "caf\u00e9-key\n"):
        status, _, told = chatterm(home, "config", "set-key", "openai", given=given)
        assert status == 5 and "cannot be used" in told
    status, _, told = chatterm(home, "config", "set-key", "opnai", given=CANARY)
    assert status == 5 and "opnai" in told and "openai" in told
    assert not (home.path / "keys.toml").exists()


def test_keys_that_others_can_read_are_not_used(home: Home, server: ScriptedServer) -> None:
    home.write_settings(settings_for(server))
    chatterm(home, "config", "set-key", "box", given=CANARY)
    (home.path / "keys.toml").chmod(0o644)
    status, _, told = chatterm(home, "ask", "--provider", "box", "-m", "m", "hello")
    assert "chmod 600" in told and status != 0
    assert server.chats == []
