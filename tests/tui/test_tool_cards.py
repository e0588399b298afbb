"""What is shown of tool calls, whatever a model puts into them."""

from __future__ import annotations

import pytest

from chatterm.core.messages import ToolCallPart
from chatterm.tui.tool_cards import card_section


@pytest.mark.parametrize("name", ["path", "other"])
@pytest.mark.parametrize("depth", [1, 300, 340, 600, 900, 980, 5000])
def test_arguments_that_nest_deep_are_shown(name: str, depth: int) -> None:
    arguments = f'{{"{name}": {"[" * depth}{"]" * depth}}}'
    section = card_section(ToolCallPart("c0", "read_file", arguments), "running")
    assert section.head.startswith("read_file") and "[" in section.text
