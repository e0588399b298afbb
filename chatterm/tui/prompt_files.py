"""Prompts with the files that their texts name."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TypeVar

from chatterm.backend.attachments import (
    BlobStore,
    LoadedFile,
    mentioned_paths,
    other_mentions,
    read_attachment,
    store_attachment,
    unfound_mentions,
)
from chatterm.backend.daemon_thread import in_daemon_thread
from chatterm.backend.session import Prompt

T = TypeVar("T")

PromptRead = tuple[Prompt, list[str]]
ReadOthers = Callable[[Iterable[tuple[str, ...]]], Awaitable[tuple[list[LoadedFile], set[str]]]]
"""Reads what is mentioned and is no file: its pieces, and the words that it was mentioned by."""


class PromptReader:
    """Reads the files that prompts name, one prompt after another: none overtakes the one before."""

    def __init__(self, blobs: BlobStore, read_others: ReadOthers) -> None:
        self._blobs, self._read_others = blobs, read_others
        self._order = asyncio.Lock()
        self._announced = 0

    @property
    def is_busy(self) -> bool:
        """Whether a prompt that was announced is not read yet: whatever comes after it has to queue up too."""
        return self._announced > 0

    def announce(self, text: str, folder: Path) -> Callable[[], Awaitable[PromptRead]]:
        """Put a prompt into the order now; the call that is returned reads it, once.

        It gives the prompt, its files stored, and the words in it that look like a file of which there is none;
        it raises `AttachmentError` for a file that cannot be sent and `StoreError` where it cannot be kept.
        """
        self._announced += 1

        async def read() -> PromptRead:
            try:
                async with self._order:
                    return await self._read(text, folder)
            finally:
                self._announced -= 1

        return read

    async def _read(self, text: str, folder: Path) -> PromptRead:
        if "@" not in text:
            return Prompt(text), []
        named = await _in_thread(partial(mentioned_paths, text, folder))
        files = [await _in_thread(partial(read_attachment, path)) for path in named]
        others, known = await self._read_others(await _in_thread(partial(other_mentions, text, folder)))
        parts = [await store_attachment(file, self._blobs) for file in (*files, *others)]
        return Prompt(text, tuple(parts)), await _in_thread(partial(unfound_mentions, text, folder, known))


def _in_thread(work: Callable[[], T]) -> Awaitable[T]:
    """A file may be on a mount that does not answer; the exit does not wait for it."""
    return in_daemon_thread(work, "chatterm-file")
