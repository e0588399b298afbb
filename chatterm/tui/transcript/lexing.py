"""Tokens of code, a line at a time, so that a text may grow: pygments' tables of rules with an own loop.

A rule sees the text up to some lines ahead and no further. So what it makes of a line never changes once those
lines are there, however long the text becomes, and time is bounded by the line and not by the text. What is
longer than that (comments, raw strings, here-documents) pygments often writes as one expression, which could
not see its own end: such a token is a *run* here, from its opener on, line by line until its closer.

Overrides of `get_tokens_unprocessed`, which mostly give library names a colour of their own, are passed by.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple, cast

from chatterm.tui.transcript.looks import CODE, Look

Token = tuple[int, Look]
"""Where a token begins, and how it looks; it goes on to the next one."""

COMMENT, STRING = Look("code-comment"), Look("code-string")
_LOOKS = {
    "Keyword": "keyword",
    "Keyword.Type": "type",
    "Operator.Word": "keyword",
    "Name.Function": "function",
    "Name.Decorator": "function",
    "Name.Builtin": "function",
    "Name.Builtin.Pseudo": "keyword",
    "Name.Class": "type",
    "Name.Exception": "type",
    "Name.Tag": "keyword",
    "Name.Attribute": "function",
    "Name.Entity": "number",
    "Literal.String": "string",
    "Literal.Number": "number",
    "Literal.Date": "number",
    "Comment": "comment",
    "Comment.Preproc": "keyword",
    "Comment.PreprocFile": "string",
    "Generic.Inserted": "string",
    "Generic.Deleted": "keyword",
    "Generic.Heading": "function",
    "Generic.Subheading": "type",
    "Generic.Prompt": "comment",
}
DEFECTS = (
    *(ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, NameError),
    *(RuntimeError, TypeError, ValueError, re.error),
)
"""What faulty lexers raise. They are others' code: what they cannot read is shown plain."""

_EMPTY_TOKENS = 60
"""So many tokens without a character mean that a lexer turns in a circle."""


class Run(NamedTuple):
    """A token of many lines. `closer` is the pattern of its end, with `{}` for the group `name` of its opener.

    A run that begins `below` starts with the line after its opener, as a here-document does.
    """

    opener: re.Pattern[str]
    closer: str
    look: Look
    below: bool = False


class Zone(NamedTuple):
    """A part in another language, while the lexer is in some state."""

    grammar: Callable[[], Grammar]
    closer: re.Pattern[str]


class Grammar(NamedTuple):
    """What is known of a language: its lexer, the lexer's tables and the state it begins in."""

    lexer: Any
    tables: dict[str, Any]
    start: tuple[str, ...] = ("root",)
    context: Any = None
    runs: tuple[Run, ...] = ()
    zones: Mapping[str, Zone] = MappingProxyType({})
    prompt: re.Pattern[str] | None = None


class Begun(NamedTuple):
    """A run that is not at its end."""

    closer: re.Pattern[str]
    look: Look


class Inner(NamedTuple):
    """Another language, up to where it ends."""

    place: Place
    closer: re.Pattern[str]


class Place:
    """Where a lexer stands between two tokens."""

    __slots__ = ("_context", "_grammar", "_inner", "_next_run", "_run", "_stack")

    def __init__(self, grammar: Grammar) -> None:
        self._grammar: Grammar = grammar
        self._stack: list[str] = list(grammar.start)
        self._context: Any = None if grammar.context is None else grammar.context("", 0)
        self._run: Begun | None = None
        self._next_run: Begun | None = None
        self._inner: Inner | None = None

    def copy(self) -> Place:
        """A place that goes its own way from here."""
        made = Place.__new__(Place)
        made._grammar, made._stack = self._grammar, list(self._stack)
        made._run, made._next_run = self._run, self._next_run
        made._inner = None if self._inner is None else Inner(self._inner.place.copy(), self._inner.closer)
        made._context = None
        if self._context is not None:
            made._context = self._grammar.context("", 0)
            values: dict[str, Any] = self._context.__dict__
            made._context.__dict__.update({key: _copied(value) for key, value in values.items()})
        return made

    def scan(self, text: str, at: int, stop: int, view: int, out: list[Token]) -> int:
        """Goes on from `at` to `stop`, the end of its line, or to where the last token begun before it ends.

        Nothing beyond `view` is looked at. Puts the tokens into `out`; returns where it stands then.
        """
        if self._grammar.prompt is not None:
            return self._scan_prompt(self._grammar.prompt, text, at, stop, out)
        if self._context is not None:
            self._context.text = text[:view]
        while at < stop:
            if self._run is not None:
                at = self._scan_run(self._run, text, at, stop, out)
            elif self._inner is not None:
                at = self._scan_inner(self._inner, text, at, (stop, view), out)
            else:
                at = self._scan_tokens(text, at, stop, stop if self._next_run else view, out)
        if self._next_run is not None and text[at - 1] == "\n":
            self._run, self._next_run = self._next_run, None
        return at

    def _scan_prompt(self, prompt: re.Pattern[str], text: str, at: int, stop: int, out: list[Token]) -> int:
        """A line of a session: what was typed is code, all else is plain."""
        match = prompt.match(text, at, stop)
        if match is None:
            out.append((at, CODE))
            return stop
        if match["more"] is None:
            self._stack[:] = self._grammar.start
        out.append((at, COMMENT))
        at = match.end()
        while at < stop:
            at = self._scan_tokens(text, at, stop, stop, out)
        return at

    def _scan_run(self, run: Begun, text: str, at: int, stop: int, out: list[Token]) -> int:
        match = run.closer.search(text, at, stop)
        out.append((at, run.look))
        if match is None:
            return stop
        self._run = None
        return match.end()

    def _scan_inner(self, inner: Inner, text: str, at: int, ends: tuple[int, int], out: list[Token]) -> int:
        stop, view = ends
        match = inner.closer.search(text, at, view)
        if match is not None:
            view = match.start()
        if at < view:
            at = inner.place.scan(text, at, min(stop, view), view, out)
        if match is not None and at >= view:
            self._inner = None
        return at

    def _scan_tokens(self, text: str, at: int, stop: int, view: int, out: list[Token]) -> int:
        """By the rules, until `stop` or the begin of a run or of another language."""
        grammar, tables, idle = self._grammar, self._grammar.tables, 0
        while at < stop:
            state = self._stack[-1]
            zone = grammar.zones.get(state)
            if zone is not None and zone.closer.match(text, at, view) is None:
                self._inner = Inner(Place(zone.grammar()), zone.closer)
                return at
            match = action = change = None
            for rule, action, change in tables[state]:  # noqa: B007  # what the rule that matched says
                match = rule(text, at, view)
                if match is not None:
                    break
            for run in grammar.runs:
                opener = run.opener.match(text, at, view)
                if opener is not None and not _is_other(run, opener, match, action, change):
                    return self._open(run, opener, out)
            before = at
            if match is None:
                out.append((at, CODE))
                if text[at] == "\n":
                    self._stack[:] = grammar.start
                at += 1
            else:
                at = self._take(match, action, change, view, out)
            idle = idle + 1 if at <= before else 0
            if idle > _EMPTY_TOKENS:
                self._stack[:] = grammar.start
                out.append((before, CODE))
                at, idle = before + 1, 0
        return at

    def _open(self, run: Run, opener: re.Match[str], out: list[Token]) -> int:
        begun = Begun(_compiled(_closer(run, opener)), run.look)
        if run.below:
            self._next_run = begun
        else:
            self._run = begun
        out.append((opener.start(), run.look))
        return opener.end()

    def _take(self, match: re.Match[str], action: Any, change: Any, view: int, out: list[Token]) -> int:
        """Puts what a rule has found and goes to the state it leads to; returns where that ends."""
        at, end, context = match.start(), match.end(), self._context
        try:
            kind = _kind(action)
            if kind is not None or action is None:
                if end > at:
                    out.append((at, CODE if kind is None else look_of(kind)))
            else:
                found: list[tuple[int, Any, str]]
                if context is None:
                    found = list(action(self._grammar.lexer, match))
                else:
                    context.pos, context.end, context.stack = at, view, self._stack
                    found = list(action(self._grammar.lexer, match, context))
                    end, self._stack = max(at, min(context.pos, view)), context.stack
                _put(at, end, found, out)
            if change is not None:
                _change(self._stack, change)
            if self._stack[-1] in self._grammar.tables:
                return end
        except DEFECTS:
            pass
        self._stack = list(self._grammar.start)
        out.append((at, CODE))
        return max(end, at + 1)


def _put(at: int, end: int, found: list[tuple[int, Any, str]], out: list[Token]) -> None:
    """Puts the tokens that a callback gave for this part of the text; what it left out is plain."""
    for start, kind, value in found:
        if start < at or start >= end or not value:
            continue
        if start > at:
            out.append((at, CODE))
        out.append((start, look_of(kind)))
        at = start + len(value)
    if at < end:
        out.append((at, CODE))


def _change(stack: list[str], change: Any) -> None:
    """Moves to another state, as pygments writes such moves: names, tuples of names, and how many to leave."""
    if isinstance(change, int):
        del stack[max(1, len(stack) + change) :]
        return
    moves = cast(tuple[str, ...], change if isinstance(change, tuple) else (change,))
    for state in moves:
        if state == "#pop":
            if len(stack) > 1:
                stack.pop()
        elif state == "#push":
            stack.append(stack[-1])
        else:
            stack.append(state)


def _is_other(run: Run, opener: re.Match[str], match: re.Match[str] | None, action: Any, change: Any) -> bool:
    """Whether the lexer's rule has seen something else here than the begin of a run: all of it, or its end."""
    if match is None:
        return False
    if isinstance(change, int) and change < 0:
        return True
    kind = _kind(action)
    look = CODE if kind is None else look_of(kind)
    if run.look == COMMENT and look == STRING and kind is not None and kind[-1] != "Regex":
        return True
    inside = match.end() > opener.end() and look in (COMMENT, STRING)
    return inside and _compiled(_closer(run, opener) + r"\n?\Z").search(match[0], len(opener[0])) is not None


def _kind(action: Any) -> tuple[str, ...] | None:
    """The type of the one token that a rule gives; None where it gives none, or calls something."""
    return None if action is None or callable(action) else cast(tuple[str, ...], action)


def _closer(run: Run, opener: re.Match[str]) -> str:
    return run.closer.replace("{}", opener["name"]) if "{}" in run.closer else run.closer


def _copied(value: Any) -> Any:
    return [*cast(list[Any], value)] if isinstance(value, list) else value


@lru_cache(64)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.MULTILINE)


@cache
def look_of(kind: tuple[str, ...]) -> Look:
    """How a token of this type looks: as the nearest type above it that has a look."""
    for size in range(len(kind), 0, -1):
        name = _LOOKS.get(".".join(kind[:size]))
        if name is not None:
            return Look(f"code-{name}")
    return CODE
