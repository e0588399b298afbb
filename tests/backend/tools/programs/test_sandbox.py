"""The sandbox keeps commands in where it works, and is never claimed where it does not."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import pytest

from chatterm.backend.tools.programs import sandbox as module
from chatterm.backend.tools.programs.processes import Processes, Program
from chatterm.backend.tools.programs.run import run_program
from chatterm.backend.tools.programs.sandbox import Layout, Sandbox, bwrap_argv, seatbelt_argv
from chatterm.core.errors import ToolDeniedError
from tests.backend.tools.programs import escapes
from tests.backend.tools.programs.process_watch import PATH, all_gone, linux_only, marker

Mode = Literal["auto", "required", "off"]


@pytest.fixture
async def processes() -> AsyncIterator[Processes]:
    made = Processes()
    yield made
    await made.aclose()


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A root and a home beside each other, with secrets."""
    home, root = tmp_path / "home", tmp_path / "root"
    for folder in (
        home / ".ssh",
        home / "tool" / "bin",
        home / ".local" / "bin",
        tmp_path / "state",
        root / ".git" / "hooks",
    ):
        folder.mkdir(parents=True)
    (home / ".ssh" / "id").write_text(escapes.SECRET)
    (home / "tool" / "key").write_text(escapes.SECRET)
    (root / ".git" / "config").touch()
    (tmp_path / "state" / "history").write_text(escapes.SECRET)
    hidden = tuple(str(tmp_path / each) for each in ("home/.ssh", "home/tool/key", "state", "missing"))
    path = f"{PATH}:{home}/tool/bin:{home}/.local/bin:{home}:relative"
    return Layout(root=root, home=home, hidden=hidden, path=path)


def pairs(argv: tuple[str, ...], option: str) -> list[str]:
    """What stands after each use of an option."""
    return [argv[at + 1] for at, word in enumerate(argv) if word == option]


def test_bubblewrap_is_told_to_keep_everything_in(layout: Layout) -> None:
    argv = bwrap_argv(layout, ("/usr/bin/git", "log", "--", "-x"), f"{layout.root}/sub")
    assert argv[argv.index("--", 3) + 1 :] == ("/usr/bin/git", "log", "--", "-x")
    assert {"--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "--disable-userns"} <= set(
        argv
    )
    root = str(layout.root)
    assert pairs(argv, "--bind") == [root, f"{root}/.git"], "nothing else can be written"
    assert pairs(argv, "--chdir") == [f"{layout.root}/sub"]
    assert argv.index("--bind") > argv.index("--tmpfs"), "the root is in a folder that is emptied"


def test_bubblewrap_shows_of_the_home_folder_what_programs_need(layout: Layout) -> None:
    home = layout.home
    argv = bwrap_argv(layout, ("/usr/bin/git",), str(layout.root))
    shown = [each for each in pairs(argv, "--ro-bind-try") if each.startswith(str(home))]
    assert shown == [f"{home}/tool/bin", f"{home}/tool", f"{home}/.local/bin"]
    assert str(home) in pairs(argv, "--tmpfs")
    assert f"{home}/tool/key" in argv[argv.index(os.devnull) :], "a hidden file in a folder that is shown"


def test_bubblewrap_only_reads_what_git_runs(layout: Layout) -> None:
    argv = bwrap_argv(layout, ("/usr/bin/git",), str(layout.root))
    assert {f"{layout.root}/.git/hooks", f"{layout.root}/.git/config"} <= set(pairs(argv, "--ro-bind"))
    assert f"{layout.root}/.git" in pairs(argv, "--bind")  # so that it cannot be renamed
    shutil.rmtree(layout.root / ".git")
    (layout.root / ".git").write_text("gitdir: elsewhere")  # of a worktree
    assert f"{layout.root}/.git" in pairs(bwrap_argv(layout, ("git",), str(layout.root)), "--ro-bind")


def test_hidden_folders_are_covered_where_the_root_shows_them(layout: Layout) -> None:
    at_home = Layout(root=layout.home, home=layout.home, hidden=layout.hidden, path=layout.path)
    argv = bwrap_argv(at_home, ("/usr/bin/git",), str(layout.home))
    assert f"{layout.home}/.ssh" in pairs(argv, "--tmpfs")[-1:]
    assert argv.index(f"{layout.home}/.ssh") > argv.index("--bind")


def test_a_program_of_the_home_folder_does_not_show_it(layout: Layout) -> None:
    argv = bwrap_argv(layout, (f"{layout.home}/script",), str(layout.root))
    assert str(layout.home) not in pairs(argv, "--ro-bind-try")


def test_seatbelt_is_told_the_same(layout: Layout, tmp_path: Path) -> None:
    argv = seatbelt_argv(layout, ("/usr/bin/git", "log"), str(tmp_path / "scratch"))
    defined = dict(word.split("=", 1) for word in pairs(argv, "-D"))
    profile = pairs(argv, "-p")[0]
    assert argv[-2:] == ("/usr/bin/git", "log")
    assert "(deny default)" in profile
    assert "network" not in profile, "it is denied by default"
    written = {value for name, value in defined.items() if name.startswith("WRITE")}
    assert written == {str(layout.root), str(tmp_path / "scratch")}
    assert {value for name, value in defined.items() if name.startswith("HIDDEN")} >= set(layout.hidden)
    assert profile.index("HIDDEN0") > profile.index("WRITE0"), "the last rule decides"
    assert all(f'(param "{name}")' in profile for name in defined)
    assert str(layout.root) not in profile, "a path is no part of the rules, whatever it holds"


@pytest.mark.parametrize("mode", ["auto", "off", "required"])
async def test_where_there_is_none_it_is_said(
    layout: Layout, processes: Processes, monkeypatch: pytest.MonkeyPatch, mode: Mode
) -> None:
    monkeypatch.setattr(module, "_PROGRAM_FOLDERS", "/nowhere")
    sandbox = Sandbox(layout, processes, mode)
    if mode == "required":
        with pytest.raises(ToolDeniedError, match="is not installed"):
            await sandbox.state()
        return
    state = await sandbox.state()
    assert not state.is_on
    assert not state.may_always
    assert "it can do all that you can" in state.line


async def test_one_that_does_not_work_is_none(
    layout: Layout, processes: Processes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tried = tmp_path / "tried"
    for name in ("bwrap", "sandbox-exec"):
        (tmp_path / name).write_text(
            f"#!/bin/sh\necho x >> {tried}\necho 'bwrap: not permitted' >&2\nexit 1\n"
        )
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(module, "_PROGRAM_FOLDERS", str(tmp_path))
    sandbox = Sandbox(layout, processes)
    state = await sandbox.state()
    assert not state.is_on
    assert "does not work here: bwrap: not permitted" in state.line
    lines = tried.read_text()
    assert await sandbox.state() is state
    assert tried.read_text() == lines, "tried once"


async def test_nothing_holds_a_command_whose_root_is_everything(layout: Layout, processes: Processes) -> None:
    everything = Layout(root=Path("/"), home=layout.home)
    assert not (await Sandbox(everything, processes).state()).is_on


async def works(processes: Processes, layout: Layout) -> Sandbox:
    sandbox = Sandbox(layout, processes)
    state = await sandbox.state()
    if not state.is_on:
        pytest.skip(state.line)  # says why there is no sandbox on this system
    return sandbox


@linux_only
async def test_no_escape_gets_out(layout: Layout, processes: Processes, tmp_path: Path) -> None:
    sandbox, mark = await works(processes, layout), marker()
    sibling, home = tmp_path / "sibling", layout.home
    sibling.mkdir()
    shutil.copy(escapes.__file__, layout.root)
    short = tempfile.mkdtemp(prefix="s", dir="/tmp")
    address = f"{short}/s"
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_UNIX) as abstract,
        socket.socket(socket.AF_UNIX) as unix,
    ):
        for made, where in ((abstract, "\0" + mark), (unix, address)):
            made.bind(where)
            made.listen()
        host = {
            **{"mark": mark, "sibling": str(sibling), "home": str(home), "key": str(home / ".ssh" / "id")},
            **{"pid": os.getpid(), "port": server.getsockname()[1], "socket": address},
            **{"hidden": str(tmp_path / "state" / "history"), "hidden_file": str(home / "tool" / "key")},
        }
        python = (sys.executable, "-I", "-S", str(layout.root / "escapes.py"), json.dumps(host))
        argv = sandbox.wrap(python, str(layout.root))
        program = Program(argv=argv, folder=layout.root, environment={"PATH": PATH}, may_gain_rights=True)
        ended = await run_program(processes, program, 60, lambda _: None)
    shutil.rmtree(short)
    assert json.loads(ended.output) == {"escaped": [], "tried": len(escapes.TRIES)}
    arrived = [home / "escaped", Path("/tmp") / mark, Path("/dev/shm") / mark, *sibling.iterdir()]
    assert [each for each in arrived if each.exists()] == []
    assert all_gone(mark)


@linux_only
async def test_the_escapes_would_be_seen(layout: Layout, processes: Processes, tmp_path: Path) -> None:
    """Without a sandbox, harmless ones succeed: the test above can fail."""
    host = {"home": str(layout.home), "key": str(layout.home / ".ssh" / "id"), "pid": os.getpid()}
    text = f"""
import json, sys
sys.path.append({str(Path(escapes.__file__).parent)!r})
import escapes
escapes.HOST.update(json.loads(sys.argv[1]))
for name in ("read a key", "read a key by a hard link", "see a process outside", "signal a process outside",
             "write to settings of git", "write to hooks of git", "put another folder in the place of git's"):
    sys.stdout.write(f"{{name}}: {{escapes.TRIES[name]()}}\\n")
"""
    argv = (sys.executable, "-I", "-S", "-c", text, json.dumps(host))
    program = Program(argv=argv, folder=layout.root, environment={"PATH": PATH})
    ended = await run_program(processes, program, 60, lambda _: None)
    assert ended.output.count(": True\n") == 7, ended.output


@linux_only
async def test_a_command_works_in_its_root(layout: Layout, processes: Processes) -> None:
    sandbox = await works(processes, layout)
    assert (await sandbox.state()).may_always
    (layout.home / "tool" / "bin" / "mine").write_text("#!/bin/sh\necho mine\n")
    (layout.home / "tool" / "bin" / "mine").chmod(0o755)
    text = "echo written > file; cat file; mine; echo scratch > /tmp/x && cat /tmp/x; ls -A ~; pwd"
    argv = sandbox.wrap(("/bin/sh", "-c", text), str(layout.root))
    environment = {"PATH": layout.path, "HOME": str(layout.home)}
    program = Program(argv=argv, folder=layout.root, environment=environment, may_gain_rights=True)
    ended = await run_program(processes, program, 60, lambda _: None)
    assert ended.output.splitlines() == ["written", "mine", "scratch", ".local", "tool", str(layout.root)]
    assert (layout.root / "file").read_text() == "written\n"


@linux_only
async def test_a_program_in_a_sandbox_can_end_in_its_own_way(layout: Layout, processes: Processes) -> None:
    sandbox, mark = await works(processes, layout), marker()
    text = f"trap 'echo bye > said; exit' TERM; echo ready; sleep 600 {mark} & wait"
    argv = sandbox.wrap(("/bin/sh", "-c", text), str(layout.root))
    program = Program(argv=argv, folder=layout.root, environment={"PATH": PATH}, may_gain_rights=True)
    is_ready = asyncio.Event()
    task = asyncio.create_task(run_program(processes, program, 60, lambda _: is_ready.set()))
    async with asyncio.timeout(20):
        await is_ready.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert all_gone(mark)
    assert (layout.root / "said").read_text() == "bye\n"


async def test_consent_does_not_last_where_the_home_folder_can_be_written(
    layout: Layout, processes: Processes
) -> None:
    at_home = Layout(root=layout.home, home=layout.home, hidden=layout.hidden, path=PATH)
    state = await (await works(processes, at_home)).state()
    assert not state.may_always
    assert "your home folder is in there" in state.line
