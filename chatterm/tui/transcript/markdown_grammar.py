"""The Markdown that is understood: CommonMark, tables, strikethrough, maths, footnotes and bare addresses.

Imports the parser: to be imported on use. Rules follow the interface of markdown-it's: each looks at the place
where the state is, and if it recognises something there makes tokens (unless `silent`) and moves on.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from mdit_py_plugins.amsmath import amsmath_block, amsmath_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.dollarmath.index import math_inline_dollar

MOST_LEVELS = 24
"""Deeper nesting is not parsed; a text with more has lost some of its content."""

_DEFINITION = re.compile(
    r"\[(?:\^(?P<footnote>[^\[\]\s]{1,80})|[^\[\]]{1,200})\]:[ \t]*(?P<text>\S.*)", re.DOTALL
)
_TARGET = re.compile(r"(?:<[^<>\n]*>|\S+)(?:[ \t]+(?:\"[^\"]*\"|'[^']*'|\([^()]*\)))?[ \t]*")
_SCHEME = re.compile(r"(?<![A-Za-z0-9.+-])https?$", re.IGNORECASE)
_ADDRESS = re.compile(r"https?://[^\s<>\"`|\\]+", re.IGNORECASE)
_AFTER_ADDRESS = ".,;:!?*_~'\")]}"
_OPENED = {")": "(", "]": "[", "}": "{"}
_WORDS = re.compile(r"\d[^\\^_={}]*\s[A-Za-z]{2,}")
_BRACKETS = {"\\(": "\\)", "\\[": "\\]"}
_ENVIRONMENT = re.compile(r"\\begin(\{[A-Za-z]+\*?\})")


def new_parser() -> MarkdownIt:
    """A parser of all that. HTML becomes tokens of its own; link definitions are looked up in `env` alone."""
    parser = MarkdownIt("commonmark", {"maxNesting": MOST_LEVELS}).enable(["table", "strikethrough"])
    dollarmath_plugin(parser, allow_labels=False, allow_blank_lines=False)
    amsmath_plugin(parser)
    parser.block.ruler.at("amsmath", _environment, {"alt": ["paragraph", "reference", "blockquote", "list"]})
    parser.inline.ruler.at("math_inline", _dollars())
    parser.inline.ruler.before("math_inline", "brackets", _brackets)
    parser.inline.ruler.before("escape", "address", _address)
    parser.block.ruler.before("fence", "brackets", _brackets_block)
    parser.block.ruler.at("reference", _definition)
    parser.validateLink = _every_link  # which of them can be opened is decided where they are shown
    return parser


def _every_link(url: str) -> bool:
    return True


def _dollars() -> Callable[[StateInline, bool], bool]:
    """`$..$` and `$$..$$`, but for prices and names of variables."""
    rule = math_inline_dollar(allow_space=False, allow_digits=True, allow_double=True)

    def dollars(state: StateInline, silent: bool) -> bool:
        start = state.pos
        if state.src[start] != "$" or (start and state.src[start - 1].isalnum()) or not rule(state, True):
            return False
        end, state.pos = state.pos, start
        in_words = state.src[end : end + 1].isalnum() or _WORDS.match(state.src, start + 1, end - 1)
        if in_words and state.src[start + 1] != "$":
            return False
        return rule(state, silent)

    return dollars


def _brackets(state: StateInline, silent: bool) -> bool:
    r"""`\(..\)`, and `\[..\]` within a line of text."""
    mark = state.src[state.pos : state.pos + 2]
    if mark not in _BRACKETS:
        return False
    if _last_end(state, _BRACKETS[mark], "") < state.pos:
        return False
    end = state.src.find(_BRACKETS[mark], state.pos + 2)
    if end < 0 or not state.src[state.pos + 2 : end].strip():
        return False
    if not silent:
        token = state.push("math_inline" if mark == "\\(" else "math_inline_double", "math", 0)
        token.content = state.src[state.pos + 2 : end]
        token.markup = mark
    state.pos = end + 2
    return True


def _brackets_block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    r"""`\[` at the beginning of a line, up to a line that ends in `\]`; a blank line ends the search."""
    if state.is_code_block(start) or not _line(state, start).startswith("\\["):
        return False
    if _last_end(state, "\\]") < state.bMarks[start]:
        return False
    last = start
    while not _line(state, last).endswith("\\]") or (last == start and len(_line(state, last)) < 4):
        last += 1
        if last >= end or state.isEmpty(last) or state.sCount[last] < state.blkIndent:
            return False
    if silent:
        return True
    token = state.push("math_block", "math", 0)
    token.content = "\n".join(_line(state, line) for line in range(start, last + 1))[2:-2]
    token.markup = "\\["
    token.block = True
    token.map = [start, last + 1]
    state.line = last + 1
    return True


def _environment(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    r"""`\begin{align}` and the like, up to a line that ends in its `\end`."""
    found = _ENVIRONMENT.match(state.src, state.bMarks[start] + state.tShift[start])
    if found is None or _last_end(state, f"\\end{found[1]}") < found.start():
        return False
    return amsmath_block(state, start, end, silent)


def _last_end(state: StateBlock | StateInline, closing: str, behind: str = r"[^\S\n]*$") -> int:
    """Where the last `closing` of the text is, with what the pattern says behind it; -1 without one.

    Looked for once in a text: looking on from each opening would take time in proportion to the square of it.
    """
    ends: dict[tuple[str, str], int] = state.env.setdefault("ends", {})
    if (state.src, closing) not in ends:
        pattern = re.compile(re.escape(closing) + behind, re.MULTILINE)
        ends[state.src, closing] = max([found.start() for found in pattern.finditer(state.src)], default=-1)
    return ends[state.src, closing]


def _definition(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """A line that defines a link (a token `definition`), or a footnote: a paragraph with the label as its info."""
    if state.is_code_block(start) or (found := _DEFINITION.fullmatch(_line(state, start))) is None:
        return False
    label = found["footnote"]
    if label is None and not _TARGET.fullmatch(found["text"]):
        return False
    if silent:
        return True
    last = start + 1
    if label is None:
        token = state.push("definition", "", 0)
        token.content = _line(state, start)
    else:
        while last < end and not state.isEmpty(last) and not _DEFINITION.fullmatch(_line(state, last)):
            last += 1
        token = state.push("paragraph_open", "p", 1)
        token.info = label
        inline = state.push("inline", "", 0)
        inline.content = "\n".join([found["text"], *(_line(state, line) for line in range(start + 1, last))])
        inline.map = [start, last]
        inline.children = []
        state.push("paragraph_close", "p", -1)
    token.map = [start, last]
    state.line = last
    return True


def _line(state: StateBlock, line: int) -> str:
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]].rstrip(" \t")


def _address(state: StateInline, silent: bool) -> bool:
    """An address that stands in the text as it is. The rule before it has taken in what is left of its colon."""
    colon = state.pos
    if not state.src.startswith("://", colon) or state.linkLevel > 0:
        return False
    scheme = _SCHEME.search(state.src, max(0, colon - 6), colon)
    if scheme is None or not state.pending.endswith(scheme[0]):
        return False
    start = scheme.start()
    found = _ADDRESS.match(state.src, start, state.posMax)
    address = _without_end(found[0]) if found else ""
    if len(address) <= len(scheme[0]) + 3:
        return False
    if not silent:
        state.pending = state.pending[: -len(scheme[0])]
        token = state.push("link_open", "a", 1)
        token.attrs = {"href": address if address.isascii() else state.md.normalizeLink(address)}
        token.markup = "linkify"
        state.push("text", "", 0).content = address
        state.push("link_close", "a", -1)
    state.pos = start + len(address)
    return True


def _without_end(address: str) -> str:
    """Without the punctuation that belongs to the sentence around it."""
    end = len(address)
    counts = {mark: address.count(mark) for mark in "()[]{}"}
    while end and address[end - 1] in _AFTER_ADDRESS:
        mark = address[end - 1]
        opened = _OPENED.get(mark)
        if opened is not None and counts[opened] >= counts[mark]:
            break
        if opened is not None:
            counts[mark] -= 1
        end -= 1
    return address[:end]
