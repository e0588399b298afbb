"""What the transcript shows of one message."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from chatterm.core.clean import clean, clean_line

Role = Literal["user", "assistant", "notice"]
Status = Literal["done", "queued", "live"]
EndingKind = Literal["plain", "warning", "error"]
SectionKind = Literal["text", "thinking", "tool", "note"]
StateKind = Literal["dim", "spinner", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch of a reply. Thinking and tool calls are folded to one line, `head`, until they are opened.

    Its texts are cleaned when it is made. `text` is Markdown for `text`, else shown as it is; a `note` is not folded.
    `state` stands at the right end of the line of a tool call, `hint` after its words, `call_id` tells which it is.
    """

    kind: SectionKind
    text: str
    head: str = ""
    state: str = ""
    state_kind: StateKind = "dim"
    call_id: str = ""
    hint: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", clean(self.text))
        object.__setattr__(self, "head", clean_line(self.head, 400))
        object.__setattr__(self, "state", clean_line(self.state, 100))
        object.__setattr__(self, "hint", clean_line(self.hint, 400))

    @property
    def is_folded(self) -> bool:
        """Whether it is one line until it is opened."""
        return self.kind in ("thinking", "tool")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One message of the conversation, or a notice between messages. Its texts are cleaned when it is made.

    A prompt or a notice has a `text`; a reply has `sections`, for which `text` and `thinking` are short.
    `label` is one line beneath a prompt (its attachments), `ending` one paragraph that says how a reply ended
    if it is not complete, `figures` the line of figures beneath a reply. Empty texts take no room.
    """

    id: str
    role: Role
    text: str = ""
    thinking: str = ""
    sections: tuple[Section, ...] = ()
    label: str = ""
    status: Status = "done"
    ending: str = ""
    ending_kind: EndingKind = "plain"
    figures: str = ""

    def __post_init__(self) -> None:
        texts = {
            "text": clean(self.text),
            "thinking": clean(self.thinking),
            "label": clean_line(self.label, 1000),
            "ending": clean_line(self.ending, 2000),
            "figures": clean_line(self.figures, 400),
        }
        for name, value in texts.items():
            object.__setattr__(self, name, value)
        if self.role == "assistant" and not self.sections:
            kinds: tuple[tuple[SectionKind, str], ...] = (("thinking", self.thinking), ("text", self.text))
            sections = tuple(Section(kind, text) for kind, text in kinds if text)
            object.__setattr__(self, "sections", sections)

    @property
    def source(self) -> str:
        """The text as it was written: of a reply, that of its sections without thinking and tools."""
        if self.role != "assistant":
            return self.text
        return "\n\n".join(section.text for section in self.sections if section.kind == "text")

    @property
    def has_folds(self) -> bool:
        """Whether there is thinking, or a tool call, in it."""
        return any(section.is_folded for section in self.sections)

    def has_texts_of(self, other: Entry) -> bool:
        """Whether both have the same texts, whatever stands beneath them."""
        return self.text == other.text and [(each.kind, each.text) for each in self.sections] == [
            (each.kind, each.text) for each in other.sections
        ]

    @property
    def size(self) -> int:
        """The number of characters in all."""
        return len(self.text) + sum(len(section.text) for section in self.sections)
