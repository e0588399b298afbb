"""Style and types of the source, by the checkers that pyproject.toml configures."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.architecture.sources import ROOT

pytestmark = pytest.mark.checks


def check(module: str, *arguments: str) -> None:
    """Run a checker of this environment over the checkout; its report is the failure's text."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def test_lint() -> None:
    check("ruff", "check", ".")


def test_format() -> None:
    check("ruff", "format", "--check", "--diff", ".")


@pytest.mark.timeout(300)
def test_types() -> None:
    """Strict, over chatterm and the doubles; what is installed here counts, wherever the checker looks first."""
    check("basedpyright", "--pythonpath", sys.executable, "--warnings")
