"""search_files: lines of files below the root that hold a text."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta

from chatterm.backend.tools.arguments import read_arguments, spec_of
from chatterm.backend.tools.base import PreparedCall, TellProgress, ToolOutput
from chatterm.backend.tools.builtin.list_dir import shown_name
from chatterm.backend.tools.files.globs import MOST_PATTERN_CHARACTERS
from chatterm.backend.tools.files.pattern_search import LineSearch, PatternSearch, WordSearch
from chatterm.backend.tools.files.rooted import Place, Root
from chatterm.backend.tools.files.search import FileSearch
from chatterm.backend.tools.stopping import Stop, in_stoppable_thread
from chatterm.core.errors import InvalidCallError
from chatterm.core.tools import Access

SEARCH_SECONDS = 20.0
"""After this a search ends with what it found; it is below the usual limit of time, which would lose that."""


class Arguments(msgspec.Struct):
    """Find lines that hold a text in the files of a folder and all below it, or in one file. What `.gitignore`
    names is left out, and so are binary files and those larger than 2 MB."""

    pattern: Annotated[
        str, Meta(min_length=1, max_length=1000, description="Text to find, exactly as it is in one line.")
    ]
    path: Annotated[str, Meta(description="Folder or file to search, from the folder of the tools.")] = "."
    glob: Annotated[
        Annotated[str, Meta(min_length=1, max_length=MOST_PATTERN_CHARACTERS)] | None,
        Meta(
            description="Only in files whose name is like this, such as *.py, or whose path is, such as src/**/*.py.",
        ),
    ] = None
    regex: Annotated[bool, Meta(description="Whether the pattern is a Python regular expression.")] = False


class SearchFiles:
    """Finds at most 200 lines; tells how much was searched and what was left out, and why."""

    source = "built-in"
    is_pure = False
    timeout_seconds = None

    def __init__(self, root: Root, seconds: float = SEARCH_SECONDS) -> None:
        self.spec = spec_of("search_files", Arguments)
        self._root = root
        self._seconds = seconds

    async def prepare(self, arguments: Mapping[str, object]) -> PreparedCall:
        """Read the arguments; nothing is looked at."""
        wanted = read_arguments(Arguments, arguments)
        if "\n" in wanted.pattern:
            raise InvalidCallError(
                "The pattern has a line end in it, but is looked for line by line. Leave it out."
            )
        place = self._root.place(wanted.path, is_folder=True)
        lines = [f"pattern: {wanted.pattern}", *([f"files: {wanted.glob}"] if wanted.glob else [])]

        async def run(tell: TellProgress) -> ToolOutput:
            work = partial(self._search, place, wanted)
            return ToolOutput(text=await in_stoppable_thread(work, "chatterm-search-files"))

        return PreparedCall(access=Access(kind="read", target=place.path, lines=tuple(lines)), run=run)

    def _search(self, place: Place, wanted: Arguments, stop: Stop) -> str:
        finder: LineSearch = (
            PatternSearch(wanted.pattern, stop) if wanted.regex else WordSearch(wanted.pattern)
        )
        try:
            search = FileSearch(self._root, finder, wanted.glob, stop, self._seconds)
            search.search(place)
        finally:
            finder.close()
        hits = [f"{shown_name('/'.join(hit.parts))}:{hit.line}: {hit.text}" for hit in search.hits]
        return "\n".join([f"[{search.told(place)}]", *hits])
