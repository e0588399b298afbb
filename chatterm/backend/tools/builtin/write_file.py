"""write_file: a file below the root made, or replaced as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta

from chatterm.backend.tools.arguments import read_arguments, spec_of
from chatterm.backend.tools.base import PreparedCall, TellProgress, ToolOutput
from chatterm.backend.tools.files.change import FileChange, look
from chatterm.backend.tools.files.diff import counts, unified_diff
from chatterm.backend.tools.files.rooted import Place, Root
from chatterm.backend.tools.files.text import FILE_LIMIT_BYTES, binary_kind, read_text
from chatterm.backend.tools.files.undo_copies import UndoCopies
from chatterm.backend.tools.stopping import Stop, in_stoppable_thread
from chatterm.core.errors import InvalidCallError
from chatterm.core.tools import Access


class Arguments(msgspec.Struct):
    """Write a text file as a whole: make it, or replace all that is in it. Missing folders are made."""

    path: Annotated[str, Meta(description="Path of the file, from the folder of the tools.")]
    content: Annotated[str, Meta(description="All of the new text.")]


class WriteFile:
    """Writes UTF-8 at once or not at all, after the change was shown and while the file is still as it was then."""

    source = "built-in"
    is_pure = False
    timeout_seconds = None

    def __init__(self, root: Root, copies: UndoCopies) -> None:
        self.spec = spec_of("write_file", Arguments)
        self._root = root
        self._copies = copies

    async def prepare(self, arguments: Mapping[str, object]) -> PreparedCall:
        """Read the arguments, look at the file and make the diff."""
        wanted = read_arguments(Arguments, arguments)
        place = self._root.place(wanted.path, writing=True)
        data = encoded(wanted.content)
        return await in_stoppable_thread(
            partial(self._prepared, place, wanted.content, data), "chatterm-write-file"
        )

    def _prepared(self, place: Place, content: str, data: bytes, stop: Stop) -> PreparedCall:
        if not place.parts:
            raise InvalidCallError("The path names the folder of the tools. Name a file in it.")
        seen = look(self._root, place)
        before = None
        lines: list[str] = []
        if kind := binary_kind(seen.data):
            lines.append(f"replaces {len(seen.data):,} bytes of {kind}")
        elif seen.exists:
            old = read_text(seen.data)
            before = old.text
            if old.encoding != "utf-8" or old.mark or not old.is_all_of(seen.data):
                lines.append("was not plain UTF-8, becomes it")
        else:
            lines.append("new file")
        change = FileChange(root=self._root, place=place, seen=seen, data=data, tool="write_file")
        return change_call(change, self._copies, before, content, lines)


def change_call(
    change: FileChange, copies: UndoCopies, before: str | None, after: str, lines: list[str]
) -> PreparedCall:
    """A call that makes a change to a file, with all that has to be seen of it. Takes time: call it in a thread."""
    came, went = counts(before, after)
    place = change.place
    access = Access(
        kind="write",
        target=place.path,
        lines=(*lines, f"lines: {came:,} added, {went:,} removed"),
        diff=unified_diff(before, after, place.shown),
    )

    async def run(tell: TellProgress) -> ToolOutput:
        if change.data == change.seen.data and change.seen.exists:
            return ToolOutput(text=f"{place.shown} was like that already; nothing was written.")
        await in_stoppable_thread(partial(change.make, copies), "chatterm-change-file")
        told = f"Wrote {place.shown}: lines {came:,} added, {went:,} removed, {len(change.data or b''):,} bytes now."
        return ToolOutput(text=told)

    return PreparedCall(access=access, run=run)


def encoded(content: str) -> bytes:
    """A text of the model as the bytes of a file. Raises `InvalidCallError` for what cannot be one."""
    try:
        data = content.encode()
    except UnicodeEncodeError:
        raise InvalidCallError("The text has half a surrogate pair in it, which no file can hold.") from None
    if len(data) > FILE_LIMIT_BYTES:
        raise InvalidCallError(
            f"The text is larger than {FILE_LIMIT_BYTES // 1024**2} MB. Write less at once."
        )
    return data
