"""list_dir: what is in a folder below the root."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta

from chatterm.backend.tools.arguments import read_arguments, spec_of
from chatterm.backend.tools.base import PreparedCall, TellProgress, ToolOutput
from chatterm.backend.tools.files.rooted import Place, Root, kind_of
from chatterm.backend.tools.stopping import Stop, in_stoppable_thread
from chatterm.core.clean import clean_line
from chatterm.core.errors import ToolError
from chatterm.core.tools import Access

MOST_ENTRIES = 1000
MOST_LOOKED_AT = 100_000


class Arguments(msgspec.Struct):
    """List a folder: kind, size in bytes and name of each entry, by name."""

    path: Annotated[str, Meta(description="Path of the folder, from the folder of the tools.")] = "."


class ListDir:
    """Lists at most 1,000 entries by name; tells how many more there are, and how many are protected."""

    source = "built-in"
    is_pure = False
    timeout_seconds = None

    def __init__(self, root: Root) -> None:
        self.spec = spec_of("list_dir", Arguments)
        self._root = root

    async def prepare(self, arguments: Mapping[str, object]) -> PreparedCall:
        """Read the arguments; the folder is not looked at."""
        place = self._root.place(read_arguments(Arguments, arguments).path, is_folder=True)

        async def run(tell: TellProgress) -> ToolOutput:
            work = partial(_list, self._root, place)
            return ToolOutput(text=await in_stoppable_thread(work, "chatterm-list-dir"))

        return PreparedCall(access=Access(kind="read", target=place.path), run=run)


def shown_name(name: str) -> str:
    """A name on one line; one with invisible characters as Python writes it, so that it can fake no other."""
    return name if clean_line(name, len(name) + 1) == name else repr(name)


def _list(root: Root, place: Place, stop: Stop) -> str:
    kept: list[tuple[str, bool]] = []
    denied = looked_at = 0
    lines: list[str] = []
    with root.folder(place) as folder:
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    stop.check()
                    looked_at += 1
                    if looked_at > MOST_LOOKED_AT:
                        break
                    is_folder = entry.is_dir(follow_symlinks=False)
                    if root.denied.why(place.below(entry.name).path, is_folder=is_folder):
                        denied += 1
                    else:
                        kept.append((entry.name, is_folder))
        except OSError as error:
            raise ToolError(f"{place.shown} cannot be listed: {error.strerror}.") from None
        kept.sort()
        for name, _ in kept[:MOST_ENTRIES]:
            stop.check()
            lines.append(_line(folder, name))
    return "\n".join([_head(place, len(kept), denied, looked_at), *lines])


def _head(place: Place, count: int, denied: int, looked_at: int) -> str:
    told = f"{count:,} entries" if count != 1 else "1 entry"
    if looked_at > MOST_LOOKED_AT:
        told = f"more than {MOST_LOOKED_AT:,} entries"
    if count > MOST_ENTRIES:
        told += f", {MOST_ENTRIES:,} of which are shown"
    if denied:
        told += f"; {denied:,} protected left out"
    return f"[{place.shown}: {told}]"


def _line(folder: int, name: str) -> str:
    try:
        about = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError:
        return f"{'gone':8} {'-':>12} {shown_name(name)}"
    size = f"{about.st_size}" if stat.S_ISREG(about.st_mode) else "-"
    end = "/" if stat.S_ISDIR(about.st_mode) else ""
    return f"{kind_of(about.st_mode):8} {size:>12} {shown_name(name)}{end}"
