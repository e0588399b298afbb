"""read_file: the text of a file below the root, or a part of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta

from chatterm.backend.tools.arguments import read_arguments, spec_of
from chatterm.backend.tools.base import PreparedCall, TellProgress, ToolOutput
from chatterm.backend.tools.files.rooted import Place, Root, read_all
from chatterm.backend.tools.files.text import FILE_LIMIT_BYTES, binary_kind, read_text
from chatterm.backend.tools.stopping import Stop, in_stoppable_thread
from chatterm.core.errors import ToolError
from chatterm.core.tools import Access

MOST_LINES = 2000


class Arguments(msgspec.Struct):
    """Read a text file. The answer says which lines it has and how many there are."""

    path: Annotated[str, Meta(description="Path of the file, from the folder of the tools.")]
    first_line: Annotated[int, Meta(ge=1, description="First line to read, from 1.")] = 1
    lines: Annotated[int, Meta(ge=1, le=100_000, description="How many lines to read.")] = MOST_LINES


class ReadFile:
    """Reads at most 8 MB of a file; tells what it left out, and of what is no text only the size and the kind."""

    source = "built-in"
    is_pure = False
    timeout_seconds = None

    def __init__(self, root: Root) -> None:
        self.spec = spec_of("read_file", Arguments)
        self._root = root

    async def prepare(self, arguments: Mapping[str, object]) -> PreparedCall:
        """Read the arguments; the file is not looked at."""
        wanted = read_arguments(Arguments, arguments)
        place = self._root.place(wanted.path)

        async def run(tell: TellProgress) -> ToolOutput:
            work = partial(_read, self._root, place, wanted)
            return ToolOutput(text=await in_stoppable_thread(work, "chatterm-read-file"))

        return PreparedCall(access=Access(kind="read", target=place.path), run=run)


def _read(root: Root, place: Place, wanted: Arguments, stop: Stop) -> str:
    with root.file(place) as handle:
        try:
            size = os.fstat(handle).st_size
            data = read_all(handle, FILE_LIMIT_BYTES, stop)
        except OSError as error:
            raise ToolError(f"{place.shown} cannot be read: {error.strerror}.") from None
    if kind := binary_kind(data):
        return f"[{place.shown}: {size:,} bytes of {kind}, which is not shown]"
    lines = read_text(data).text.split("\n")
    if not lines[-1]:
        lines.pop()
    first = wanted.first_line
    part = lines[first - 1 : first - 1 + wanted.lines]
    return "\n".join([_head(place, first, len(part), len(lines), size), *part])


def _head(place: Place, first: int, count: int, total: int, size: int) -> str:
    if not total:
        return f"[{place.shown}: empty]"
    told = (
        f"lines {first:,} to {first + count - 1:,} of {total:,}"
        if count
        else f"no line {first:,} of {total:,}"
    )
    after = total - (first + count - 1)
    if count and after > 0:
        told += f", {after:,} more after these"
    if size > FILE_LIMIT_BYTES:
        told += f" in the first {FILE_LIMIT_BYTES // 1024**2} MB; the file has {size:,} bytes, the rest is left out"
    return f"[{place.shown}: {told}]"
