"""What opens a link, and when nothing does."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from chatterm.core.errors import ChattermError
from chatterm.tui import link_opener
from chatterm.tui.link_opener import find_opener, open_link, why_none

TARGET = "https://docs.example/a?b=$(touch gone)&c=';`touch gone`"


def program(folder: Path, name: str, script: str = "exit 0") -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("platform", "environ", "found"),
    [
        ("linux", {"DISPLAY": ":0"}, "xdg-open"),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, "xdg-open"),
        ("linux", {"WSL_DISTRO_NAME": "Debian", "DISPLAY": ":0"}, "wslview"),
        ("darwin", {}, "open"),
        ("linux", {}, None),
        ("linux", {"DISPLAY": ":0", "SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"}, None),
        ("darwin", {"SSH_TTY": "/dev/pts/1"}, None),
    ],
)
def test_the_opener_of_the_system(
    tmp_path: Path, platform: str, environ: dict[str, str], found: str | None
) -> None:
    for name in ("xdg-open", "wslview", "open"):
        program(tmp_path, name)
    assert find_opener(environ | {"PATH": str(tmp_path)}, platform) == (
        None if found is None else str(tmp_path / found)
    )
    assert find_opener(environ | {"PATH": str(tmp_path / "nowhere")}, platform) is None


def test_why_nothing_opens() -> None:
    assert "ssh" in why_none({"SSH_CONNECTION": "x"})
    assert "ssh" not in why_none({})


def test_the_target_passes_no_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    opener = program(tmp_path, "xdg-open", f'printf "%s|%s" "$#" "$1" > {tmp_path}/got')
    open_link(str(opener), TARGET, {})
    assert (tmp_path / "got").read_text() == f"1|{TARGET}"
    assert not (tmp_path / "gone").exists()


def test_an_opener_that_fails_is_named(tmp_path: Path) -> None:
    opener = program(tmp_path, "xdg-open", "exit 3")
    with pytest.raises(ChattermError, match=r"xdg-open could not open the link \(status 3\)\. Copy"):
        open_link(str(opener), TARGET, {})
    with pytest.raises(ChattermError, match=r"missing cannot be started: No such file"):
        open_link(str(tmp_path / "missing"), TARGET, {})


def test_an_opener_that_stays_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_opener, "WAIT_SECONDS", 0.05)
    opener = program(tmp_path, "xdg-open", "exec sleep 5")
    begun = time.monotonic()
    open_link(str(opener), TARGET, {"PATH": "/usr/bin:/bin"})
    assert time.monotonic() - begun < 4
