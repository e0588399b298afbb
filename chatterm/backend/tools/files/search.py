"""A search through the files of a folder and all below it, in bounded time, with what it left out counted."""

from __future__ import annotations

import os
import stat
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from chatterm.backend.tools.files.globs import IgnoreRule, glob_matches, ignore_rules, is_ignored
from chatterm.backend.tools.files.pattern_search import LineSearch
from chatterm.backend.tools.files.rooted import Place, Root, read_all
from chatterm.backend.tools.files.text import binary_kind, read_text
from chatterm.backend.tools.stopping import Stop
from chatterm.core.errors import ToolDeniedError, ToolError

MOST_HITS = 200
MOST_FILE_BYTES = 2 * 1024 * 1024
MOST_LINE_CHARACTERS = 300
MOST_ENTRIES = 200_000
"""How much is walked through."""

_IGNORE_BYTES = 64 * 1024
_Rules = tuple[IgnoreRule, ...]


@dataclass(frozen=True, slots=True)
class Hit:
    """A line that was found: names of the file from the root, number from 1, and the line, cut if it is long."""

    parts: tuple[str, ...]
    line: int
    text: str


class FileSearch:
    """One search; it fills `hits`, and ends at 200 of them, at its limit of time, and when it is to stop.

    `glob` is matched against the path from where the search begins.
    """

    def __init__(self, root: Root, finder: LineSearch, glob: str | None, stop: Stop, seconds: float) -> None:
        self.hits: list[Hit] = []
        self._root, self._finder, self._glob, self._stop = root, finder, glob, stop
        self._ends = time.monotonic() + seconds
        self._files = self._entries = 0
        self._left_out: Counter[str] = Counter()
        self._ended_by = ""

    def search(self, place: Place) -> None:
        """Search a folder, or a single file. Raises `ToolError` if it cannot be opened."""
        if self._is_file(place):
            self._root.check(place)
            with self._root.file(place), self._root.folder(place.above) as folder:
                self._look(folder, place)
        else:
            self._search_below(place)
        self._is_over()

    def _search_below(self, place: Place) -> None:
        waiting = [(place, self._rules_above(place))]
        while waiting and not self._is_over():
            at, rules = waiting.pop()
            try:
                waiting += reversed(self._search_folder(at, rules, place))
            except ToolError:
                if at is place:
                    raise
                self._left_out["that could not be opened"] += 1

    def told(self, place: Place) -> str:
        """What was searched and found, what was left out, and whether it came to an end, on one line."""
        found = f"{len(self.hits)} lines" if len(self.hits) != 1 else "1 line"
        files = f"{self._files:,} files" if self._files != 1 else "1 file"
        told = f"{place.shown}: {found} found in {files} searched"
        if self._left_out:
            told += "; left out: " + ", ".join(f"{n:,} {what}" for what, n in sorted(self._left_out.items()))
        return f"{told}; ended early: {self._ended_by}" if self._ended_by else told

    def _is_file(self, place: Place) -> bool:
        if not place.parts:
            return False
        with self._root.folder(place.above) as folder:
            try:
                about = os.stat(place.parts[-1], dir_fd=folder, follow_symlinks=False)
            except OSError:
                return False
            return not stat.S_ISDIR(about.st_mode)

    def _search_folder(self, at: Place, rules: _Rules, start: Place) -> list[tuple[Place, _Rules]]:
        """Search the files of a folder; the folders in it that are to be searched, by name."""
        deeper: list[tuple[Place, _Rules]] = []
        with self._root.folder(at) as folder:
            rules += self._rules_in(folder, at)
            for entry in _entries(folder):
                if self._is_over():
                    break
                self._entries += 1
                place = at.below(entry.name)
                is_folder = entry.is_dir(follow_symlinks=False)
                if entry.name == ".git" or not self._is_wanted(entry, place, rules, is_folder):
                    continue
                if is_folder:
                    deeper.append((place, rules))
                elif self._glob is None or glob_matches(self._glob, place.parts[len(start.parts) :]):
                    self._look(folder, place)
        return deeper

    def _is_wanted(self, entry: os.DirEntry[str], place: Place, rules: _Rules, is_folder: bool) -> bool:
        why = ""
        if self._root.denied.why(place.path, is_folder=is_folder):
            why = "protected"
        elif is_ignored(rules, place.parts, is_folder=is_folder):
            why = "ignored by .gitignore"
        elif entry.is_symlink():
            why = "symbolic links"
        if why:
            self._left_out[why] += 1
        return not why

    def _look(self, folder: int, place: Place) -> None:
        try:
            with self._root.file_in(folder, place) as handle:
                too_large = os.fstat(handle).st_size > MOST_FILE_BYTES
                data = b"" if too_large else read_all(handle, MOST_FILE_BYTES)
        except ToolDeniedError:
            self._left_out["protected or special"] += 1
            return
        except (ToolError, OSError):
            self._left_out["that could not be opened"] += 1
            return
        if too_large or binary_kind(data):
            self._left_out[f"larger than {MOST_FILE_BYTES // 1024**2} MB" if too_large else "binary"] += 1
            return
        self._files += 1
        text = read_text(data).text
        if numbers := self._finder.lines(text, self._stop):
            lines = text.split("\n")
            for number in numbers[: MOST_HITS - len(self.hits)]:
                self.hits.append(Hit(place.parts, number + 1, _short(lines[number].rstrip("\r"))))

    def _is_over(self) -> bool:
        self._stop.check()
        if len(self.hits) >= MOST_HITS:
            self._ended_by = f"{MOST_HITS} lines are the most; search for something rarer, or in one folder"
        elif time.monotonic() > self._ends:
            self._ended_by = "the time was up; search in one folder, or with a glob"
        elif self._entries >= MOST_ENTRIES:
            self._ended_by = f"{MOST_ENTRIES:,} names were looked at; search in one folder"
        return bool(self._ended_by)

    def _rules_above(self, place: Place) -> _Rules:
        rules: _Rules = ()
        for depth in range(len(place.parts)):
            above = Place(place.root, place.parts[:depth])
            with self._root.folder(above) as folder:
                rules += self._rules_in(folder, above)
        return rules

    def _rules_in(self, folder: int, at: Place) -> _Rules:
        try:
            with self._root.file_in(folder, at.below(".gitignore")) as handle:
                text = read_text(read_all(handle, _IGNORE_BYTES)).text
        except (ToolError, OSError):
            return ()
        return tuple(ignore_rules(text, at.parts))


def _entries(folder: int) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        yield from sorted(islice(entries, MOST_ENTRIES), key=lambda entry: entry.name)


def _short(line: str) -> str:
    if len(line) <= MOST_LINE_CHARACTERS:
        return line
    return f"{line[:MOST_LINE_CHARACTERS]}... {len(line) - MOST_LINE_CHARACTERS:,} more characters"
