"""Notices above the prompt, in place of toasts: they stay where the eye is, and any text is safe in them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from textual.content import Content
from textual.widgets import Static

from chatterm.core.clean import clean
from chatterm.core.errors import ChattermError

Kind = Literal["information", "warning", "error"]

_STYLES: dict[Kind, str] = {"information": "$chatterm-dim", "warning": "$warning", "error": "$error"}
_MARKS: dict[Kind, str] = {"information": "·", "warning": "!", "error": "✗"}
_MOST_NOTICES = 3
_MOST_CHARACTERS = 4000
_RECENT = 20
_MORE = " … /notices"
"""Ends what finds no room; the command shows it all."""
# A key that was already on its way when the notice came up is no sign that it was read.
_READING_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class _Notice:
    text: str
    kind: Kind
    shown_at: float


class Notices(Static):
    """Up to three notices, the newest last; takes no room while there are none.

    Information leaves after `information_seconds`; warnings and errors stay until `acknowledge`, which the
    screen calls on the next key or send.
    """

    DEFAULT_CSS = """
    Notices { height: auto; max-height: 6; padding: 0 1; display: none; }
    Notices.-shown { display: block; }
    """

    def __init__(
        self,
        *,
        information_seconds: float = 6.0,
        clock: Callable[[], float] = time.monotonic,
        id: str | None = None,
    ) -> None:
        super().__init__(id=id, markup=False)
        self._information_seconds = information_seconds
        self._clock = clock
        self._notices: list[_Notice] = []
        self.acknowledged = 0
        """How often the user went on."""
        self.recent: list[str] = []
        """The last notices, whether they are still shown or not, the oldest first."""

    @property
    def texts(self) -> list[str]:
        """What is shown, oldest first."""
        return [notice.text for notice in self._notices]

    def show(self, text: str, kind: Kind = "information") -> None:
        """Show a notice. The same text again replaces itself; the oldest gives way to a fourth."""
        line = clean(text[:_MOST_CHARACTERS]).strip()
        notice = _Notice(line, kind, self._clock())
        self._notices = [*(each for each in self._notices if each.text != line), notice][-_MOST_NOTICES:]
        self.recent = [*self.recent, _marked(notice)][-_RECENT:]
        self._paint()
        if kind == "information":
            self.set_timer(self._information_seconds, lambda: self._remove(notice))

    def warn(self, texts: Iterable[str]) -> None:
        """Show each as a warning."""
        for text in texts:
            self.show(text, "warning")

    def show_error(self, error: ChattermError) -> None:
        """Show what went wrong and the next step."""
        self.show(str(error), "error")

    def acknowledge(self, *, at: float | None = None, sent: bool = False) -> None:
        """The user went on: warnings and errors shown for a second or more leave, after a send all.

        `at` is when they did, by the same clock, where that is not now: on a busy machine it is told of late.
        """
        self.acknowledged += 1
        limit = (self._clock() if at is None else at) - (0 if sent else _READING_SECONDS)
        self._keep([each for each in self._notices if each.kind == "information" or each.shown_at > limit])

    def clear_notices(self) -> None:
        """Take everything away."""
        self._keep([])

    def _remove(self, notice: _Notice) -> None:
        self._keep([each for each in self._notices if each is not notice])

    def _keep(self, notices: list[_Notice]) -> None:
        if len(notices) != len(self._notices):
            self._notices = notices
            self._paint()

    def _paint(self) -> None:
        lines = [Content.styled(_marked(notice), _STYLES[notice.kind]) for notice in self._notices]
        self.set_class(bool(lines), "-shown")
        self.update(self._fitted(Content("\n").join(lines)))

    def on_resize(self) -> None:
        """Fit the notices into other room."""
        self._paint()

    def _fitted(self, text: Content) -> Content:
        """What there is room for, and where the rest can be read."""
        width, limit = self.content_size.width, self.styles.max_height
        if not width or limit is None:
            return text  # not laid out yet: a resize follows
        lines, rows = text.wrap(width), int(limit.value)
        if len(lines) <= rows:
            return text
        last = lines[rows - 1].rstrip().truncate(max(0, width - len(_MORE)))
        return Content("\n").join([*lines[: rows - 1], Content.assemble(last, _MORE)])


def _marked(notice: _Notice) -> str:
    return f"{_MARKS[notice.kind]} {notice.text}"
