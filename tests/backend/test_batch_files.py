"""The output of a batch: whole lines or none, each id once, and one program at a time."""

from __future__ import annotations

import errno
import json
import os
import time
from pathlib import Path

import pytest

from chatterm.backend.batch.files import JOURNAL_SUFFIX, SYNC_SECONDS, BatchFiles
from chatterm.core.errors import ConfigError, StoreError

DIGEST = "d" * 64


def line(key: object, outcome: str = "complete", number: int = 1) -> bytes:
    return json.dumps({"id": key, "line": number, "outcome": outcome, "reply": "x"}).encode() + b"\n"


def filled(path: Path, *lines: bytes) -> None:
    """An output of an earlier run with these lines."""
    files = BatchFiles(path, DIGEST)
    for each in lines:
        files.write(each)
    files.close()


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "out.jsonl"


def test_complete_lines_are_done_and_others_are_asked_again(output: Path) -> None:
    filled(output, line("a"), line("b", "failed"), line(7), line("c", "interrupted"))
    files = BatchFiles(output, DIGEST)
    files.write(line("b"))
    files.close()
    assert files.done == {"a", "7"}
    assert output.read_bytes() == line("a") + line(7) + line("b")


@pytest.mark.parametrize("torn", [b'{"id":"z"', b'{"id":"z"}', b"\0\0\0\n", b'{"id":"z","li\n'])
def test_a_torn_last_line_is_cut_and_never_doubled(output: Path, torn: bytes) -> None:
    filled(output, line("a"))
    with output.open("ab") as file:
        file.write(torn)
    files = BatchFiles(output, DIGEST)
    files.write(line("z"))
    files.close()
    assert output.read_bytes() == line("a") + line("z")


def test_a_line_in_the_middle_that_is_none_is_told_by_its_number(output: Path) -> None:
    filled(output, line("a"), b"not mine\n", line("b"))
    with pytest.raises(ConfigError, match=r"out\.jsonl:2 is no line of a batch"):
        BatchFiles(output, DIGEST)


def test_another_input_is_refused_and_nothing_is_touched(output: Path) -> None:
    filled(output, line("a"), line("b", "failed"))
    before = output.read_bytes()
    with pytest.raises(ConfigError, match=r"not the one that .* was begun with"):
        BatchFiles(output, "e" * 64)
    assert output.read_bytes() == before


def test_a_line_that_is_there_twice_is_kept_once(output: Path) -> None:
    filled(output, line("a"), line(7), line("7"), line("a"))
    BatchFiles(output, DIGEST).close()
    assert output.read_bytes() == line("a") + line(7)


def test_all_is_on_the_disk_when_it_has_to_be(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced, now = list[str](), 100.0
    monkeypatch.setattr(os, "fdatasync", lambda handle: synced.append(os.readlink(f"/proc/self/fd/{handle}")))
    monkeypatch.setattr(time, "monotonic", lambda: now)
    files, journal = BatchFiles(output, DIGEST), str(output) + JOURNAL_SUFFIX
    assert synced == [journal]
    files.note(b'{"job":1}\n')
    assert synced == [journal, journal]
    files.write(line("a"))
    assert synced == [journal, journal], "a line is in the hands of the system"
    now += SYNC_SECONDS
    files.write(line("b"))
    assert synced == [journal, journal, str(output)]
    files.close()
    assert synced == [journal, journal, str(output), str(output)]


def test_what_is_rewritten_takes_the_place_of_the_old_file_in_one_step(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(output, line("a"), line("b", "failed"))
    before, steps = output.read_bytes(), list[str]()

    def refuse(self: Path, target: Path) -> None:
        steps.append("replaced")
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", lambda handle: steps.append("synced"))
    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(StoreError, match="input/output error"):
        BatchFiles(output, DIGEST)
    assert steps == ["synced", "replaced"]
    assert output.read_bytes() == before
    assert not list(output.parent.glob(".out*")), "nothing is left lying about"


def test_nothing_is_written_once_it_is_closed(output: Path) -> None:
    files = BatchFiles(output, DIGEST)
    files.close()
    for late in (lambda: files.write(line("a")), lambda: files.note(b"{}\n"), files.sort):
        with pytest.raises(StoreError, match="is closed already"):
            late()
    assert output.read_bytes() == b""


def test_a_file_of_somebody_else_is_refused_and_left_alone(output: Path) -> None:
    output.write_text("my notes\n")
    with pytest.raises(ConfigError, match="is there already"):
        BatchFiles(output, DIGEST)
    assert not output.with_name("out.jsonl.batch").exists()
    assert output.read_text() == "my notes\n"


def test_two_runs_on_one_output_are_kept_apart(output: Path) -> None:
    files = BatchFiles(output, DIGEST)
    with pytest.raises(ConfigError, match="being written by another"):
        BatchFiles(output, DIGEST)
    files.close()
    BatchFiles(output, DIGEST).close()


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", ".", "missing/out"):
        with pytest.raises((StoreError, ConfigError)):
            BatchFiles(tmp_path / name, DIGEST)


def test_a_full_disk_leaves_whole_lines(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files, write = BatchFiles(output, DIGEST), os.write
    files.write(line("a"))

    def full(handle: int, data: bytes) -> int:
        if len(data) > 10:
            return write(handle, data[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StoreError, match="no space left on device"):
        files.write(line("b"))
    monkeypatch.undo()
    files.close()
    assert output.read_bytes() == line("a")


def test_lines_are_put_into_the_order_of_the_input(output: Path) -> None:
    files = BatchFiles(output, DIGEST)
    for number in (3, 1, 2):
        files.write(line(number, number=number))
    output.chmod(0o640)
    files.sort()
    files.write(line(4, number=4))
    files.close()
    assert [json.loads(each)["line"] for each in output.read_text().splitlines()] == [1, 2, 3, 4]
    assert output.stat().st_mode & 0o777 == 0o640


def test_an_output_that_is_gone_cannot_be_sorted_and_says_so(output: Path) -> None:
    files = BatchFiles(output, DIGEST)
    files.write(line("a"))
    output.unlink()
    with pytest.raises(StoreError, match=r"out\.jsonl cannot be read or written \(no such file"):
        files.sort()
    files.close()


def test_a_link_stays_a_link(tmp_path: Path, output: Path) -> None:
    (tmp_path / "real").mkdir()
    output.symlink_to(tmp_path / "real" / "out.jsonl")
    filled(output, line("a"), line("b", "failed"))
    BatchFiles(output, DIGEST).close()
    assert output.is_symlink()
    assert output.read_bytes() == line("a")


def test_the_journal_is_private_and_keeps_its_entries(output: Path) -> None:
    files = BatchFiles(output, DIGEST)
    files.note(b'{"job":1}\n')
    files.close()
    journal = output.with_name("out.jsonl.batch")
    assert journal.stat().st_mode & 0o777 == 0o600
    with journal.open("ab") as file:
        file.write(b'{"job":2')
    again = BatchFiles(output, DIGEST)
    assert again.entries == [b'{"job":1}\n']
    again.close()
