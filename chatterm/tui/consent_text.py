"""The words of a question before a tool runs: all that is asked, whole, with what is invisible made visible."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from chatterm.core.clean import visible
from chatterm.core.events import ConsentAsked
from chatterm.core.lookalikes import look_alikes
from chatterm.core.tools import Access, Decision
from chatterm.tui.transcript.looks import DIM, TEXT, Look
from chatterm.tui.widgets.consent_box import Choice, Question, QuestionRow

if TYPE_CHECKING:
    from chatterm.backend.tools.mcp.values import McpStartRequest

_WANTS = {
    "read": "wants to read",
    "write": "wants to write",
    "run": "wants to run",
    "fetch": "wants to fetch from",
    "call": "wants to be called with",
}
_WARNING, _STRONG = Look("warning"), Look("text", bold=True)
_DIFF_LOOKS = {"+": Look("code-string"), "-": Look("error"), "@": Look("fold")}
NO = Choice("n", "or enter no", Decision.DENY)


def consent_question(asked: ConsentAsked, *, keeps: bool = True) -> Question:
    """What is asked before a tool call, or before more rounds of them.

    `keeps` is whether a lasting answer outlives the program.
    """
    access = asked.access
    if access.kind == "rounds":
        number = visible(access.target)
        return Question(
            title="the model goes on and on · your answer is needed",
            rows=(QuestionRow(f"The model called tools {number} times. Go on?", _STRONG),),
            choices=(Choice("y", "go on", Decision.ONCE), NO),
        )
    name, source = visible(asked.call.name), visible(asked.source) or "unknown"
    choices = [Choice("y", "once", Decision.ONCE), NO]
    if access.may_always:
        choices[1:1] = [
            Choice("c", "this conversation", Decision.CONVERSATION),
            Choice("a", "always" if keeps else "until exit", Decision.ALWAYS),
        ]
    return Question(
        title=f"{name} · your answer is needed",
        rows=tuple(_access_rows(name, source, access)),
        choices=tuple(choices),
    )


def start_question(request: McpStartRequest, *, keeps: bool = True) -> Question:
    """What is asked before a server is started or called for the first time; `keeps` as for `consent_question`."""
    name = visible(request.server)
    does = "be called at this address" if request.url else "be started: a program with all that you may do"
    rows = [QuestionRow(f"The MCP server {name} wants to {does}", _STRONG)]
    rows += [QuestionRow(visible(line), TEXT) for line in request.lines()]
    odd = look_alikes(request.url, *request.argv, request.folder)
    rows += [QuestionRow(line, _WARNING) for line in odd]
    lasts = "as long as the settings say exactly this" if keeps else "until chatterm ends"
    rows.append(QuestionRow(f"A yes holds {lasts}.", DIM))
    return Question(
        title=f"MCP server {name} · your answer is needed",
        rows=tuple(rows),
        choices=(Choice("y", "yes", Decision.ALWAYS), NO),
    )


def _access_rows(name: str, source: str, access: Access) -> Iterator[QuestionRow]:
    wants = _WANTS.get(access.kind, f"wants to {access.kind}")
    yield QuestionRow(f"{name} ({source}) {wants}", _STRONG)
    yield QuestionRow(visible(access.target), TEXT)
    for line in look_alikes(access.target, *access.lines):
        yield QuestionRow(line, _WARNING)
    for line in access.lines:
        yield QuestionRow(visible(line), TEXT)
    for line in _changes(access.diff):
        yield QuestionRow(visible(line, "\t").expandtabs(4), _DIFF_LOOKS.get(line[:1], DIM))
    if access.lasting:
        yield QuestionRow(f"c and a also allow {access.lasting}, while {name} describes itself as now", DIM)


def _changes(diff: str) -> list[str]:
    """The lines of a diff without its first two, which name the file: the target does."""
    lines = diff.removesuffix("\n").split("\n") if diff else []
    return lines[2:] if [line[:4] for line in lines[:2]] == ["--- ", "+++ "] else lines
