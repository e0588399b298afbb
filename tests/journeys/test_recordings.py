"""Recording and playing with the real program: the same words come again, without a network and without a key."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
from pathlib import Path

from tests.doubles.server import ScriptedServer
from tests.journeys.program import Home, asking

KEY = "kx-canary-9876543210"


def settings(server: ScriptedServer) -> str:
    address = server.base_url("openai")
    return f'[providers.own]\nbase_url = "{address}"\napi_key_env = "OWN_KEY"\n'


def test_what_was_recorded_on_screen_is_played_on_screen(
    home: Home, server: ScriptedServer, tmp_path: Path
) -> None:
    file = tmp_path / "turns.jsonl"
    home.write_settings(settings(server))
    server.reply_text("The first reply.")
    server.reply_text("The second reply.")
    started = home.start("--record", str(file), "-m", "own/scripted-model", OWN_KEY=KEY)
    with started as terminal:
        terminal.wait_for("own / scripted-model")
        for question, reply in (("one", "The first reply."), ("two", "The second reply.")):
            terminal.send(f"{question}\r".encode())
            terminal.wait_for(reply)
        terminal.send(b"/record off\r")
        terminal.wait_for("Recorded 2 requests")
        terminal.send(b"\x11")
        assert terminal.wait_exit() == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert KEY not in file.read_text() and server.chats[0].headers["authorization"] == f"Bearer {KEY}"
    asked, stored = len(server.requests), home.stored()

    elsewhere = Home(tmp_path / "elsewhere")
    with elsewhere.start("--replay", str(file), "--speed", "0") as terminal:
        terminal.wait_for("own / scripted-model")
        terminal.send(b"anything\r")
        terminal.wait_for("The first reply.")
        terminal.send(b"more\r")
        terminal.wait_for("The second reply.")
        terminal.send(b"and more\r")
        terminal.wait_for("The recording is at its end")
        terminal.send(b"\x11")
        assert terminal.wait_exit() == 0
    assert len(server.requests) == asked
    assert not (elsewhere.path / "data" / "chatterm.db").exists()
    assert home.stored() == stored


def test_a_killed_program_leaves_a_recording_that_plays(
    home: Home, server: ScriptedServer, tmp_path: Path
) -> None:
    file = tmp_path / "turn.jsonl"
    server.reply_text("The part before and after", gates={4: "never"})
    with home.start(*asking(server, "--record", str(file), "question")) as terminal:
        terminal.wait_for("The part before")
        os.kill(terminal.pid, signal.SIGKILL)
        terminal.wait_exit()
    status, output, errors = home.run("--replay", str(file), "--speed", "0", "ask", "anything")
    assert (status, output) == (3, "The part before \n")
    assert errors.count("\n") == 1 and "The recording ends here" in errors


def test_what_is_played_is_stored_only_if_that_is_asked_for(
    home: Home, server: ScriptedServer, tmp_path: Path
) -> None:
    file = tmp_path / "turn.jsonl"
    server.reply_text("The reply.")
    assert home.run(*asking(server, "--no-save", "--record", str(file), "question"))[:2] == (
        0,
        "The reply.\n",
    )
    assert home.run("--replay", str(file), "ask", "one") == (0, "The reply.\n", "")
    assert home.run("ask", "--replay", str(file), "--speed", "0", "one") == (0, "The reply.\n", "")
    assert not (home.path / "data").exists()
    assert home.run("--replay", str(file), "--save", "ask", "two") == (0, "The reply.\n", "")
    assert [(turn.prompt, turn.text) for turn in home.stored()] == [("two", "The reply.")]


def test_a_dry_run_prints_what_the_shell_then_sends(home: Home, server: ScriptedServer) -> None:
    home.write_settings(settings(server))
    words = ("ask", "-m", "own/scripted-model", "--dry-run", "it's $HOME")
    status, command, errors = home.run(*words, OWN_KEY=KEY)
    assert (status, errors, server.chats, home.stored()) == (0, "", [], [])
    assert KEY not in command and '"$OWN_KEY"' in command
    server.reply_text("answered")
    environ = {"PATH": os.environ["PATH"], "OWN_KEY": KEY}
    done = subprocess.run(["sh", "-c", command], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "answered" in done.stdout
    assert server.chats[0].headers["authorization"] == f"Bearer {KEY}"
    assert server.chats[0].json["messages"][-1]["content"] == "it's $HOME"


def test_the_cache_answers_the_next_start(home: Home, server: ScriptedServer) -> None:
    server.reply_text("The reply.")
    server.reply_text("Another one.")
    assert home.run(*asking(server, "--cache", "question")) == (0, "The reply.\n", "")
    told = "chatterm: the reply is from the cache; nothing was sent.\n"
    assert home.run(*asking(server, "--cache", "question")) == (0, "The reply.\n", told)
    assert len(server.chats) == 1
    assert home.run(*asking(server, "question")) == (0, "Another one.\n", "")


def test_files_that_cannot_be_used_are_one_clear_line(
    home: Home, server: ScriptedServer, tmp_path: Path
) -> None:
    newer = tmp_path / "newer"
    newer.write_text(json.dumps({"type": "header", "version": 2}) + "\n")
    for arguments, words in (
        (("--replay", str(newer), "ask", "x"), "version 2"),
        (("--replay", str(tmp_path / "none"), "ask", "x"), "is not there"),
        (asking(server, "--record", str(newer), "x"), "is there already"),
    ):
        status, output, errors = home.run(*arguments)
        assert (status, output) == (5, "") and words in errors and "Traceback" not in errors
    assert server.chats == []
