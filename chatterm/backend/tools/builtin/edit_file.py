"""edit_file: a text in a file below the root replaced by another."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta

from chatterm.backend.tools.arguments import read_arguments, spec_of
from chatterm.backend.tools.base import PreparedCall, TellProgress, ToolOutput
from chatterm.backend.tools.builtin.write_file import change_call, encoded
from chatterm.backend.tools.files.change import FileChange, look
from chatterm.backend.tools.files.rooted import Place, Root
from chatterm.backend.tools.files.text import FILE_LIMIT_BYTES, binary_kind, read_text
from chatterm.backend.tools.files.undo_copies import UndoCopies
from chatterm.backend.tools.stopping import Stop, in_stoppable_thread
from chatterm.core.clean import clean_line
from chatterm.core.errors import InvalidCallError, ToolError
from chatterm.core.tools import Access

_NEAR_LINES = 3000
_NEAR_CHARACTERS = 200
"""How much of a file is looked through for what is like the text that was not found."""

_SHOWN_PLACES = 5


class Arguments(msgspec.Struct):
    """Replace a text in a file by another. The old text must be in the file exactly as given, and once only unless
    `count` is given."""

    path: Annotated[str, Meta(description="Path of the file, from the folder of the tools.")]
    old: Annotated[
        str, Meta(min_length=1, description="The text to replace, with all its spaces and line ends.")
    ]
    new: Annotated[str, Meta(description="What comes in its place.")]
    count: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="In how many places it is; all of them are changed. Else it must be one."),
    ] = None


class EditFile:
    """Edits text in the form that the file has: its encoding, byte order mark and line ends stay."""

    source = "built-in"
    is_pure = False
    timeout_seconds = None

    def __init__(self, root: Root, copies: UndoCopies) -> None:
        self.spec = spec_of("edit_file", Arguments)
        self._root = root
        self._copies = copies

    async def prepare(self, arguments: Mapping[str, object]) -> PreparedCall:
        """Read the arguments, look at the file and make the diff.

        What is wrong with an edit tells of what is in the file: such a call asks to read it, and then fails.
        """
        wanted = read_arguments(Arguments, arguments)
        place = self._root.place(wanted.path, writing=True)
        for text in (wanted.old, wanted.new):
            encoded(text)
        if wanted.old == wanted.new:
            raise InvalidCallError("`old` and `new` are the same. Give the text that is to come in `new`.")
        return await in_stoppable_thread(partial(self._prepared, place, wanted), "chatterm-edit-file")

    def _prepared(self, place: Place, wanted: Arguments, stop: Stop) -> PreparedCall:
        seen = look(self._root, place)
        if not seen.exists:
            raise ToolError(
                f"There is no {place.shown}. list_dir tells what there is; write_file makes a file."
            )
        file = read_text(seen.data)
        if binary_kind(seen.data) or not file.is_all_of(seen.data):
            return _failing(place, f"{place.shown} is no text that can be edited without loss.")
        old, new = wanted.old, wanted.new
        if old not in file.text and "\r\n" in file.text and "\r" not in old:
            old, new = old.replace("\n", "\r\n"), new.replace("\r\n", "\n").replace("\n", "\r\n")
        found = file.text.count(old)
        if found != (wanted.count or 1):
            return _failing(place, _not_so_often(place, file.text, old, found))
        text = file.text.replace(old, new)
        data = file.encoded(text)
        if len(data) > FILE_LIMIT_BYTES:
            raise InvalidCallError(
                f"{place.shown} would become larger than {FILE_LIMIT_BYTES // 1024**2} MB."
            )
        change = FileChange(root=self._root, place=place, seen=seen, data=data, tool="edit_file")
        return change_call(change, self._copies, file.text, text, [])


def _failing(place: Place, told: str) -> PreparedCall:
    """A call that can only fail, with words that tell of the file: it has to be allowed as one that reads."""

    async def run(tell: TellProgress) -> ToolOutput:
        raise ToolError(told)

    lines = ("The edit does not fit the file. The model would be told why, and so what is in it.",)
    return PreparedCall(access=Access(kind="read", target=place.path, lines=lines), run=run)


def _not_so_often(place: Place, text: str, old: str, found: int) -> str:
    if found:
        numbers: list[str] = []
        at = text.find(old)
        while at >= 0 and len(numbers) < _SHOWN_PLACES:
            numbers.append(str(text.count("\n", 0, at) + 1))
            at = text.find(old, at + len(old))
        lines = ", ".join(numbers) + (", ..." if found > len(numbers) else "")
        return (
            f"`old` is in {place.shown} {found:,} times, in lines {lines}. "
            f"Give more of the text around the one, or count={found} to change all."
        )
    return f"`old` is not in {place.shown}. {_near(text, old)}"


def _near(text: str, old: str) -> str:
    """What in the file is like the first line of a text, for the model to correct itself."""
    wanted = next((line.strip() for line in old.split("\n") if line.strip()), "")[:_NEAR_CHARACTERS]
    lines = [line.strip()[:_NEAR_CHARACTERS] for line in text.split("\n", _NEAR_LINES)[:_NEAR_LINES]]
    if wanted and wanted in lines:
        number = lines.index(wanted) + 1
        return f"Line {number} has its first line, so what differs is white space or comes after. Read that part again."
    if like := get_close_matches(wanted, dict.fromkeys(lines), n=1):
        return (
            f"Line {lines.index(like[0]) + 1} is like it: {clean_line(like[0], 100)!r}. Read that part again."
        )
    return "Nothing in it is like that. Read the file again."
