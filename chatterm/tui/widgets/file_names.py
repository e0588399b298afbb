"""Names of files that begin as typed, for completion. Blocking: to be called in a thread."""

from __future__ import annotations

import os
from pathlib import Path

MOST_ENTRIES = 5_000
"""Entries of a folder that are looked at."""

MOST_MATCHES = 50


def matching_paths(typed: str, folder: Path) -> list[str]:
    """Paths that continue `typed`, written as the user began; folders end with a slash and come first.

    Names that begin with what was typed go before names that contain it. Hidden files only when the name
    typed begins with a dot. A folder that cannot be read has no names.
    """
    _, _, name = typed.rpartition("/")
    written = typed[: len(typed) - len(name)]
    try:
        place = Path(written or ".").expanduser()
        found = _scan(folder / place, name)
    except (OSError, RuntimeError, ValueError):
        return []
    return [written + entry for entry in found[:MOST_MATCHES]]


def _scan(place: Path, name: str) -> list[str]:
    wanted = name.casefold()
    ranked: list[tuple[bool, bool, str, str]] = []
    with os.scandir(place) as entries:
        for count, entry in enumerate(entries):
            if count >= MOST_ENTRIES:
                break
            at = entry.name.casefold().find(wanted)
            hidden = entry.name.startswith(".") and not name.startswith(".")
            if at < 0 or hidden or not _can_be_written(entry.name):
                continue
            is_folder = _is_folder(entry)
            ranked.append((at > 0, not is_folder, entry.name.casefold(), entry.name + "/" * is_folder))
    return [shown for *_, shown in sorted(ranked)]


def _can_be_written(name: str) -> bool:
    # A name with a quote, a line break or bytes that are no text cannot be named in a prompt.
    return not any(character in '"\n\r' or "\ud800" <= character <= "\udfff" for character in name)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
