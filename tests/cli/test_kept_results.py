"""Where long results of tools are kept, and that they are not where nothing is to be stored."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from chatterm.backend.tools.base import TellProgress
from chatterm.core.messages import ToolCallPart
from chatterm.core.tools import Access, Decision
from tests.cli.test_tool_wiring import tools_of
from tests.doubles.tools import PlainTool


def files_below(folder: Path) -> list[str]:
    return [str(path) for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("save", [True, False])
async def test_a_long_result_is_kept_only_where_conversations_are(tmp_path: Path, save: bool) -> None:
    async def long(arguments: Mapping[str, object], tell: TellProgress) -> str:
        return "a secret " * 20_000

    async def no(call: ToolCallPart, access: Access) -> Decision:
        return Decision.DENY

    service = tools_of(tmp_path, save=save)
    service.registry.enabled = lambda: asyncio.sleep(0, {"long": PlainTool("long", long)})
    toolbox = service.toolbox("conversation")
    await toolbox.specs()
    started = toolbox.round([ToolCallPart("c0", "long", "{}")], 0, no, lambda event: None)
    await started.run()
    (run,), (result,) = started.runs, started.results
    assert len(result.content) < 60_000 and run.bytes == 180_000
    assert files_below(tmp_path) == ([run.file] if save else [])
    assert bool(run.file) is save
    assert ("The user can open all of it." in result.content) is save
