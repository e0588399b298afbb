"""What `chatterm bench` can be asked for, and what it shows; nothing is sent here."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest

from chatterm.backend.load_test.figures import Gaps, LoadResult, Sample, TargetFigures, target_figures
from chatterm.backend.load_test.goals import Goal, judged
from chatterm.backend.load_test.lane import LaneProgress
from chatterm.backend.load_test.plan import LoadPlan
from chatterm.backend.load_test.progress import progress_lines
from chatterm.backend.load_test.table import number_text, result_lines, seconds_text
from chatterm.cli.app import run
from chatterm.cli.bench_run import keep_result, read_result
from chatterm.core.errors import ConfigError


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--target", "ttft=1"), "'ttft=1' is no target"),
        (("-c", "0"), "'-c'"),
        (("--duration", "-1"), "--duration -1"),
        (("--max-cost", "nan"), "--max-cost nan"),
        (("--prompt", "x", "--prompt-tokens", "9"), "exclude each other"),
        (("--prompt", "  "), "--prompt is empty"),
        (("--prompt", "@no-such-file"), "there is no file 'no-such-file'"),
        (("--against", "none.json"), "--against: there is no file 'none.json'"),
        (("--duration", "soon"), "'soon' is not a number"),
        (("--retries", "101"), "'101' is more than 100"),
        (("--out", "no/such/folder/x.json"), "there is no folder 'no/such/folder'"),
    ],
)
def test_what_cannot_be_asked_for_is_a_wrong_usage(
    words: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["bench", *words]) == 2
    output, errors = capsys.readouterr()
    assert output == ""
    assert told in errors


@pytest.mark.parametrize("text", ["", "[]", '{"version": 1}', "\x00", "[" * 100_000])
def test_a_file_that_is_no_result_is_told(tmp_path: Path, text: str) -> None:
    old = tmp_path / "old.json"
    old.write_text(text)
    with pytest.raises(ConfigError, match="is no result of a load test"):
        read_result(old)


def figures(name: str, ttft: float) -> TargetFigures:
    samples = [
        Sample(started_at=0, ended_at=1, ttft_seconds=ttft * factor, latency_seconds=1.0, cost_dollars=0.01)
        for factor in (1, 2, 3)
    ]
    failed = Sample(started_at=0, ended_at=2, error_kind="RateLimited")
    return target_figures(name, "host\x1b]0;x\x07", [*samples, failed], Gaps(), ended="it\x1b[2Jends")


def result(*targets: TargetFigures, concurrency: int = 5, cpu_share: float = 0.1) -> LoadResult:
    return LoadResult(
        program="chatterm 0",
        made_at="2026-11-21T00:00:00+00:00",
        concurrency=concurrency,
        requests=4,
        duration_seconds=None,
        warmup=0,
        prompt_tokens=100,
        max_tokens=128,
        seed=1,
        seconds=1.0,
        cpu_share=cpu_share,
        stopped=False,
        targets=targets,
        goals=judged([Goal("ttft_p50", 0.3), Goal("rate_p50", 10)], targets),
    )


def test_results_of_one_second_are_kept_beside_each_other(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "bench"
    results = [result(figures("p/a", ttft)) for ttft in (0.1, 0.2, 0.3)]
    paths = [keep_result(folder, each) for each in results]
    assert [path.name for path in paths] == [f"20261121-000000{end}.json" for end in ("", "-2", "-3")]
    assert [read_result(path) for path in paths] == results
    assert {path.stat().st_mode & 0o777 for path in paths} == {0o600}


def test_a_result_that_cannot_be_written_leaves_no_empty_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        keep_result(tmp_path / "bench", result(figures("p/a", 0.1)))
    assert list((tmp_path / "bench").iterdir()) == []


def test_the_table_has_every_figure_and_a_dash_for_what_is_not_known() -> None:
    lines = list(
        result_lines(
            result(figures("p/a", 0.2), figures("p/b", 0.4)),
            result(figures("p/a", 0.1), concurrency=9),
            "old.json",
        )
    )
    text = "\n".join(lines)
    assert "4 requests, 5 at a time, in 2.00 s: 3 complete, 1 failed (rate limited 1)" in text
    assert "TTFT                  400 ms    600 ms    600 ms    200 ms    600 ms" in text
    assert "tokens/s                   -         -" in text
    assert "tokens - in, - out, cost $0.03" in text
    assert "target ttft_p50 <= 300 ms: missed (400 ms)" in text
    assert "target rate_p50 >= 10.0: missed (-)" in text
    ratio = lines.index("times p/a")
    assert lines[ratio + 1 : ratio + 3] == ["  p/b", "    ttft_p50             2.00"]
    then = lines.index("times old.json of 2026-11-21T00:00:00+00:00")
    assert lines[then + 2] == "    ttft_p50             2.00"
    assert "concurrency was 9, is 5" in text
    assert "\x1b" not in text and "\x07" not in text
    assert "chatterm itself" not in text


def test_what_was_not_known_of_an_older_run_is_a_dash() -> None:
    now, old = result(figures("p/a", 0.2)), replace(result(figures("p/a", 0.1)), max_tokens=None)
    assert "  max_tokens was -, is 128: the ratios are of that, too" in result_lines(now, old, "old.json")


def test_a_cost_by_prices_is_told_as_an_estimate_and_what_is_in_it_is_said() -> None:
    sample = Sample(started_at=0, ended_at=1, latency_seconds=1.0, cost_dollars=0.01, cost_is_estimate=True)
    told = replace(sample, cost_is_estimate=False)
    found = target_figures("p/a", "host", [sample, told, replace(sample, is_warmup=True)], Gaps())
    assert "  tokens - in, - out, cost ~$0.03, warm-up included" in result_lines(
        replace(result(found), warmup=1)
    )
    assert "  tokens - in, - out, cost $0.01" in result_lines(
        result(target_figures("p/a", "host", [told], Gaps()))
    )


def test_its_own_work_is_named_where_it_is_the_limit() -> None:
    text = "\n".join(result_lines(result(figures("p/a", 0.2), cpu_share=0.97), colours=True))
    assert "chatterm itself used 97 % of a core" in text
    assert "\x1b[31mmissed\x1b[0m" in text
    nothing = result(target_figures("p/a", "host", [], Gaps()), cpu_share=0.99)
    assert "chatterm itself" not in "\n".join(result_lines(nothing))


def test_progress_fits_the_terminal() -> None:
    lane = LaneProgress(
        name="p/a", running=5, complete=40, failed=10, ttft_p50_seconds=0.25, held_seconds=3.2
    )
    lines = progress_lines((lane,), 12.0, LoadPlan(requests=100), 200, "Ctrl+C")
    assert lines[0] == "██████████░░░░░░░░░░  50 %  12 s · Ctrl+C stops"
    assert lines[1] == "p/a: 40 complete · 5 running · 10 failed · TTFT 250 ms · held back for 3 s"
    assert all(
        len(line) <= 30 for line in progress_lines((lane,), 12.0, LoadPlan(requests=100), 30, "Ctrl+C")
    )
    assert progress_lines((lane,), 0.0, LoadPlan(), 200, "Ctrl+C") == ["warming up: p/a"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0.00042, "0.42 ms"),
        (0.312, "312 ms"),
        (1.5, "1.50 s"),
        (0.9999, "1.00 s"),
        (75.0, "75.0 s"),
    ],
)
def test_times_have_three_digits_or_so(seconds: float | None, text: str) -> None:
    assert seconds_text(seconds) == text


def test_numbers_too() -> None:
    assert [number_text(value) for value in (None, 0.5, 45.25, 1234.5)] == ["-", "0.50", "45.2", "1,234"]
