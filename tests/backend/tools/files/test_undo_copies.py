"""Copies of files before a change: private, bounded, and of no harm when damaged."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from chatterm.backend.tools.files import undo_copies
from chatterm.backend.tools.files.undo_copies import UndoCopies, UndoCopy


def keep(copies: UndoCopies, data: bytes) -> UndoCopy:
    return copies.keep(
        tool="write_file", root="/r", parts=("a", "b"), mode=0o644, data=data, before="x", after="y"
    )


def test_a_copy_is_kept_for_this_user_alone(tmp_path: Path) -> None:
    copies = UndoCopies(tmp_path / "state" / "undo")
    kept = keep(copies, b"one\ntwo\0")
    assert (kept.path, kept.was_new, kept.bytes) == ("/r/a/b", False, 8)
    assert kept.when.tzinfo is not None
    assert copies.get(kept.id) == (kept, b"one\ntwo\0")
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "state").rglob("*")]
    assert sorted(modes) == [0o600, 0o700]


def test_the_oldest_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(undo_copies, "MOST_COPIES", 5)
    monkeypatch.setattr(undo_copies, "MOST_BYTES", 4000)
    copies = UndoCopies(tmp_path)
    kept = [keep(copies, b"x").id for _ in range(8)]
    assert [copy.id for copy in copies.all()] == kept[:2:-1]
    large = keep(copies, b"x" * 5000)
    assert copies.all() == [large]


def test_damaged_copies_are_left_out(tmp_path: Path) -> None:
    copies = UndoCopies(tmp_path)
    kept = keep(copies, b"all of it")
    (tmp_path / "00000000000000000001.undo").write_bytes(b"{nonsense")
    (tmp_path / "notes").touch()
    assert copies.all() == [kept]
    path = tmp_path / f"{kept.id}.undo"
    path.write_bytes(path.read_bytes()[:-1])
    assert copies.get(kept.id) is None
    assert copies.get("00000000000000000001") is None
    copies.drop(kept.id)
    copies.drop(kept.id)
    assert copies.all() == []


def test_no_folder_is_no_copies(tmp_path: Path) -> None:
    assert UndoCopies(tmp_path / "none").all() == []
