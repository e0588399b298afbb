"""What counts as an attachment, and every file that must not be one."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from chatterm.backend import attachments
from chatterm.backend.attachments import (
    HeldBlobs,
    mentioned_paths,
    read_attachment,
    store_attachment,
    unfound_mentions,
)
from chatterm.core.errors import AttachmentError
from chatterm.core.messages import FilePart, ImagePart

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


def test_paths_are_found_where_files_are(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "b c.txt").write_text("b")
    text = '@a.txt and @"b c.txt", then @a.txt. But not me@a.txt, @nobody or @missing.txt'
    assert mentioned_paths(text, tmp_path) == [tmp_path / "a.txt", tmp_path / "b c.txt"]


def test_a_full_stop_after_the_name_belongs_to_the_sentence(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("a")
    assert mentioned_paths("read @notes.", tmp_path) == [tmp_path / "notes"]


def test_a_folder_is_something_to_talk_about(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.txt").write_text("a")
    text = "what is in @src, @src/ and @src/a.txt"
    assert mentioned_paths(text, tmp_path) == [tmp_path / "src" / "a.txt"]
    assert unfound_mentions(text, tmp_path) == []


async def test_held_blobs_are_found_by_their_digest() -> None:
    held = HeldBlobs()
    digest = await held.put_blob("text/plain", b"abc")
    assert digest == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert (held.get(digest), held.get("other")) == (b"abc", None)


def test_odd_words_are_no_paths(tmp_path: Path) -> None:
    assert mentioned_paths("@\0 @ @~nosuchuser/x @" + "y" * 5000, tmp_path) == []


async def test_types_are_told_by_content(tmp_path: Path) -> None:
    class Blobs:
        async def put_blob(self, media_type: str, data: bytes) -> str:
            return f"{media_type}:{len(data)}"

    (tmp_path / "photo.txt").write_bytes(PNG)
    (tmp_path / "code.png").write_text("print('é')")
    picture = await store_attachment(read_attachment(tmp_path / "photo.txt"), Blobs())
    code = await store_attachment(read_attachment(tmp_path / "code.png"), Blobs())
    assert picture == ImagePart("image/png", "image/png:28", "photo.txt")
    assert code == FilePart("code.png", "text/plain", "text/plain:11")


@pytest.mark.parametrize(
    ("data", "media_type"),
    [(b"\xff\xd8\xffxx", "image/jpeg"), (b"GIF89a..", "image/gif"), (b"RIFF1234WEBPVP8 ", "image/webp")],
)
def test_pictures(tmp_path: Path, data: bytes, media_type: str) -> None:
    (tmp_path / "x").write_bytes(data)
    assert read_attachment(tmp_path / "x").media_type == media_type


async def test_a_pdf_is_a_file_of_its_own_kind_told_by_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "paper.txt").write_bytes(b"%PDF-1.7\n\xe2\xe3\xcf\xd3\n\0")
    held = HeldBlobs()
    part = await store_attachment(read_attachment(tmp_path / "paper.txt"), held)
    assert isinstance(part, FilePart) and part.media_type == "application/pdf"
    assert (held.get(part.sha256) or b"").startswith(b"%PDF-1.7")


def test_what_cannot_be_attached_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "binary").write_bytes(b"\x7fELF\0\0")
    (tmp_path / "latin").write_bytes(b"caf\xe9 au lait, a longer text than the cut")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    for name, reason in (
        ("missing", "cannot be read"),
        ("empty", "is empty"),
        ("binary", "neither text nor an image"),
        ("latin", "neither text nor an image"),
        ("folder", "not a regular file"),
        ("fifo", "not a regular file"),
    ):
        with pytest.raises(AttachmentError, match=reason) as caught:
            read_attachment(tmp_path / name)
        assert name in str(caught.value)
    with pytest.raises(AttachmentError, match="not a regular file"):
        read_attachment(Path("/dev/null"))
    with pytest.raises(AttachmentError, match="not a path"):
        read_attachment(Path("a\0b"))


def test_a_fifo_does_not_hold_us_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    failed = threading.Event()

    def read() -> None:
        with pytest.raises(AttachmentError):
            read_attachment(tmp_path / "fifo")
        failed.set()

    threading.Thread(target=read, daemon=True).start()
    assert failed.wait(5)


def test_the_size_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attachments, "TEXT_LIMIT_BYTES", 10)
    (tmp_path / "long.txt").write_text("x" * 11)
    with pytest.raises(AttachmentError, match="larger than"):
        read_attachment(tmp_path / "long.txt")
    (tmp_path / "long.pdf").write_bytes(b"%PDF-1.7 and more")
    assert read_attachment(tmp_path / "long.pdf").media_type == "application/pdf"
    (tmp_path / "short.txt").write_text("x" * 10)
    assert read_attachment(tmp_path / "short.txt").data == b"x" * 10
