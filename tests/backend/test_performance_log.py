"""The performance log: whole lines for its owner alone, whatever becomes of the disk."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest

from chatterm.backend.reporting.performance_log import LOGS_KEPT, PerformanceLog, read_log
from chatterm.store.locks import try_lock
from tests.store.test_performance import RECORD, record


def write(path: Path, *numbers: int, most_bytes: int = 10_000) -> None:
    log = PerformanceLog(path, most_bytes)
    for number in numbers:
        log.take(record(number))
    log.close(5)
    assert log._thread is None or not log._thread.is_alive()


def ids(path: Path) -> list[str | None]:
    return [each and each.id for each in read_log(path.read_bytes().splitlines())]


def test_records_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "state" / "performance.jsonl"
    write(path, 0)
    write(path, 1)
    assert list(read_log(path.read_bytes().splitlines())) == [RECORD, record(1)]
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("field", ["cost_dollars", "latency_seconds", "output_tokens"])
def test_a_line_with_less_than_nothing_or_more_than_there_is_is_damaged(tmp_path: Path, field: str) -> None:
    path = tmp_path / "performance.jsonl"
    log = PerformanceLog(path)
    log.take(replace(record(0), **{field: -3}))
    log.take(replace(record(1), **{field: None}))
    log.take(replace(record(2), **{field: 10**17}))
    log.close(5)
    assert ids(path) == [None, record(1).id, None]


def test_without_records_there_is_no_file(tmp_path: Path) -> None:
    write(tmp_path / "performance.jsonl")
    assert not list(tmp_path.glob("performance*"))


def test_what_waits_is_written_whole_by_one_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So two programs at once tear no line."""
    path, write, calls = tmp_path / "performance.jsonl", os.write, list[bytes]()

    def counted(file: int, data: bytes) -> int:
        calls.append(data)
        return write(file, data)

    monkeypatch.setattr(os, "write", counted)
    log = PerformanceLog(path)
    for number in range(3):
        log._records.put(record(number))
    log._records.put(None)
    log._serve()
    assert ids(path) == ["r0", "r1", "r2"]
    assert calls == [path.read_bytes()]


def test_while_another_process_renames_the_file_it_is_left_to_that(tmp_path: Path) -> None:
    path = tmp_path / "performance.jsonl"
    write(path, 0)
    with path.open("rb") as other:
        assert try_lock(other.fileno())
        write(path, 1, most_bytes=100)
        assert ids(path) == ["r0", "r1"]
    write(path, 2, most_bytes=100)
    assert ids(Path(f"{path}.1")) == ["r0", "r1", "r2"]


def test_a_link_to_elsewhere_is_not_followed(tmp_path: Path) -> None:
    elsewhere, path = tmp_path / "elsewhere", tmp_path / "performance.jsonl"
    elsewhere.write_bytes(b"")
    path.symlink_to(elsewhere)
    write(path, 0)
    assert elsewhere.read_bytes() == b""


def test_a_line_that_was_cut_costs_that_line_alone(tmp_path: Path) -> None:
    path = tmp_path / "performance.jsonl"
    write(path, 0, 1)
    data = path.read_bytes()
    path.write_bytes(data[:-20])
    write(path, 2)
    with path.open("ab") as file:
        file.write(b'\n\xff\xfe\n{"id": 3}\n[]\nnull\n{"at": "x"}\n')
    write(path, 4)
    assert ids(path) == ["r0", None, "r2", None, None, None, None, None, "r4"]


def test_a_full_file_is_renamed_and_the_oldest_goes(tmp_path: Path) -> None:
    path = tmp_path / "performance.jsonl"
    for number in range(8):
        write(path, number, most_bytes=100)
    assert not path.exists()
    files = [Path(f"{path}.{number}") for number in range(1, LOGS_KEPT + 1)]
    assert [ids(file) for file in files] == [["r7"], ["r6"], ["r5"]]
    assert set(tmp_path.glob("performance*")) == set(files)


def test_another_process_that_renamed_the_file_is_not_done_after(tmp_path: Path) -> None:
    path = tmp_path / "performance.jsonl"
    write(path, 0)
    file = os.open(path, os.O_RDWR)
    path.rename(tmp_path / "elsewhere")
    write(path, 1)
    PerformanceLog(path)._rotate(file)
    os.close(file)
    assert ids(path) == ["r1"]


def test_a_full_disk_costs_the_lines_that_it_did_not_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "performance.jsonl"
    write(path, 0)

    def full(file: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        write(path, 1)
    write(path, 2)
    assert ids(path) == ["r0", "r2"]


def test_names_with_half_a_character_are_written(tmp_path: Path) -> None:
    path = tmp_path / "performance.jsonl"
    log = PerformanceLog(path)
    log.take(record(1, model="\ud800"))
    log.close(5)
    (found,) = read_log(path.read_bytes().splitlines())
    assert found is not None and found.model == "\ufffd"
