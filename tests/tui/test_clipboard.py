"""Copying tells what happened: by a program, by OSC 52, to a file, or not at all."""

from __future__ import annotations

import base64
import os
import stat
from pathlib import Path

import pytest

from chatterm.core.errors import ChattermError
from chatterm.tui.clipboard import OSC52_LIMIT, Clipboard

TERMINAL = {"TERM": "xterm-256color", "PATH": ""}


def fake_tool(folder: Path, name: str, status: int) -> dict[str, str]:
    script = folder / name
    script.write_text(f'#!/bin/sh\n/bin/cat > "{folder}/{name}.copied"\nexit {status}\n')
    script.chmod(0o755)
    return TERMINAL | {"PATH": str(folder)}


async def test_osc_52() -> None:
    written: list[str] = []
    copied = await Clipboard(written.append, TERMINAL).copy("grüße\x1b[0m")
    payload = base64.b64encode("grüße\x1b[0m".encode()).decode()
    assert written == [f"\x1b]52;c;{payload}\x07"]
    assert copied.message == "sent to the terminal by OSC 52 · 9 characters"


async def test_tmux_gets_it_plain_and_passed_through() -> None:
    written: list[str] = []
    await Clipboard(written.append, TERMINAL | {"TMUX": "/tmp/tmux-0/default,1,0"}).copy("hi")
    assert written == ["\x1b]52;c;aGk=\x07\x1bPtmux;\x1b\x1b]52;c;aGk=\x07\x1b\\"]


async def test_screen_gets_it_in_short_strings() -> None:
    written: list[str] = []
    await Clipboard(written.append, TERMINAL | {"STY": "1.tty"}).copy("x" * 3000)
    parts = written[0].split("\x1b\\")[:-1]
    assert len(parts) > 1 and all(part.startswith("\x1bP") and len(part) < 768 for part in parts)
    inner = "".join(part.removeprefix("\x1bP") for part in parts)
    assert base64.b64decode(inner.removeprefix("\x1b]52;c;").removesuffix("\x07")) == b"x" * 3000


@pytest.mark.parametrize(
    ("variable", "tool"), [("WAYLAND_DISPLAY", "wl-copy"), ("DISPLAY", "xclip"), ("DISPLAY", "xsel")]
)
async def test_a_program_that_worked_is_named(tmp_path: Path, variable: str, tool: str) -> None:
    written: list[str] = []
    environ = fake_tool(tmp_path, tool, 0) | {variable: ":0"}
    copied = await Clipboard(written.append, environ).copy("text\n")
    assert copied.message == f"copied by {tool} · 5 characters"
    assert (tmp_path / f"{tool}.copied").read_text() == "text\n"
    assert written == []


async def test_a_program_that_failed_is_not_believed(tmp_path: Path) -> None:
    written: list[str] = []
    environ = fake_tool(tmp_path, "xclip", 1) | {"DISPLAY": ":0"}
    copied = await Clipboard(written.append, environ).copy("text")
    assert copied.method == "OSC 52" and len(written) == 1


async def test_over_ssh_the_display_of_the_other_machine_is_not_used(tmp_path: Path) -> None:
    written: list[str] = []
    environ = fake_tool(tmp_path, "xclip", 0) | {"DISPLAY": ":0", "SSH_CONNECTION": "::1 1 ::1 22"}
    assert (await Clipboard(written.append, environ).copy("text")).method == "OSC 52"


@pytest.mark.parametrize("environ", [TERMINAL, {"TERM": "dumb"}, {"TERM": "linux"}])
async def test_what_no_clipboard_takes_goes_to_a_private_file(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    written: list[str] = []
    text = "ä\r\n" * OSC52_LIMIT
    copied = await Clipboard(written.append, environ | {"PATH": ""}, tmp_path).copy(text)
    assert written == []
    assert copied.path is not None and str(copied.path) in copied.message
    assert copied.path.read_bytes() == text.encode()
    assert stat.S_IMODE(copied.path.stat().st_mode) == 0o600


async def test_nothing_is_claimed_when_nothing_worked(tmp_path: Path) -> None:
    clipboard = Clipboard(lambda _: None, {"TERM": "dumb", "PATH": ""}, tmp_path / "absent")
    with pytest.raises(ChattermError, match="Nothing was copied"):
        await clipboard.copy("text")


async def test_a_program_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatterm.tui.clipboard._TOOL_SECONDS", 0.1)
    fifo = tmp_path / "block"
    os.mkfifo(fifo)
    script = tmp_path / "wl-copy"
    script.write_text(f'#!/bin/sh\nexec /bin/cat "{fifo}"\n')
    script.chmod(0o755)
    written: list[str] = []
    environ = TERMINAL | {"PATH": str(tmp_path), "WAYLAND_DISPLAY": "wayland-0"}
    assert (await Clipboard(written.append, environ).copy("text")).method == "OSC 52"
