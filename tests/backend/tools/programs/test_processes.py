"""Programs start with little, and nothing of them outlives a stop, their own end, or chatterm."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from chatterm.backend.tools.programs import tree as process_tree
from chatterm.backend.tools.programs.output import ProgramOutput
from chatterm.backend.tools.programs.processes import Child, Processes, Program, end_group, environment
from chatterm.backend.tools.programs.run import ProgramEnd, run_program
from chatterm.core.errors import ToolError
from tests.backend.tools.programs.process_watch import (
    PATH,
    TREES,
    all_gone,
    linux_only,
    marked,
    marker,
    shell,
)


@pytest.fixture
async def processes() -> AsyncIterator[Processes]:
    made = Processes()
    yield made
    await made.aclose()


async def run(processes: Processes, text: str, folder: Path, seconds: float = 20) -> ProgramEnd:
    return await run_program(processes, shell(text, folder), seconds, lambda _: None)


async def started(processes: Processes, program: Program) -> asyncio.Task[ProgramEnd]:
    """A run that has written something."""
    is_ready = asyncio.Event()
    task = asyncio.create_task(run_program(processes, program, 600, lambda _: is_ready.set()))
    async with asyncio.timeout(20):
        await is_ready.wait()
    return task


def test_the_environment_is_what_programs_need_and_nothing_secret() -> None:
    given = {name: name.lower() for name in ("PATH", "HOME", "LANG", "TERM", "TMPDIR", "LC_ALL", "LC_CTYPE")}
    others = dict.fromkeys(
        ("OPENAI_API_KEY", "LC_API_KEY", "LC_my_secret", "SSH_AUTH_SOCK", "LD_PRELOAD", "X"), "no"
    )
    assert environment(given | others) == given
    assert environment({}) == {"PATH": PATH}


def test_the_user_may_give_a_program_more() -> None:
    environ = {"PATH": "/bin", "GITHUB_TOKEN": "t", "OTHER_TOKEN": "o"}
    found = environment(environ, {"LEVEL": "1"}, ["GITHUB_TOKEN", "MISSING"])
    assert found == {"PATH": "/bin", "GITHUB_TOKEN": "t", "LEVEL": "1"}


@pytest.mark.parametrize("more", [{}, {"LC_CTYPE": "C"}], ids=["without LC_CTYPE", "with LC_CTYPE"])
async def test_a_program_gets_exactly_its_environment(
    processes: Processes, tmp_path: Path, more: dict[str, str]
) -> None:
    given = {"PATH": PATH, "LANG": "C", "LATIN": "ä\n=x", **more}
    program = Program(argv=("/usr/bin/env", "-0"), folder=tmp_path, environment=given)
    child = processes.new()
    pipe = child.start(program).stdout
    assert pipe is not None
    with pipe:
        words = pipe.read().decode().split("\0")[:-1]
    processes.finish(child)
    assert dict(word.split("=", 1) for word in words) == given


@linux_only
async def test_a_program_starts_with_nothing_of_ours(processes: Processes, tmp_path: Path) -> None:
    text = "pwd; cat; ls /proc/self/fd; exec grep -E 'SigBlk|SigIgn|NoNewPrivs' /proc/self/status"
    lines = (await run(processes, text, tmp_path)).output.split()
    assert lines[0] == str(tmp_path)
    assert lines[1:5] == ["0", "1", "2", "3"], "the last is that of the folder it lists"
    assert lines[5:] == ["SigBlk:", "0" * 16, "SigIgn:", "0" * 16, "NoNewPrivs:", "1"]


async def test_it_has_no_terminal_and_keeps_the_umask(processes: Processes, tmp_path: Path) -> None:
    ended = await run(processes, "umask; exec 3</dev/tty", tmp_path)
    mask = os.umask(0)
    os.umask(mask)
    assert int(ended.output.split()[0], 8) == mask
    assert ended.status not in (0, None)


async def test_output_and_errors_come_in_order(processes: Processes, tmp_path: Path) -> None:
    ended = await run(processes, "echo 1; echo 2 >&2; echo 3; echo 4 >&2; exit 7", tmp_path)
    assert (ended.output, ended.status, ended.left) == ("1\n2\n3\n4\n", 7, 0)


async def test_a_signal_is_told_apart_from_a_status(processes: Processes, tmp_path: Path) -> None:
    assert (await run(processes, "kill -9 $$", tmp_path)).status == -9


@pytest.mark.parametrize("argv", ["missing", "plain", "folder"])
async def test_what_cannot_be_started_is_told(processes: Processes, tmp_path: Path, argv: str) -> None:
    (tmp_path / "plain").write_text("text")
    (tmp_path / "folder").mkdir()
    program = Program(argv=(str(tmp_path / argv),), folder=tmp_path, environment={})
    with pytest.raises(ToolError, match=f"{argv} could not be started: [A-Z]"):
        await run_program(processes, program, 20, lambda _: None)


async def test_a_folder_that_is_gone_is_told(processes: Processes, tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="No such file"):
        await run(processes, "true", tmp_path / "gone")


async def test_progress_is_told_ten_times_a_second_at_most(processes: Processes, tmp_path: Path) -> None:
    told: list[tuple[float, str]] = []
    text = "while :; do echo line; done"
    await run_program(
        processes, shell(text, tmp_path), 0.5, lambda text: told.append((time.monotonic(), text))
    )
    assert 1 <= len(told) <= 8
    assert all(len(text) <= 4000 for _, text in told)


async def test_the_end_of_what_was_written_is_told_while_nothing_comes(
    processes: Processes, tmp_path: Path
) -> None:
    told: list[str] = []
    is_whole = asyncio.Event()

    def tell(text: str) -> None:
        told.append(text)
        if text == "a\nb\n":
            is_whole.set()

    program = shell("echo a; sleep 0.02; echo b; sleep 600", tmp_path)
    task = asyncio.create_task(run_program(processes, program, 600, tell))
    async with asyncio.timeout(20):
        await is_whole.wait()
    task.cancel()


async def test_long_output_takes_no_more_memory(processes: Processes, tmp_path: Path) -> None:
    ended = await run(processes, "yes | head -c 30000000", tmp_path, seconds=60)
    assert ended.status == 0
    assert ended.size_bytes == 30_000_000
    assert len(ended.output) < 8 * 1024 * 1024 + 200
    assert "bytes of the output are left out here" in ended.output


def test_kept_output_is_head_and_tail() -> None:
    output = ProgramOutput(kept_bytes=20)
    fed = b""
    for number in range(200):
        piece = f"{number},".encode()
        fed += piece
        output.feed(piece)
    text = output.text()
    assert output.size == len(fed)
    assert text.startswith(fed[:10].decode())
    assert text.endswith(fed[-10:].decode())
    assert f"[{len(fed) - 20:,} bytes" in text


def test_output_that_fits_is_whole_and_binary_is_only_told() -> None:
    output = ProgramOutput(kept_bytes=20)
    output.feed("0123456789äöü".encode() + b"\xff")
    assert output.text() == "0123456789äöü\N{REPLACEMENT CHARACTER}"
    assert output.end() == output.text()
    output.feed(b"\0")
    assert output.text() == "[binary output: 18 bytes, not shown]"


def test_the_end_of_the_output_spans_both_halves() -> None:
    output = ProgramOutput(kept_bytes=9000)
    output.feed(b"a" * 4500 + b"b" * 100)
    assert output.end() == "a" * 3900 + "b" * 100


@linux_only
@pytest.mark.parametrize("tree", TREES)
async def test_a_stop_leaves_nothing_behind(processes: Processes, tmp_path: Path, tree: str) -> None:
    mark = marker()
    task = await started(processes, shell(TREES[tree].format(m=mark), tmp_path))
    assert marked(mark)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert all_gone(mark)


@linux_only
async def test_what_ignores_the_signal_is_killed_while_nobody_waits(
    processes: Processes, tmp_path: Path
) -> None:
    mark = marker()
    text = (
        f"trap '' TERM; (setsid sh -c 'while :; do sleep 600 {mark}; done' &); echo ready; sleep 600 {mark}"
    )
    task = await started(processes, shell(text, tmp_path))
    task.cancel()
    began = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - began < 1.5
    assert marked(mark), "they had 2 s"
    assert all_gone(mark)


@linux_only
async def test_a_program_can_end_in_its_own_way(processes: Processes, tmp_path: Path) -> None:
    mark, said = marker(), tmp_path / "said"
    text = f"trap 'echo bye > said; exit' TERM; echo ready; while :; do sleep 0.01; done; : {mark}"
    program = shell(text, tmp_path)
    task = await started(processes, program)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert all_gone(mark)
    assert said.read_text() == "bye\n"


@linux_only
@pytest.mark.parametrize("tree", TREES)
async def test_a_limit_of_time_leaves_nothing_behind(processes: Processes, tmp_path: Path, tree: str) -> None:
    mark = marker()
    ended = await run(processes, TREES[tree].format(m=mark), tmp_path, seconds=0.1)
    assert ended.status is None
    assert all_gone(mark)


@linux_only
async def test_what_a_program_leaves_running_is_ended_and_told(processes: Processes, tmp_path: Path) -> None:
    mark = marker()
    ended = await run(processes, f"(setsid sleep 600 {mark} &); sleep 600 {mark} & echo done", tmp_path)
    assert (ended.output, ended.status, ended.left) == ("done\n", 0, 2)
    assert all_gone(mark)


@linux_only
async def test_a_program_that_ends_its_supervisor_is_ended_too(processes: Processes, tmp_path: Path) -> None:
    mark = marker()
    with pytest.raises(ToolError, match="lost"):
        await run(processes, f"kill -9 $PPID; exec sleep 600 {mark}", tmp_path)
    assert all_gone(mark)


@linux_only
async def test_twenty_stops_take_a_tenth_of_a_second_each_at_most(
    processes: Processes, tmp_path: Path
) -> None:
    mark = marker()
    slowest = 1e9
    for _ in range(3):  # another program on the machine may hold up one of them
        took: list[float] = []
        for _ in range(20):
            task = await started(
                processes, shell(f"echo ready; sleep 600 {mark} & sleep 600 {mark}", tmp_path)
            )
            began = time.monotonic()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            took.append(time.monotonic() - began)
        slowest = min(slowest, max(took))
        if slowest <= 0.1:
            break
    assert slowest <= 0.1
    assert all_gone(mark)


@linux_only
def test_no_zombie_is_left(tmp_path: Path) -> None:
    children: list[subprocess.Popen[bytes]] = []

    class Seen(Child):
        def start(
            self, program: Program, *, has_input: bool = False, has_errors: bool = False
        ) -> subprocess.Popen[bytes]:
            children.append(super().start(program, has_input=has_input, has_errors=has_errors))
            return children[-1]

    child = Seen()
    pipe = child.start(shell("exit 3", tmp_path)).stdout
    assert pipe is not None
    pipe.close()
    child.wait()
    assert child.status == 3
    assert not Path(f"/proc/{children[0].pid}").exists()


def test_a_child_that_was_ended_before_its_start_is_not_run(tmp_path: Path) -> None:
    child = Child()
    child.end()
    pipe = child.start(shell("touch here", tmp_path)).stdout
    assert pipe is not None
    pipe.close()
    child.wait()
    assert child.status is None
    assert not (tmp_path / "here").exists()


def test_a_child_can_have_pipes_of_its_own(tmp_path: Path) -> None:
    child = Child()
    process = child.start(shell("cat; echo error >&2", tmp_path), has_input=True, has_errors=True)
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdin.write(b"hello")
    process.stdin.close()
    assert (process.stdout.read(), process.stderr.read()) == (b"hello", b"error\n")
    process.stdout.close()
    process.stderr.close()
    child.wait()


@linux_only
async def test_closing_ends_everything_at_once_and_starts_no_more(tmp_path: Path) -> None:
    processes, mark = Processes(), marker()
    text = f"trap '' TERM; echo ready; while :; do sleep 600 {mark}; done"
    tasks = [await started(processes, shell(text, tmp_path)) for _ in range(3)]
    await processes.aclose()
    assert not marked(mark)
    ends = [await task for task in tasks]
    assert [end.status for end in ends] == [-9, -9, -9]
    with pytest.raises(ToolError, match="closed"):
        await run(processes, "true", tmp_path)


_PROGRAM = """
import os, sys
from pathlib import Path
from chatterm.backend.tools.programs.processes import Processes, Program
processes = Processes()
child = processes.new()
argv = ("/bin/sh", "-c", "trap '' TERM; (setsid sleep 600 %s &); echo ready; sleep 600 %s")
pipe = child.start(Program(argv=argv, folder=Path("/"), environment={"PATH": "/usr/bin:/bin"})).stdout
assert pipe.readline() == b"ready\\n"
processes.finish(child)
%s
"""


@linux_only
@pytest.mark.parametrize(
    "way_out", ["processes.kill_all(); sys.exit(3)", "os._exit(3)", "os.kill(os.getpid(), 9)"]
)
def test_nothing_outlives_chatterm(way_out: str) -> None:
    mark = marker()
    done = subprocess.run([sys.executable, "-c", _PROGRAM % (mark, mark, way_out)], timeout=60, check=False)
    assert done.returncode in (3, -9)
    assert all_gone(mark)


def test_programs_run_on_a_loop_of_another_thread(tmp_path: Path) -> None:
    ends: list[ProgramEnd] = []

    def work() -> None:
        ends.append(asyncio.run(run(Processes(), "echo hi", tmp_path)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(60)
    assert [end.output for end in ends] == ["hi\n"]


@linux_only
@pytest.mark.parametrize("at_once", [False, True])
def test_a_group_without_a_supervisor_is_ended(at_once: bool) -> None:
    mark = marker()
    text = f"sleep 600 {mark} & setsid sleep 600 {mark} & echo ready; wait"
    with subprocess.Popen(["/bin/sh", "-c", text], stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        end_group(process.pid, at_once=at_once)
        assert process.wait(20) == (-9 if at_once else -15)
    assert all_gone(mark)


@linux_only
def test_a_stubborn_group_without_a_supervisor_is_killed() -> None:
    mark = marker()
    text = f"trap '' TERM; setsid sleep 600 {mark} & echo ready; while :; do sleep 600 {mark}; done"
    with subprocess.Popen(["/bin/sh", "-c", text], stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        end_group(process.pid)
        assert process.wait(20) == -9
    assert all_gone(mark)


@pytest.mark.skipif(not Path("/bin/ps").exists(), reason="there is no ps")
def test_where_the_system_has_no_proc_ps_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_tree, "sys", SimpleNamespace(platform="darwin"))
    text = "sleep 600 & echo $!; wait"
    with subprocess.Popen(["/bin/sh", "-c", text], stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        began = process_tree.began_at(process.pid)
        assert set(process_tree.tree_of({process.pid: began})) == {process.pid, child}
        assert not process_tree.tree_of({process.pid: f"not {began}"}), (
            "another process had the number before"
        )
        end_group(process.pid, at_once=True)
        assert process.wait(20) == -9
    assert process_tree.began_at(process.pid) == ""


def test_a_leader_that_is_gone_is_no_error() -> None:
    process = subprocess.Popen(["/bin/true"], start_new_session=True)
    process.wait()
    end_group(process.pid)
    end_group(process.pid, at_once=True)
