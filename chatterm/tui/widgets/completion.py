"""What can be completed at the cursor, in a list above the prompt."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from textual.geometry import Offset
from textual.widget import Widget

from chatterm.tui.commands import COMMANDS, Command
from chatterm.tui.widgets.composer import Composer
from chatterm.tui.widgets.file_names import matching_paths
from chatterm.tui.widgets.row_list import Row, RowList

MOST_ROWS = 8

_SLASH = re.compile(r"/[A-Za-z0-9_-]*\Z")
_PATH = re.compile(r"(?:^|(?<=\s))@(?:\"(?P<quoted>[^\"\n]*)|(?P<bare>[^\s\"]*))\Z")


@dataclass(frozen=True, slots=True)
class Candidate:
    """What can stand in place of the word at the cursor; `is_open` when more is to be typed right after it."""

    word: str
    label: str
    note: str = ""
    is_open: bool = False


class CompletionList(RowList):
    """Completes slash commands at the start of the prompt, and `@path` anywhere in it.

    It belongs beside a `Composer` in the same container and takes no room in it. Tab or Enter accepts, Up and
    Down move, Esc closes. A Tab before the list of files is there accepts the first of it when it comes. Enter
    is left to the prompt when the word is complete already.
    """

    DEFAULT_CSS = """
    CompletionList {
        overlay: screen; display: none; width: 1fr; max-width: 90; height: 8;
        background: $panel;
    }
    """

    def __init__(
        self, commands: Iterable[Command] = COMMANDS, *, folder: Path | None = None, id: str | None = None
    ) -> None:
        super().__init__(id=id, can_focus=False)
        self._commands = tuple(commands)
        self._folder = folder
        self.more_commands: Callable[[], Iterable[Command]] = tuple
        """Commands that come and go, offered after the others."""
        self.more_mentions: Callable[[str], Iterable[tuple[str, str]]] = lambda typed: ()
        """Words that are no files for what is typed after an `@`, each with a note."""
        self._candidates: list[Candidate] = []
        self._typed = ""
        self._start = (0, 0)
        self._closed_at: tuple[int, int] | None = None
        self._asked = 0
        self._awaited = False
        """Whether a list is on its way."""
        self._accepts_first = False

    @property
    def is_open(self) -> bool:
        """Whether the list is shown."""
        return bool(self._candidates)

    @property
    def candidates(self) -> list[Candidate]:
        """What is offered."""
        return list(self._candidates)

    def set_commands(self, commands: Iterable[Command]) -> None:
        """Complete the slash commands of this table."""
        self._commands = tuple(commands)

    def close(self) -> bool:
        """Take the list away until another word begins; whether there was one."""
        was_open = self.is_open
        self._closed_at = self._start
        self._offer([])
        return was_open

    def on_mount(self) -> None:
        """Follow the prompt beside this list."""
        composer = self._composer
        composer.key_filters.append(self._take_key)
        self.watch(composer, "selection", self._look, init=False)

    @property
    def _composer(self) -> Composer:
        if not isinstance(self.parent, Widget):
            raise RuntimeError("a completion list belongs beside a prompt")
        return self.parent.query_one(Composer)

    def _look(self) -> None:
        """Find the word at the cursor and what could complete it."""
        self._asked += 1
        self._awaited = self._accepts_first = False
        composer = self._composer
        row, column = composer.cursor_location
        before = composer.document.get_line(row)[:column]
        if not composer.selection.is_empty or len(before) > 4096:
            self._offer([])
        elif row == 0 and _SLASH.match(before):
            self._begin((0, 0), before)
            self._offer(_matching_commands(before, (*self._commands, *self.more_commands())))
        elif (found := _PATH.search(before)) is not None:
            self._begin((row, found.start()), found[0])
            typed = found["quoted"] if found["quoted"] is not None else found["bare"]
            self._awaited = True
            self.run_worker(partial(self._offer_paths, typed, self._asked), exclusive=True)
        else:
            self._closed_at = None
            self._offer([])

    def _begin(self, start: tuple[int, int], typed: str) -> None:
        if start != self._start or len(typed) <= 1:
            self._closed_at = None
        self._start, self._typed = start, typed

    async def _offer_paths(self, typed: str, asked: int) -> None:
        paths = await asyncio.to_thread(matching_paths, typed, self._folder or Path.cwd())
        if asked == self._asked:
            self._awaited = False
            words = [_path_candidate(path) for path in paths]
            words += [Candidate(mention(word), word, note) for word, note in self.more_mentions(typed)]
            self._offer(words)
            if self._accepts_first and self.is_open:
                self._accept()

    def _offer(self, candidates: list[Candidate]) -> None:
        if self._closed_at == self._start:
            candidates = []
        if candidates == self._candidates:
            return
        self._candidates = candidates
        self.display = bool(candidates)
        if candidates:
            height = min(len(candidates), MOST_ROWS)
            self.styles.height = height
            place = self._composer.region
            self.absolute_offset = Offset(place.x, max(0, place.y - height))
            self.set_rows([Row(candidate.label, candidate.note) for candidate in candidates])

    def _take_key(self, key: str) -> bool:
        if self._awaited and key == "tab":
            self._accepts_first = True
            return True
        if not self.is_open:
            return False
        match key:
            case "escape":
                return self.close()
            case "up" | "down":
                self.move_cursor(-1 if key == "up" else 1)
            case "tab":
                self._accept()
            case "enter":
                return self._accept_unless_complete()
            case _:
                return False
        return True

    def _accept_unless_complete(self) -> bool:
        if any(candidate.word == self._typed for candidate in self._candidates):
            self.close()
            return False
        self._accept()
        return True

    def _accept(self) -> None:
        candidate = self._candidates[self.cursor or 0]
        composer = self._composer
        end = composer.cursor_location
        rest = composer.document.get_line(end[0])[end[1] :]
        space = "" if candidate.is_open or rest.startswith(" ") else " "
        self._offer([])
        composer.replace(candidate.word + space, self._start, end, maintain_selection_offset=False)

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        """A click accepts."""
        event.stop()
        self._accept()
        self._composer.focus()


def _matching_commands(typed: str, commands: Iterable[Command]) -> list[Candidate]:
    return [
        Candidate(word, f"{word} {command.argument}".rstrip(), command.title)
        for command in commands
        for word in command.slash
        if word.startswith(typed)
    ]


def mention(word: str) -> str:
    """How a prompt names a file, or what else is attached by a word."""
    return f'@"{word}"' if any(character.isspace() for character in word) else f"@{word}"


def _path_candidate(path: str) -> Candidate:
    is_folder = path.endswith("/")
    if not any(character.isspace() for character in path):
        return Candidate(f"@{path}", path, is_open=is_folder)
    return Candidate(f'@"{path}' + ("" if is_folder else '"'), path, is_open=is_folder)
