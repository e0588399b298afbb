"""The part of the table of commands for tools and the servers that offer them."""

from __future__ import annotations

from chatterm.tui.command import Command

TOOL_COMMANDS: tuple[Command, ...] = (
    Command(
        "tools",
        "Tools of the model",
        "Lists tools, what is allowed without asking, and changed files; turns one on or off, revokes, takes back.",
        (),
        ("/tools",),
        "[words]",
    ),
    Command(
        "mcp",
        "MCP servers",
        "Shows how each server is; restarts one, accepts that it changed its tools, or attaches a resource.",
        (),
        ("/mcp",),
        "[words]",
    ),
)
