"""What the transcript shows of tool calls, finished or running; the same for a stored turn and a live one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import cast

from chatterm.core.clean import clean_line, visible
from chatterm.core.messages import ToolCallPart, ToolResultPart
from chatterm.core.tools import ToolOutcome, ToolRun, round_seconds
from chatterm.tui.transcript.entries import Section, StateKind
from chatterm.tui.widgets.figures_text import span_text

MOST_RESULT_ROWS = 200
MOST_RESULT_CHARACTERS = 20_000
MOST_ARGUMENT_CHARACTERS = 100_000
_LABEL_CHARACTERS = 200
_TELLING = ("pattern", "query", "path", "url", "command", "argv", "expression", "name")
"""Arguments that say more of a call than others, the most telling first."""

_OUTCOMES: Mapping[ToolOutcome, tuple[str, StateKind]] = {
    ToolOutcome.OK: ("✔", "dim"),
    ToolOutcome.FAILED: ("✘ failed", "error"),
    ToolOutcome.TIMED_OUT: ("✘ timed out", "error"),
    ToolOutcome.DENIED: ("✘ denied", "warning"),
    ToolOutcome.INVALID: ("✘ not understood", "error"),
    ToolOutcome.CANCELLED: ("stopped", "dim"),
}


def card_section(
    call: ToolCallPart,
    state: str,
    kind: StateKind = "dim",
    *,
    run: ToolRun | None = None,
    result: ToolResultPart | None = None,
    source: str = "",
    hint: str = "",
    is_whole: bool = True,
) -> Section:
    """A tool call as a card. `is_whole` is False while its arguments still come in."""
    arguments = _read(call.arguments) if is_whole else None
    name = clean_line(visible(call.name), 64)
    body = [_pretty(call.arguments, arguments)]
    if hint:
        body.append(visible(hint, "\n\t"))
    if result is not None:
        body.append(_bounded(result.content, run))
    if source not in ("", "built-in"):
        body.append(f"from {visible(source)}")
    return Section(
        "tool",
        "\n\n".join(part for part in body if part),
        f"{name} {_label(call.arguments, arguments)}".rstrip(),
        state=state,
        state_kind=kind,
        call_id=call.call_id,
        hint=hint,
    )


def finished_card(call: ToolCallPart, run: ToolRun | None, result: ToolResultPart | None) -> Section:
    """A tool call that is over; without a run nobody knows whether it ran."""
    state, kind = ("no result", "dim") if run is None else state_words(run)
    return card_section(
        call, state, kind, run=run, result=result, source=run.source if run is not None else ""
    )


def state_words(run: ToolRun) -> tuple[str, StateKind]:
    """What became of a call, and how it looks."""
    if run.outcome is ToolOutcome.OK and (run.same_as or run.is_cached):
        return ("✔ same as above" if run.same_as else "✔ from the cache"), "dim"
    words, kind = _OUTCOMES[run.outcome]
    return (f"{words} {_seconds(run.seconds)}" if run.seconds is not None else words), kind


def running_words(seconds: float) -> str:
    """The state of a call that runs."""
    return f"running {seconds:.1f} s"


def round_note(runs: Iterable[ToolRun]) -> Section | None:
    """The line after a round of calls; None where fewer than two ran."""
    ran = tuple(run for run in runs if run.seconds is not None)
    if len(ran) < 2:
        return None
    took, saved = round_seconds(ran)
    words = f"{len(ran)} tools in {_seconds(took)}"
    if saved >= 0.05:
        words += f", saved {_seconds(saved)} by running together"
    return Section("note", words)


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds < 10 else span_text(seconds)


# ---- texts -------------------------------------------------------------------------------------


def _read(arguments: str) -> object:
    try:
        return json.loads(arguments)
    except (ValueError, RecursionError):
        return None


def _label(raw: str, arguments: object) -> str:
    """The arguments on one line: the one that tells most, or all of them."""
    if not isinstance(arguments, dict):
        return clean_line(visible(raw[:_LABEL_CHARACTERS], "\n\t"), _LABEL_CHARACTERS)
    given = cast("dict[str, object]", arguments)
    told = next((given[name] for name in _TELLING if name in given), None)
    values = [told] if told is not None else list(given.values())
    words = " ".join(_word(value) for value in values[:8])
    return clean_line(visible(words[:_LABEL_CHARACTERS], "\n\t"), _LABEL_CHARACTERS)


def _word(value: object) -> str:
    if isinstance(value, list):
        return " ".join(_plain(each) for each in cast("list[object]", value)[:20])
    return _plain(value)


def _plain(value: object) -> str:
    if isinstance(value, str):
        return value[:_LABEL_CHARACTERS]
    try:
        return json.dumps(value, ensure_ascii=False)[:_LABEL_CHARACTERS]
    except RecursionError:
        return "…"


def _pretty(raw: str, arguments: object) -> str:
    if not isinstance(arguments, dict) or not arguments:
        text = raw if arguments is None or raw.strip() not in ("", "{}") else ""
    else:
        try:
            text = json.dumps(arguments, ensure_ascii=False, indent=2)
        except RecursionError:
            text = raw
    more = len(text) - MOST_ARGUMENT_CHARACTERS
    text = visible(text[:MOST_ARGUMENT_CHARACTERS], "\n\t")
    return f"{text}\n… {more:,} more characters" if more > 0 else text


def _bounded(content: str, run: ToolRun | None) -> str:
    """The beginning of a result, and how much more there is where."""
    rows = content[:MOST_RESULT_CHARACTERS].split("\n")
    shown = "\n".join(rows[:MOST_RESULT_ROWS])
    whole = max(run.bytes if run is not None else 0, len(content.encode("utf-8", "replace")))
    more = whole - len(shown.encode("utf-8", "replace"))
    if more <= 0 or (len(shown) == len(content) and not (run is not None and run.file)):
        return visible(content, "\n\t")
    where = f", all of it in {visible(run.file)}" if run is not None and run.file else ""
    return f"{visible(shown, chr(10) + chr(9))}\n… {more:,} more bytes{where}"


# ---- a finished reply --------------------------------------------------------------------------


class ReplyCards:
    """The cards of a reply's tool calls: asked for part by part, in their order."""

    def __init__(self, parts: Sequence[object], runs: Sequence[ToolRun]) -> None:
        self._results = {part.call_id: part for part in parts if isinstance(part, ToolResultPart)}
        self._runs = {run.call_id: run for run in runs}
        self._of_round: list[ToolRun] = []

    def card(self, call: ToolCallPart) -> Section:
        """That of a call."""
        return finished_card(call, self._runs.get(call.call_id), self._results.get(call.call_id))

    def note(self, result: ToolResultPart, follows: object) -> Section | None:
        """The line after the last result of a round; `follows` is the part after this one."""
        if (run := self._runs.get(result.call_id)) is not None:
            self._of_round.append(run)
        if isinstance(follows, ToolResultPart):
            return None
        runs, self._of_round = self._of_round, []
        return round_note(runs)


# ---- a reply that grows ------------------------------------------------------------------------


class LiveCall:
    """A call of a reply that grows: what is known of it so far."""

    def __init__(self, call: ToolCallPart, *, is_whole: bool = False) -> None:
        self.call = call
        self.source = ""
        self.state = "being written"
        self.kind: StateKind = "dim"
        self.started: float | None = None
        self.progress = ""
        self.run: ToolRun | None = None
        self._result: ToolResultPart | None = None
        self._pieces = [call.arguments]
        self._is_whole = is_whole

    def write(self, arguments: str) -> None:
        """More of its arguments came."""
        self._pieces.append(arguments)

    def ask_for(self, call: ToolCallPart, source: str) -> None:
        """All of it is there, and it waits for its turn."""
        self.call, self.source, self._is_whole = call, source, True
        self.state, self.kind = "waiting", "dim"

    def finish(self, result: ToolResultPart, run: ToolRun) -> None:
        """It is over."""
        self._result, self.run, self.started = result, run, None

    def section(self, now: float) -> Section:
        """Its card."""
        if not self._is_whole:
            self.call = replace(self.call, arguments="".join(self._pieces))
            self._pieces = [self.call.arguments]
        if self.run is not None:
            return finished_card(self.call, self.run, self._result)
        if self.started is not None:
            self.state, self.kind = running_words(max(0.0, now - self.started)), "spinner"
        return card_section(
            self.call,
            self.state,
            self.kind,
            source=self.source,
            hint=self.progress,
            is_whole=self._is_whole,
        )
