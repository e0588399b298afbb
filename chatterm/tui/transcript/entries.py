"""What the transcript shows of one message."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from chatterm.core.clean import clean, clean_line

Role = Literal["user", "assistant", "notice"]
Status = Literal["done", "queued", "live"]
EndingKind = Literal["plain", "warning", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One message of the conversation, or a notice between messages. Its texts are cleaned when it is made.

    `label` is one line beneath a prompt (its attachments), `ending` one paragraph that says how a reply ended
    if it is not complete, `figures` the line of figures beneath a reply. Empty texts take no room.
    """

    id: str
    role: Role
    text: str
    thinking: str = ""
    label: str = ""
    status: Status = "done"
    ending: str = ""
    ending_kind: EndingKind = "plain"
    figures: str = ""

    def __post_init__(self) -> None:
        for name, value in (
            ("text", clean(self.text)),
            ("thinking", clean(self.thinking)),
            ("label", clean_line(self.label, 1000)),
            ("ending", clean_line(self.ending, 2000)),
            ("figures", clean_line(self.figures, 400)),
        ):
            object.__setattr__(self, name, value)
