"""Patterns for paths."""

from __future__ import annotations

import pytest

from chatterm.backend.tools.files.globs import glob_matches, ignore_rules, is_ignored
from tests.cpu_time import within


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("*.py", "a.py", True),
        ("*.py", "x/y/a.py", True),
        ("*.py", "a.pyc", False),
        ("x/*.py", "x/a.py", True),
        ("x/*.py", "x/y/a.py", False),
        ("x/**/*.py", "x/a.py", True),
        ("x/**/*.py", "x/y/z/a.py", True),
        ("**/y/*", "x/y/a", True),
        ("**/y/*", "x/a", False),
        ("x/**", "x/y/a", True),
    ],
)
def test_globs(pattern: str, path: str, matches: bool) -> None:
    assert glob_matches(pattern, tuple(path.split("/"))) is matches


@pytest.mark.parametrize(
    ("lines", "path", "ignored"),
    [
        ("*.log", "x/a.log", True),
        ("/a.log", "x/a.log", False),
        ("/a.log", "a.log", True),
        ("x/a.log", "x/a.log", True),
        ("build/", "x/build", False),
        ("build/", "x/build/", True),
        ("*.log\n!a.log", "a.log", False),
        ("!a.log\n*.log", "a.log", True),
        ("# a.log\n\n", "a.log", False),
        ("a.log   ", "a.log", True),
        ("**/x/**", "a/x/b", True),
    ],
)
def test_ignored(lines: str, path: str, ignored: bool) -> None:
    parts = tuple(path.rstrip("/").split("/"))
    assert is_ignored(ignore_rules(lines, ()), parts, is_folder=path.endswith("/")) is ignored


def test_rules_hold_below_their_folder_and_deeper_ones_decide() -> None:
    rules = [*ignore_rules("*.log", ()), *ignore_rules("!*.log", ("x",))]
    assert is_ignored(rules, ("a.log",), is_folder=False)
    assert not is_ignored(rules, ("x", "a.log"), is_folder=False)


def test_no_pattern_takes_long() -> None:
    hostile = "*a" * 60 + "b"
    deep = "**/" * 60 + "b"
    assert within(0.2, lambda: glob_matches(hostile, ("a" * 250,))) is None
    assert within(0.2, lambda: glob_matches(deep, ("a",) * 500)) is None
