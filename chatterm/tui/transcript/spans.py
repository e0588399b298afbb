"""What stands inside one paragraph, as spans: marks become looks, links know their targets."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from chatterm.core.clean import clean, clean_line
from chatterm.tui.transcript.looks import Look, Span, Spans

if TYPE_CHECKING:
    from markdown_it.token import Token

LONGEST_TARGET = 2000
"""Characters of an address that is a link; longer ones are shown as text."""

_FOOTNOTE = re.compile(r"\[\^([^\[\]\s]{1,80})\]")
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_OPENABLE = re.compile(r"https?://[^/?#\s]|mailto:[^\s]", re.IGNORECASE)
_HOST = re.compile(r"https?://([^/?#]*@)?([^/?#]+)", re.IGNORECASE)
_HOST_LIKE = re.compile(r"\s*(?:https?://)?((?:[\w-]+\.)+[a-z]{2,})(?:[:/?#]\S*)?\s*", re.IGNORECASE)
_MATHS_ENDS = {"\\(": "\\)", "\\[": "\\]"}


def is_openable(target: str) -> bool:
    """Whether a link may lead there: only to the web and to mail."""
    return len(target) <= LONGEST_TARGET and _OPENABLE.match(target) is not None


def spans_of(tokens: Sequence[Token], look: Look, *, maths: bool = True) -> Spans:
    """The children of an inline token as spans over the given look. A newline in them breaks the line.

    `maths` is whether formulas are converted; else their source is shown.
    """
    if len(tokens) == 1 and tokens[0].type == "text" and "[^" not in tokens[0].content:
        text = _shown(tokens[0].content)
        return (Span(text, look),) if text else ()
    writer = _Writer(look, maths)
    for token in tokens:
        writer.take(token)
    return writer.spans()


def formula(latex: str, *, display: bool, source: str, maths: bool) -> str:
    """What is shown of a formula: its source where it is asked for or nothing better is known."""
    from chatterm.tui.transcript.maths import to_unicode

    shown = to_unicode(latex.strip(), display=display) if maths else None
    return clean(source).strip() if shown is None else shown


def _shown(text: str) -> str:
    """The parser has decoded entities, so that anything may be in it again."""
    return clean(text).replace("\n", " ")


class _Writer:
    def __init__(self, look: Look, maths: bool) -> None:
        self._looks: list[Look] = [look]
        self._maths: bool = maths
        self._spans: list[Span] = []
        self._links: list[tuple[str, int]] = []  # the target, and the number of spans before it
        self._apart: bool = False  # whether the next text begins a new line

    def spans(self) -> Spans:
        return tuple(self._spans)

    def take(self, token: Token) -> None:
        kind = token.type
        if kind == "text":
            self._text(token.content)
        elif kind in ("softbreak", "hardbreak"):
            # Models end a line where they mean it: poems, addresses, a name and a value on each line.
            self._break()
        elif kind == "code_inline":
            self._put(_shown(token.content), self._look._replace(name="code-inline"))
        elif kind == "link_open":
            self._links.append(
                (clean_line(str(token.attrs.get("href", "")), 4 * LONGEST_TARGET), len(self._spans))
            )
            self._looks.append(self._look)
        elif kind == "link_close":
            self._close_link()
        elif kind in ("strong_open", "em_open", "s_open"):
            self._looks.append(_over(kind, self._look))
        elif kind in ("strong_close", "em_close", "s_close"):
            self._looks.pop()
        else:
            self._take_rare(token)

    def _take_rare(self, token: Token) -> None:
        if token.type == "image":
            self._image(token)
        elif token.type == "html_inline" and _BREAK.fullmatch(token.content):
            self._break()
        elif token.type == "html_inline":
            self._put(_shown(token.content), self._look._replace(name="dim"))
        elif token.type.startswith("math_inline"):
            self._formula(token)
        else:
            self._text(token.content)

    @property
    def _look(self) -> Look:
        return self._looks[-1]

    def _put(self, text: str, look: Look | None = None, link: str = "") -> None:
        if self._apart:
            text = text.lstrip(" ")
            self._apart = not text
            text = "\n" + text if text and text[0] != "\n" else text
        if not text:
            return
        look = look or self._look
        last = self._spans[-1] if self._spans else None
        # What belongs to an open link must not go into a span from before it.
        if last and last.look == look and last.link == link and len(self._spans) > self._link_start:
            self._spans[-1] = last._replace(text=last.text + text)
        else:
            self._spans.append(Span(text, look, link))

    @property
    def _link_start(self) -> int:
        return self._links[-1][1] if self._links else 0

    def _break(self) -> None:
        self._put("\n")

    def _text(self, text: str) -> None:
        at = 0
        for found in _FOOTNOTE.finditer(text) if "[^" in text else ():
            self._put(_shown(text[at : found.start()]))
            self._put(f"[{_shown(found[1])}]", self._look._replace(name="link"))
            at = found.end()
        self._put(_shown(text[at:]))

    def _close_link(self) -> None:
        self._looks.pop()
        target, start = self._links.pop()
        inside = self._spans[start:]
        if not is_openable(target):
            shown = "".join([span.text for span in inside])
            if target and target != shown:
                self._put(f" ({clean_line(target)})" if shown else f"({clean_line(target)})", Look("dim"))
            return
        if not inside:
            inside = [Span(target, self._look)]
        self._spans[start:] = [
            span._replace(look=_linked(span.look), link=target) if span.text != "\n" else span
            for span in inside
        ]
        host, named = _HOST.match(target), _HOST_LIKE.fullmatch("".join([span.text for span in inside]))
        if host is None:
            return
        is_other = named is not None and named[1].casefold() != host[2].partition(":")[0].casefold()
        if is_other or host[1]:  # what stands before an @ can look like a host
            self._put(f" ({clean_line(host[2])})", Look("dim"))

    def _image(self, token: Token) -> None:
        target = clean_line(str(token.attrs.get("src", "")), 4 * LONGEST_TARGET)
        host = _HOST.match(target)
        words = " · ".join([each for each in (host[2] if host else "", clean_line(_words(token))) if each])
        self._put(
            f"[image: {clean_line(words)}]" if words else "[image]",
            self._look._replace(name="link"),
            target if is_openable(target) else "",
        )

    def _formula(self, token: Token) -> None:
        display = token.type == "math_inline_double"
        source = f"{token.markup}{token.content}{_MATHS_ENDS.get(token.markup, token.markup)}"
        shown = formula(token.content, display=display, source=source, maths=self._maths)
        look = self._look._replace(name="math")
        if not display:
            self._put(shown.replace("\n", " "), look)
            return
        if self._spans and not self._apart:
            self._spans[-1] = self._spans[-1]._replace(text=self._spans[-1].text.rstrip(" "))
            self._apart = not self._spans[-1].text.endswith("\n")
        self._put(shown, look)
        self._apart = True


def _over(kind: str, look: Look) -> Look:
    if kind == "strong_open":
        return look._replace(bold=True)
    return look._replace(italic=True) if kind == "em_open" else look._replace(strike=True)


def _linked(look: Look) -> Look:
    return look if look.name in ("code-inline", "math") else look._replace(name="link")


def _words(token: Token) -> str:
    """The text of an image: what is inside it, without marks."""
    return "".join([child.content or " " * (child.type == "softbreak") for child in token.children or ()])
