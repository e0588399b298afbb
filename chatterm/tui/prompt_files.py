"""A prompt with the files that its text names."""

from __future__ import annotations

import asyncio
from pathlib import Path

from chatterm.backend.attachments import (
    BlobStore,
    mentioned_paths,
    read_attachment,
    store_attachment,
    unfound_mentions,
)
from chatterm.backend.session import Prompt


async def prompt_with_files(text: str, folder: Path, blobs: BlobStore) -> tuple[Prompt, list[str]]:
    """The prompt, its files stored, and the words in it that look like a file of which there is none.

    Raises `AttachmentError` for a file that cannot be sent and `StoreError` where it cannot be kept.
    """
    named = await asyncio.to_thread(mentioned_paths, text, folder)
    files = [await asyncio.to_thread(read_attachment, path) for path in named]
    parts = [await store_attachment(file, blobs) for file in files]
    return Prompt(text, tuple(parts)), await asyncio.to_thread(unfound_mentions, text, folder)
