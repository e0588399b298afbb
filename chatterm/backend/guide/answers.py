"""What the guide says: a section of the manual, related topics, and plainly that no model is involved."""

from __future__ import annotations

from collections.abc import Sequence

from chatterm.backend.guide.manual_pages import Page, Section, read_pages
from chatterm.backend.guide.manual_search import Hit, ManualIndex
from chatterm.backend.guide.manual_words import words_of

FIRST_STEPS = ("start", "The first steps")
REAL_MODEL = ("guide", "Getting a real model")
"""Sections (topic, heading) that the guide quotes by name."""

ANSWER_SCORE = 4.0
ANSWER_COVERAGE = 0.4
"""A section below both of these has too little in common with a question to be an answer to it."""
RELATED = 3
QUESTION_CHARACTERS = 4096
"""More of a question is not looked at: searching a pasted file would hold up the screen."""

_GREETING_WORDS = (
    "hello hi hey hallo moin good day morning afternoon evening greetings thanks thank thx ok okay bye test"
)
_CONTINUING = ("and", "also", "but", "or", "then", "what about", "how about")
_POINTING = frozenset(("it", "that", "this", "these", "those", "there", "them", "one"))

_NO_MODEL = (
    "No model is involved: the guide quotes the manual. To talk to a model, "
    "type `/model`, or start `chatterm --provider ollama --model llama3`."
)


class GuideAnswers:
    """Answers to questions about chatterm, always the same to the same question. The manual is read on first use."""

    def __init__(self) -> None:
        self._pages: tuple[Page, ...] = ()
        self._index: ManualIndex | None = None
        self._greetings = frozenset(words_of(_GREETING_WORDS))

    def answer(self, question: str, previous: str = "", attachments: Sequence[str] = ()) -> str:
        """Markdown. `previous` is the question before this one; `attachments` names files that came with it."""
        index = self._ready()
        question, previous = question.strip()[:QUESTION_CHARACTERS], previous.strip()[:QUESTION_CHARACTERS]
        words = [word for word in words_of(question) if word not in self._greetings]
        follows_up = bool(previous) and is_follow_up(question, len(words))
        hits = index.search(question, previous if follows_up else "", RELATED + 1)
        if not words and not follows_up:
            text = self._welcome()
        elif page := self._page_named(question):
            text = self._overview(page)
        elif section := self._section_named(question):
            text = self._quote(section, hits)
        elif hits and is_answer(hits[0]):
            text = self._quote(hits[0].section, hits)
        else:
            text = self._nothing_found()
        left_out = f"The guide does not read attachments; left out: {', '.join(attachments)}.\n\n"
        return (left_out if attachments else "") + text

    def _ready(self) -> ManualIndex:
        if self._index is None:
            self._pages = read_pages()
            self._index = ManualIndex(self._pages)
        return self._index

    def _quote(self, section: Section, hits: Sequence[Hit]) -> str:
        related = " · ".join(f"**{other.heading}**" for other in self._related(section, hits))
        return (
            f"{_markdown(section)}\n\n---\n\n"
            f"From the manual; `/help {section.topic}` shows the whole page.\n"
            f"Related, ask by name: {related}\n\n{_NO_MODEL}"
        )

    def _page_named(self, question: str) -> Page | None:
        name = _name(question)
        return next((page for page in self._pages if name in (page.topic, page.title.casefold())), None)

    def _section_named(self, question: str) -> Section | None:
        name = _name(question)
        sections = (section for page in self._pages for section in page.sections)
        return next((section for section in sections if section.heading.casefold() == name), None)

    def _overview(self, page: Page) -> str:
        headings = "\n".join(f"- {section.heading}" for section in page.sections)
        return (
            f"## {page.title}\n\n{page.summary} The sections of this page, ask by name:\n\n{headings}\n\n---\n\n"
            f"From the manual; `/help {page.topic}` shows all of it.\n\n{_NO_MODEL}"
        )

    def _related(self, section: Section, hits: Sequence[Hit]) -> list[Section]:
        """The next best sections, filled up with neighbours on the page."""
        page = next(page for page in self._pages if page.topic == section.topic)
        found = [hit.section for hit in hits if is_answer(hit)]
        others = dict.fromkeys([*found, *page.sections])
        return [other for other in others if other != section][:RELATED]

    def _welcome(self) -> str:
        return (
            "This is the guide: it answers questions about chatterm from the manual.\n\n"
            f"{_markdown(self._section(FIRST_STEPS))}\n\n{self._topics()}\n\n{_NO_MODEL}"
        )

    def _nothing_found(self) -> str:
        return (
            "The manual has nothing on that, and the guide knows nothing else: it is no model.\n\n"
            f"{_markdown(self._section(REAL_MODEL))}\n\n{self._topics()}"
        )

    def _topics(self) -> str:
        topics = ", ".join(f"`{page.topic}`" for page in self._pages)
        return f"Ask about one of these topics, or in your own words (which key stops a reply?):\n{topics}"

    def _section(self, name: tuple[str, str]) -> Section:
        return next(
            section
            for page in self._pages
            for section in page.sections
            if (section.topic, section.heading) == name
        )


def is_answer(hit: Hit) -> bool:
    """Whether a section has enough in common with the question to be quoted."""
    return hit.score >= ANSWER_SCORE or hit.coverage >= ANSWER_COVERAGE


def is_follow_up(question: str, content_words: int) -> bool:
    """Whether a question needs the one before it: it goes on with "and", points back, or names nothing itself."""
    said = question.casefold().replace("?", " ").replace(",", " ")
    if f"{said} ".startswith(tuple(f"{opening} " for opening in _CONTINUING)):
        return True
    return content_words <= 2 and not _POINTING.isdisjoint(said.split())


def _markdown(section: Section) -> str:
    return f"## {section.heading}\n\n{section.text}"


def _name(question: str) -> str:
    """A question as the name of a page or section."""
    return question.strip(" \t\n.?!/`*\"'").casefold().removeprefix("help ")
