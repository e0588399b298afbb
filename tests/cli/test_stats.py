"""`chatterm stats`: text, JSON and CSV of what is recorded."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path
from typing import get_args

import pytest

from chatterm.backend.reporting.performance_log import PerformanceLog
from chatterm.cli.app import run
from chatterm.cli.stats import Purpose
from chatterm.cli.statuses import ExitStatus
from chatterm.cli.wiring import DATABASE_NAME
from chatterm.config.paths import find_paths
from chatterm.core.performance import Operation
from chatterm.store.database import Database
from chatterm.store.performance import PerformanceStore
from tests.store.test_performance import record


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CHATTERM_HOME", str(tmp_path / "own"))
    return tmp_path / "own"


def keep(home: Path) -> None:
    database = Database(find_paths({"CHATTERM_HOME": str(home)}).data / DATABASE_NAME)
    kept = PerformanceStore(database)
    for number, model in enumerate(("=1+1", "m", "m")):
        kept.add(record(number, model=model))
    kept.add(record(9, operation="bench"))
    assert database.close(5)


def test_every_purpose_can_be_asked_for() -> None:
    assert [purpose.value for purpose in Purpose] == list(get_args(Operation))


def test_settings_that_are_left_out_are_told_of(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep(home)
    file = find_paths({"CHATTERM_HOME": str(home)}).settings_file
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text('[targets]\nttft_p95_seconds = "fast"\n')
    assert run(["stats"]) == ExitStatus.COMPLETE
    assert "ttft_p95_seconds" in capsys.readouterr().err


def test_without_a_history_nothing_is_made(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["stats"]) == ExitStatus.COMPLETE
    assert "No request is recorded" in capsys.readouterr().err
    assert not home.exists()


def test_text_has_figures_targets_and_bars(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep(home)
    assert run(["stats", "--by", "model"]) == ExitStatus.COMPLETE
    out = capsys.readouterr().out
    assert "3 in 3 requests" in out and "pass: 200 ms (at most 1.5 s)" in out
    assert "p/=1+1" in out and "≤ 250 ms" in out and "$0.75" in out
    assert run(["stats", "-n", "2", "--operation", "bench"]) == ExitStatus.COMPLETE
    assert "1 in 1 requests" in capsys.readouterr().out


def test_json_and_csv(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep(home)
    assert run(["stats", "--json", "--since", "1970-01-01", "--by", "day"]) == ExitStatus.COMPLETE
    found = json.loads(capsys.readouterr().out)
    assert found["total"]["requests"] == 3 and len(found["groups"]) == 1
    assert found["total"]["output_tokens"] is None
    assert run(["stats", "--csv", "--by", "model"]) == ExitStatus.COMPLETE
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["name"] for row in rows] == ["all", "p/=1+1", "p/m"]
    assert rows[0]["ttft_p95_seconds"] == "0.2" and rows[0]["output_tokens"] == ""


def test_a_spreadsheet_gets_no_formula(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = PerformanceLog(home / "log")
    for name in ("=x", "+x", "-x", "@x", "\t=x"):
        log.take(record(1, provider=name))
    log.close(5)
    assert run(["stats", "--csv", "--by", "provider", "--file", str(home / "log")]) == ExitStatus.COMPLETE
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert all(row["name"][0] in "'a" for row in rows)


def test_a_log_with_damaged_lines_is_read_as_far_as_it_goes(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = home / "log"
    log = PerformanceLog(file)
    log.take(record(1))
    log.close(5)
    with file.open("a") as added:
        added.write('{"id": "half')
    assert run(["stats", "--file", str(file)]) == ExitStatus.COMPLETE
    told = capsys.readouterr()
    assert "1 in 1 requests" in told.out and ": 1 damaged line." in told.err
    assert run(["stats", "--file", str(home / "none")]) == ExitStatus.USAGE
    with file.open() as given, monkeypatch.context() as patched:
        patched.setattr(sys, "stdin", given)
        assert run(["stats", "--file", "-"]) == ExitStatus.COMPLETE
        patched.setattr(sys, "stdin", None)
        assert run(["stats", "--file", "-"]) == ExitStatus.USAGE
    again = capsys.readouterr()
    assert again.out == told.out and "Not counted of -: 1 damaged line." in again.err
    assert run(["stats", "--since", "soon"]) == ExitStatus.USAGE
    assert run(["stats", "--json", "--csv"]) == ExitStatus.USAGE
