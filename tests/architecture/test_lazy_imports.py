"""Nothing heavy is imported before it is needed: each promise in an interpreter of its own."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT, sources

HEAVY = {
    *("textual", "rich", "pygments", "markdown_it", "httpx", "httpcore", "anyio", "typer", "click"),
    *("sqlite3", "msgspec", "platformdirs", "tomli_w", "asyncio", "ssl"),
}

NAME, FRAME = "chatterm", 1000
"""The first frame holds this word and has at least so many characters: a title or a mode has not."""

DUMP = """
import atexit, sys
atexit.register(lambda: open({path!r}, "w").write("\\n".join(sys.modules)))
sys.argv[1:] = {arguments!r}
"""

PROGRAM = """
from chatterm.__main__ import main
main()
"""


def run(tmp_path: Path, program: str, *arguments: str) -> tuple[set[str], subprocess.CompletedProcess[str]]:
    """Run a program; gives the heavy packages it had loaded at its end."""
    names = tmp_path / "modules"
    code = DUMP.format(path=str(names), arguments=list(arguments)) + program
    done = subprocess.run(
        [sys.executable, "-c", code], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    return {name.split(".")[0] for name in names.read_text().split()} & HEAVY, done


def loaded_by_import(tmp_path: Path, module: str) -> set[str]:
    loaded, done = run(tmp_path, f"import {module}")
    assert done.returncode == 0, done.stderr
    return loaded


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_the_version_needs_nothing(tmp_path: Path, option: str) -> None:
    loaded, done = run(tmp_path, PROGRAM, option)
    assert done.stdout.startswith("chatterm ")
    assert loaded == set()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["ask", "--help"],
        ["batch", "--help"],
        ["bench", "--help"],
        ["models", "--help"],
        ["config", "--help"],
    ],
)
def test_help_needs_typer_alone(tmp_path: Path, arguments: list[str]) -> None:
    loaded, done = run(tmp_path, PROGRAM, *arguments)
    assert "Usage: chatterm" in done.stdout
    assert loaded <= {"typer", "click"}


def test_ask_loads_no_screen(tmp_path: Path, new_user: Path) -> None:
    settings = new_user / "chatterm" / "config.toml"
    settings.parent.mkdir(mode=0o700)
    settings.write_text("[guide]\nwords_per_second = 0\n")
    loaded, done = run(tmp_path, PROGRAM, "ask", "--provider", "guide", "How do I use Ollama?")
    assert done.returncode == 0, done.stderr
    assert "ollama" in done.stdout.lower()
    assert loaded & {"textual", "rich", "pygments", "markdown_it"} == set()
    assert loaded & {"httpx", "httpcore"} == set(), "the guide needs no HTTP client"


@pytest.mark.parametrize(
    "arguments", [["models", "--provider", "guide"], ["config", "show"], ["config", "path"]]
)
def test_other_commands_load_no_screen(tmp_path: Path, arguments: list[str]) -> None:
    loaded, done = run(tmp_path, PROGRAM, *arguments)
    assert done.returncode == 0, done.stderr
    assert loaded & {"textual", "rich", "httpx", "httpcore"} == set()


def test_importing_the_package_imports_nothing(tmp_path: Path) -> None:
    assert (
        loaded_by_import(tmp_path, "chatterm, chatterm.core, chatterm.backend, chatterm.tui, chatterm.cli")
        == set()
    )


def test_core_is_light(tmp_path: Path) -> None:
    names = [source.name.removesuffix(".py").replace("/", ".") for source in sources("chatterm/core")]
    modules = ", ".join(name for name in names if not name.endswith("__init__"))
    assert loaded_by_import(tmp_path, modules) == set()


def test_the_whole_backend_needs_no_screen_no_http_and_no_database(tmp_path: Path) -> None:
    """Even of net, only what speaks HTTP itself imports the client, and the front door does not.

    `tools.mcp.http` is built on the client of the MCP library, and imported with its first server.
    """
    names = [source.name.removesuffix(".py").replace("/", ".") for source in sources("chatterm/backend")]
    inner = [name for name in names if name.startswith("chatterm.backend.net.")]
    inner.append("chatterm.backend.tools.mcp.http")
    modules = [name for name in names if name not in inner and not name.endswith("__init__")]
    loaded = loaded_by_import(tmp_path, ", ".join([*modules, "chatterm.backend.net.client"]))
    assert loaded == {"msgspec", "asyncio", "ssl"}


def test_first_paint_comes_before_http_and_highlighting(tmp_path: Path) -> None:
    """The real program in a terminal: what it had loaded when its first words were written."""
    names = tmp_path / "modules"
    watched = f"""
import os, sys
seen, write = b"", os.write
def watched(fd, data):
    global seen
    if fd == 2:
        seen += bytes(data)
        if {NAME!r}.encode() in seen and len(seen) > {FRAME}:
            os.write = write
            open({str(names)!r}, "w").write("\\n".join(sys.modules))
    return write(fd, data)
os.write = watched
sys.argv[1:] = ["--provider", "guide"]
"""
    assert quit_when_painted(watched + PROGRAM) == 0
    loaded = {name.split(".")[0] for name in names.read_text().split()}
    assert "textual" in loaded
    assert loaded & {"httpx", "httpcore", "anyio", "pygments", "markdown_it", "tomli_w"} == set()


def quit_when_painted(code: str, limit_seconds: float = 60.0) -> int:
    """Run a program in a terminal of 80x24, press Ctrl+Q when it has painted; gives its exit status."""
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"TERM": "xterm-256color"},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    deadline, seen, asked = time.monotonic() + limit_seconds, b"", False
    try:
        with contextlib.suppress(OSError):  # Linux reports a closed terminal as EIO
            while time.monotonic() < deadline:
                if not select.select([controller], [], [], 1.0)[0]:
                    continue
                seen += os.read(controller, 65536)
                if not asked and NAME.encode() in seen and len(seen) > FRAME:
                    os.write(controller, b"\x11")
                    asked = True
        assert asked, seen[-2000:].decode("utf-8", "replace")
        return process.wait(timeout=10)
    finally:
        process.kill()
        process.wait()
        os.close(controller)
