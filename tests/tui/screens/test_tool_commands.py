"""/tools on the whole program: what it lists, turns on and off, and takes back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from chatterm.backend.tools.approval import Approvals
from chatterm.backend.tools.builtin.write_file import WriteFile
from chatterm.backend.tools.files.denied_paths import denied_paths
from chatterm.backend.tools.files.rooted import Root
from chatterm.backend.tools.files.undo_copies import UndoCopies
from chatterm.backend.tools.registry import ToolRegistry
from chatterm.config.paths import Paths
from tests.tui.conftest import Launch


@dataclass(frozen=True)
class Tools:
    """Real tools for files in a folder, as the screens reach them."""

    folder: Path
    registry: ToolRegistry
    approvals: Approvals
    around: SimpleNamespace
    gate: SimpleNamespace
    servers: None = None

    async def write(self, name: str, content: str) -> None:
        """Let the tool write a file."""
        tool = (await self.registry.enabled())["write_file"]
        prepared = await tool.prepare({"path": name, "content": content})
        await prepared.run(lambda words: None)


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    folder = tmp_path / "project"
    folder.mkdir()
    paths = Paths(settings=tmp_path / "settings", data=tmp_path / "data", state=tmp_path / "state")
    copies = UndoCopies(tmp_path / "undo")
    root = Root(str(folder), denied_paths(paths, {}))
    return Tools(
        folder,
        ToolRegistry(("write_file",), {"write_file": lambda: WriteFile(root, copies)}),
        Approvals(),
        SimpleNamespace(undo_copies=copies, paths=paths, environ={}),
        SimpleNamespace(ask=None),
    )


async def test_undo_goes_further_back_each_time_and_a_number_brings_a_change_again(
    launch: Launch, tools: Tools
) -> None:
    file = tools.folder / "notes.txt"
    file.write_text("one\n", encoding="utf-8")
    await tools.write("notes.txt", "two\n")
    await tools.write("notes.txt", "three\n")
    async with launch(tools=tools) as program:
        for expected in ("two\n", "one\n"):
            await program.send("/tools undo")
            await program.until(lambda expected=expected: file.read_text("utf-8") == expected)
        await program.until(lambda: "is what it was before" in program.notices)
        await program.send("/tools undo")
        await program.until(lambda: "There is no change of a tool to take back" in program.notices)
        assert file.read_text("utf-8") == "one\n"
        await program.pilot.press("ctrl+c")
        await program.send("/tools undo 1")
        await program.until(lambda: file.read_text("utf-8") == "two\n")


async def test_where_nothing_can_be_undone_or_revoked_it_says_so(launch: Launch, tools: Tools) -> None:
    async with launch(tools=tools) as program:
        await program.send("/tools undo")
        await program.until(lambda: "There is no change of a tool to take back" in program.notices)
        await program.pilot.press("ctrl+c")
        await program.send("/tools revoke all")
        await program.until(lambda: "Nothing is allowed without asking" in program.notices)


async def test_the_list_tells_of_each_tool_in_a_whole_sentence(launch: Launch, tools: Tools) -> None:
    (known,) = await tools.registry.known()
    assert known.description == "Write a text file as a whole: make it, or replace all that is in it."
    async with launch(size=(100, 30), tools=tools) as program:
        await program.send("/tools")
        await program.shown("Write a text file as a whole: make it")
