"""Pages about tools, as Markdown. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from chatterm.core.clean import visible
from chatterm.core.markdown import literal
from chatterm.core.tools import ToolRun
from chatterm.tui.page_table import Row, cell, table
from chatterm.tui.tool_cards import state_words
from chatterm.tui.widgets.figures_text import span_text

if TYPE_CHECKING:
    from chatterm.backend.tools.approval import Rule
    from chatterm.backend.tools.files.undo_copies import UndoCopy
    from chatterm.backend.tools.mcp.values import McpChange, McpStatus
    from chatterm.backend.tools.registry import KnownTool


def tools_page(
    known: Sequence[KnownTool],
    rules: Sequence[Rule],
    copies: Sequence[UndoCopy],
    problems: Iterable[str],
) -> str:
    """All tools, what is allowed without asking, and the files that tools changed."""
    rows = [
        f"| {cell(each.name)} | {_state(each)} | {cell(each.source)} | {cell(each.problem or each.description)} |"
        for each in known
    ]
    parts = ["\n".join(["| tool | | whose | |", "|-|-|-|-|", *rows]) if rows else "There are no tools."]
    parts.append("`/tools on NAME` and `/tools off NAME` turn one on or off, from the next message on.")
    parts += [f"- {literal(visible(line))}" for line in problems]
    if rules:
        lines = [f"{number}. {_rule_words(rule)}" for number, rule in enumerate(rules, start=1)]
        parts += [
            "## Allowed without asking",
            "\n".join(lines),
            "`/tools revoke N` takes one back, `/tools revoke all` all.",
        ]
    if copies:
        lines = [f"{number}. {_copy_words(copy)}" for number, copy in enumerate(copies, start=1)]
        parts += [
            "## Files that tools changed",
            "\n".join(lines),
            "`/tools undo` takes the last change of a tool back, `/tools undo N` any of these.",
        ]
    return "\n\n".join(parts)


def mcp_page(statuses: Sequence[McpStatus], changes: Sequence[McpChange]) -> str:
    """How each server is, and what changed in its tools."""
    if not statuses:
        return "There are no MCP servers. `/help mcp` tells how the settings name one."
    parts: list[str] = []
    for status in statuses:
        rows: list[Row] = [
            ("state", f"{status.state}: {visible(status.reason)}" if status.reason else str(status.state)),
            ("version", visible(status.version)),
            ("offers", f"{status.tools} tools, {status.prompts} prompts, {status.resources} resources"),
            ("last call", span_text(status.call_seconds) if status.call_seconds is not None else ""),
            ("answers a ping in", span_text(status.ping_seconds) if status.ping_seconds is not None else ""),
            ("of no use", f"{status.skipped} lines or messages" if status.skipped else ""),
            *(("left out", visible(line)) for line in status.left_out),
            *(("log", visible(line)) for line in status.log[-5:]),
            ("error output", visible(status.errors.strip().rpartition("\n")[2])),
        ]
        parts.append(table(cell(visible(status.server)), [row for row in rows if row[1]]))
    for change in changes:
        parts += [f"## {cell(visible(change.server))} changed its tools", _change_words(change)]
    parts.append(
        "`/mcp restart NAME` starts a server anew, `/mcp attach NAME` attaches a resource to the prompt."
    )
    return "\n\n".join(parts)


def tool_rows(runs: Iterable[ToolRun]) -> list[Row]:
    """The tool calls of a turn, with times and sizes."""
    rows: list[Row] = []
    for run in runs:
        words = [state_words(run)[0], f"round {run.round + 1}", f"{run.bytes:,} bytes"]
        words += [f"from {visible(run.source)}"] if run.source not in ("", "built-in") else []
        words += [f"all of it in {visible(run.file)}"] if run.file else []
        rows.append((visible(run.name), " · ".join(words)))
    return rows


def _state(tool: KnownTool) -> str:
    if tool.is_on:
        return "on"
    return "cannot be used" if tool.problem else "off"


def _rule_words(rule: Rule) -> str:
    where = "in this conversation" if rule.conversation_id is not None else "always"
    words = f"{rule.tool} ({rule.source}) may {rule.kind} {rule.target}"
    return f"{literal(visible(words))} · {where}"


def _copy_words(copy: UndoCopy) -> str:
    did = "made by" if copy.was_new else "changed by"
    words = f"{copy.path} {did} {copy.tool}, {copy.when.astimezone():%Y-%m-%d %H:%M:%S}"
    return literal(visible(words))


def _change_words(change: McpChange) -> str:
    told = [("new", change.added), ("gone", change.removed), ("other than before", change.changed)]
    lines = [f"- {what}: {literal(visible(', '.join(names)))}" for what, names in told if names]
    shown = "\n".join(f"    {visible(line)}" for line in change.difference.splitlines())
    name = visible(change.server)
    return "\n".join([*lines, "", shown, "", f"`/mcp accept {name}` says that you have seen this."])
