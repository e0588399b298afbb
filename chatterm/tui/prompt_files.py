"""Prompts with the files that their texts name."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from chatterm.backend.attachments import (
    BlobStore,
    mentioned_paths,
    read_attachment,
    store_attachment,
    unfound_mentions,
)
from chatterm.backend.session import Prompt

PromptRead = tuple[Prompt, list[str]]


class PromptReader:
    """Reads the files that prompts name, one prompt after another: none overtakes the one before."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
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
        named = await asyncio.to_thread(mentioned_paths, text, folder)
        files = [await asyncio.to_thread(read_attachment, path) for path in named]
        parts = [await store_attachment(file, self._blobs) for file in files]
        return Prompt(text, tuple(parts)), await asyncio.to_thread(unfound_mentions, text, folder)
