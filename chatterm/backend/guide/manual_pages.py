"""The manual: Markdown pages in the package, each cut into sections at its second-level headings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources

FIRST_TOPIC = "start"
"""The page that a new user reads first."""

_OTHER = re.compile(r"\s*(?:$|[#|>]|[-+*] |\d+[.)] |```)")
"""How a line begins that continues no paragraph."""


@dataclass(frozen=True, slots=True)
class Section:
    """What stands under one second-level heading; `text` is Markdown without the heading."""

    topic: str
    heading: str
    text: str


@dataclass(frozen=True, slots=True)
class Page:
    """One page: `topic` is its file name without `.md`, `summary` the paragraph under the title, `text` all of it."""

    topic: str
    title: str
    summary: str
    text: str
    sections: tuple[Section, ...]


def read_pages() -> tuple[Page, ...]:
    """All pages of the package, the first steps first, the rest by topic."""
    folder = resources.files("chatterm").joinpath("manual")
    texts = {
        file.name.removesuffix(".md"): file.read_text(encoding="utf-8")
        for file in folder.iterdir()
        if file.name.endswith(".md")
    }
    topics = sorted(texts, key=lambda topic: (topic != FIRST_TOPIC, topic))
    return tuple(parse_page(topic, flowing(texts[topic])) for topic in topics)


def parse_page(topic: str, text: str) -> Page:
    """A page from its Markdown: a title line, a summary, then sections."""
    (title, summary), *rest = _split(text)
    return Page(topic, title, summary, text, tuple(Section(topic, heading, body) for heading, body in rest))


def flowing(markdown: str) -> str:
    """A page with each paragraph and list item on one line: breaks are kept where it is shown."""
    lines, in_code = [""], False
    for line in markdown.split("\n"):
        fence = line.lstrip().startswith("```")
        before = lines[-1].lstrip()
        if in_code or fence or _OTHER.match(line) or not before or before.startswith(("#", "|", "```")):
            lines.append(line)
        else:
            lines[-1] += f" {line.strip()}"
        in_code ^= fence
    return "\n".join(lines[1:])


def find_page(pages: Sequence[Page], name: str) -> Page | None:
    """The page of this topic or title, else the one with a section of this heading; case does not matter."""
    wanted = name.strip().casefold()
    for page in pages:
        if wanted in (page.topic, page.title.casefold()):
            return page
    return next(
        (page for page in pages if any(section.heading.casefold() == wanted for section in page.sections)),
        None,
    )


def _split(text: str) -> Iterator[tuple[str, str]]:
    """Headings of level one and two, each with the text up to the next."""
    heading, lines, fenced = "", list[str](), False
    for line in text.splitlines():
        fenced ^= line.startswith("```")
        marks, _, words = line.partition(" ")
        if fenced or marks not in ("#", "##"):
            lines.append(line)
            continue
        if heading:
            yield heading, "\n".join(lines).strip()
        heading, lines = words, []
    yield heading, "\n".join(lines).strip()
