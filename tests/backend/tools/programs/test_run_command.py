"""Commands are what the user saw, word for word; a yes to one is none to another."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Literal

import pytest

from chatterm.backend.tools.approval import Approvals
from chatterm.backend.tools.base import PreparedCall, ToolOutput
from chatterm.backend.tools.builtin.run_command import RunCommand
from chatterm.backend.tools.files.denied_paths import DeniedPaths
from chatterm.backend.tools.files.rooted import Root
from chatterm.backend.tools.programs import sandbox as sandbox_module
from chatterm.backend.tools.programs.processes import Processes
from chatterm.backend.tools.programs.sandbox import Layout, Sandbox
from chatterm.core.errors import InvalidCallError, ToolDeniedError, ToolError
from chatterm.core.tools import Access, Decision
from tests.backend.tools.programs.process_watch import PATH, all_gone, linux_only, marker

GIT = shutil.which("git", path=PATH)

MakeTool = Callable[..., RunCommand]


@pytest.fixture
async def make_tool(tmp_path: Path) -> AsyncIterator[MakeTool]:
    """The tool with a root that holds a program `git` and a folder `sub`; without a sandbox unless it is wanted."""
    processes = Processes()
    folder = tmp_path / "root"
    (folder / "sub").mkdir(parents=True)
    (folder / "git").write_text("#!/bin/sh\necho not git\n")
    (folder / "git").chmod(0o755)

    def make(
        mode: Literal["auto", "required", "off"] = "off", path: str = PATH, limit_seconds: float = 60
    ) -> RunCommand:
        layout = Layout(root=folder, home=tmp_path / "home", path=path)
        return RunCommand(
            root=Root(folder, DeniedPaths()),
            processes=processes,
            sandbox=Sandbox(layout, processes, mode),
            environment={"PATH": path, "LANG": "C"},
            limit_seconds=limit_seconds,
        )

    yield make
    await processes.aclose()


async def prepare(tool: RunCommand, *argv: str, **more: object) -> PreparedCall:
    return await tool.prepare({"argv": list(argv), **more})


async def access_of(tool: RunCommand, *argv: str, **more: object) -> Access:
    access = (await prepare(tool, *argv, **more)).access
    assert access is not None
    return access


async def run(tool: RunCommand, *argv: str, **more: object) -> ToolOutput:
    return await (await prepare(tool, *argv, **more)).run(lambda _: None)


async def test_consent_is_for_the_very_words(make_tool: MakeTool) -> None:
    tool = make_tool()
    access = await access_of(tool, "echo", 'a "b"', "", "c\\d")
    target = json.loads(access.target)
    assert access.kind == "run"
    assert target["argv"] == ["echo", 'a "b"', "", "c\\d"]
    assert target["program"] == f"{Path(target['program']).parent}/echo"
    assert any(line.startswith("folder: /") for line in access.lines)
    assert "no sandbox (turned off by [tools] sandbox): it can do all that you can" in access.lines
    assert "environment: PATH, LANG" in access.lines


async def test_the_words_reach_the_program_as_they_are(make_tool: MakeTool) -> None:
    words = ["&&", "$HOME", "*", "a b", "", "`id`", "x\ny", "ä€🙂", "-n"]
    output = await run(make_tool(), "printf", "[%s]", *words)
    assert output.text.partition("\n")[2] == "".join(f"[{word}]" for word in words)


ALLOWED = ("echo", "x")

OTHERS = {
    "a command after it": ("echo", "x", "&&", "ls"),
    "a command in the word": ("echo", "x && ls"),
    "a word more": ("echo", "x", ""),
    "a word less": ("echo",),
    "a longer word": ("echo", "xx"),
    "two words in one": ("echo x",),
    "another case": ("echo", "X"),
    "a letter that looks alike": ("echo", "х"),
    "a space before": ("echo", " x"),
    "a newline after": ("echo", "x\n"),
    "a hidden character": ("echo", "x\u200b"),
    "a full path": ("/bin/echo", "x"),
    "a shell": ("sh", "-c", "echo x"),
    "a quoted word": ("echo", "'x'"),
    "JSON in a word": ("echo", 'x","y'),
}


@pytest.mark.parametrize("other", OTHERS)
async def test_a_yes_to_one_command_is_none_to_another(make_tool: MakeTool, other: str) -> None:
    tool, approvals = make_tool(), Approvals()
    allowed = await always(tool, ALLOWED)
    await approvals.remember(Decision.ALWAYS, tool, allowed, "c")
    assert approvals.allows(tool, await always(tool, ALLOWED), "c")
    try:
        different = await always(tool, OTHERS[other])
    except ToolError:
        return  # there is no such program
    assert not approvals.allows(tool, different, "c")


async def always(tool: RunCommand, argv: tuple[str, ...], **more: object) -> Access:
    """As it would be in a sandbox, where consent may last."""
    access = await access_of(tool, *argv, **more)
    return Access(kind=access.kind, target=access.target, lines=access.lines)


async def test_a_yes_holds_for_one_folder_and_one_program(make_tool: MakeTool, tmp_path: Path) -> None:
    first = await always(make_tool(), ("git",)) if GIT else None
    in_root = await always(make_tool(path=f"{tmp_path}/root:{PATH}"), ("git",))
    below = await always(make_tool(path=f"{tmp_path}/root:{PATH}"), ("git",), folder="sub")
    assert len({each.target for each in (first, in_root, below) if each}) == (3 if first else 2)


async def test_a_yes_does_not_last_without_a_sandbox(make_tool: MakeTool) -> None:
    tool, approvals = make_tool(), Approvals()
    access = await access_of(tool, *ALLOWED)
    assert not access.may_always
    for decision in (Decision.ALWAYS, Decision.CONVERSATION):
        await approvals.remember(decision, tool, access, "c")
    await approvals.remember(Decision.ALWAYS, tool, await always(tool, ALLOWED), "c")
    assert not approvals.allows(tool, access, "c"), "not even one that was given in a sandbox"


@pytest.mark.parametrize("argv", [["echo", "a\0b"], ["\0"], ["echo", "\ud800"], ["echo", "\udc80"]])
async def test_words_that_no_program_can_get_are_refused(make_tool: MakeTool, argv: list[str]) -> None:
    with pytest.raises(InvalidCallError):
        await prepare(make_tool(), *argv)


@pytest.mark.parametrize(
    "arguments",
    [
        *({}, {"argv": []}, {"argv": "ls"}, {"argv": [1]}, {"argv": ["ls"], "shell": True}),
        *({"argv": ["ls"], "timeout": 0}, {"argv": ["ls"], "timeout": float("nan")}),
        *({"argv": ["x"] * 1001}, {"argv": ["x" * 100_001]}),
    ],
)
async def test_arguments_that_do_not_fit_are_refused(
    make_tool: MakeTool, arguments: dict[str, object]
) -> None:
    with pytest.raises(InvalidCallError):
        await make_tool().prepare(arguments)


@pytest.mark.parametrize(
    "name", ["no-such-program", "", "./missing", "sub", "./sub", "echo x", "..", "/etc/passwd"]
)
async def test_what_is_no_program_is_told(make_tool: MakeTool, name: str) -> None:
    with pytest.raises(ToolError, match="There is no program"):
        await prepare(make_tool(), name)


async def test_a_line_for_a_shell_gets_a_hint(make_tool: MakeTool) -> None:
    with pytest.raises(ToolError, match=r'\["sh", "-c", \.\.\.\]'):
        await prepare(make_tool(), "echo x && ls")


@pytest.mark.parametrize("folder", ["..", "/", "sub/../..", "~", "sub\0", "/etc"])
async def test_a_folder_outside_the_root_is_refused(make_tool: MakeTool, folder: str) -> None:
    with pytest.raises((ToolError, InvalidCallError)):
        await run(make_tool(), "pwd", folder=folder)


async def test_a_link_out_of_the_root_is_no_folder(make_tool: MakeTool, tmp_path: Path) -> None:
    tool = make_tool()
    call = await prepare(tool, "pwd", folder="sub")
    (tmp_path / "root" / "sub").rmdir()
    (tmp_path / "root" / "sub").symlink_to("/etc")
    with pytest.raises(ToolError):
        await call.run(lambda _: None)


async def test_a_program_in_the_root_does_not_pass_for_another(make_tool: MakeTool, tmp_path: Path) -> None:
    tool = make_tool(path=f":.:{PATH}")
    access = await access_of(tool, "./git")
    assert f"program: {tmp_path}/root/git" in access.lines
    assert "this program lies in the folder that tools may write to" in access.lines
    assert "not git" in (await run(tool, "./git")).text
    if GIT:
        access = await access_of(tool, "git")
        assert json.loads(access.target)["program"] == GIT, "PATH entries without a root count for nothing"


async def test_a_program_that_was_swapped_after_the_question_is_not_run(
    make_tool: MakeTool, tmp_path: Path
) -> None:
    call = await prepare(make_tool(), "./git")
    new = tmp_path / "new"
    new.write_text("#!/bin/sh\necho something else\n")
    new.chmod(0o755)
    new.rename(tmp_path / "root" / "git")
    with pytest.raises(ToolError, match="changed since the user was asked"):
        await call.run(lambda _: None)


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (("sh", "-c", "a | b"), "runs a shell: sh does whatever its arguments say"),
        (("env", "X=1", "/bin/bash", "-c", "x"), "runs a shell: bash does whatever its arguments say"),
        (("echo", "pаypal"), "not ASCII: U+0430"),
        (("echo", "a\nb"), "a word of it has more than one line"),
    ],
)
async def test_what_may_mislead_is_said(make_tool: MakeTool, argv: tuple[str, ...], line: str) -> None:
    assert line in (await access_of(make_tool(), *argv)).lines
    assert line not in (await access_of(make_tool(), "echo", "plain")).lines


async def test_a_link_to_a_program_is_shown_with_what_it_is(make_tool: MakeTool, tmp_path: Path) -> None:
    (tmp_path / "root" / "harmless").symlink_to("/bin/sh")
    lines = (await access_of(make_tool(), "./harmless")).lines
    assert lines[0].startswith(f"program: {tmp_path}/root/harmless, which is /")
    assert any(line.startswith("runs a shell: ") for line in lines)


async def test_a_status_is_told_and_is_no_error(make_tool: MakeTool) -> None:
    output = await run(make_tool(), "sh", "-c", "echo out; echo err >&2; exit 3")
    assert output.text.startswith("[exit status 3, ")
    assert output.text.endswith(" s]\nout\nerr\n")
    assert not output.is_error


async def test_a_signal_is_told(make_tool: MakeTool) -> None:
    assert (await run(make_tool(), "sh", "-c", "kill -9 $$")).text.startswith("[ended by signal 9, ")


async def test_it_runs_in_the_folder(make_tool: MakeTool, tmp_path: Path) -> None:
    assert (await run(make_tool(), "pwd", folder="sub")).text.endswith(f"\n{tmp_path}/root/sub\n")


async def test_one_that_takes_too_long_tells_what_it_wrote(make_tool: MakeTool) -> None:
    output = await run(make_tool(), "sh", "-c", "echo begun; sleep 600", timeout=0.5)
    assert output.is_error
    assert output.text.startswith("[ended, since it took longer than 0.5 s, ")
    assert output.text.endswith("]\nbegun\n")


async def test_it_ends_before_the_limit_that_would_lose_its_output(make_tool: MakeTool) -> None:
    assert "ended after 29 s" in (await access_of(make_tool(limit_seconds=30), "echo", timeout=500)).lines
    assert "ended after 0.75 s" in (await access_of(make_tool(limit_seconds=1), "echo")).lines


async def test_where_a_sandbox_is_required_nothing_runs_without(
    make_tool: MakeTool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox_module, "_PROGRAM_FOLDERS", "/nowhere")
    with pytest.raises(ToolDeniedError, match="may only run in a sandbox"):
        await prepare(make_tool("required"), "echo")


@linux_only
async def test_it_runs_in_a_sandbox_where_there_is_one(make_tool: MakeTool, tmp_path: Path) -> None:
    tool = make_tool("auto")
    access = await access_of(tool, "sh", "-c", "echo x > file; echo y > ../file; echo $TMPDIR")
    if not access.may_always:
        pytest.skip(access.lines[-3])  # says why there is no sandbox on this system
    assert f"in a sandbox: writes only below {tmp_path}/root, no network" in access.lines
    output = await run(tool, "sh", "-c", "echo x > file; echo y > ../file; echo $TMPDIR")
    assert output.text.endswith("/tmp\n")
    assert (tmp_path / "root" / "file").exists()
    assert not (tmp_path / "file").exists()


@linux_only
async def test_a_stop_ends_the_command_and_is_not_waited_for(make_tool: MakeTool) -> None:
    mark, is_ready = marker(), asyncio.Event()
    call = await prepare(
        make_tool(), "sh", "-c", f"echo ready; (setsid sleep 600 {mark} &); sleep 600 {mark}"
    )
    task = asyncio.ensure_future(call.run(lambda _: is_ready.set()))
    async with asyncio.timeout(20):
        await is_ready.wait()
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - began < 1.5
    assert all_gone(mark)


async def test_the_model_is_told_how_to_call_it(make_tool: MakeTool) -> None:
    spec = make_tool().spec
    assert spec.name == "run_command"
    assert "no shell" in spec.description
    assert set(spec.parameters["properties"]) == {"argv", "folder", "timeout"}  # pyright: ignore[reportArgumentType]  # a mapping of the schema
