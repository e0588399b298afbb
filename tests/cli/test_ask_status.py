"""The exit status of ask when chatterm itself is at fault."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import pytest

from chatterm.cli.app import run
from chatterm.core.events import StreamEvent
from chatterm.core.reducer import Draft

apply = Draft.apply


@pytest.mark.parametrize("shown", [0, 5])
def test_a_defect_is_told_apart_from_a_reply_that_was_cut(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], shown: int
) -> None:
    calls: list[StreamEvent] = []

    def broken(draft: Draft, event: StreamEvent) -> StreamEvent | None:
        calls.append(event)
        if len(calls) > shown:
            raise ZeroDivisionError
        return apply(draft, event)

    for name in ("handlers", "propagate"):  # put back what the program sets
        monkeypatch.setattr(logging.getLogger("chatterm"), name, getattr(logging.getLogger("chatterm"), name))
    monkeypatch.setattr(Draft, "apply", broken)
    monkeypatch.setattr(sys, "stdin", None)
    assert run(["ask", "--provider", "guide", "How do I use Ollama?"]) == 70
    output, errors = capfd.readouterr()
    assert bool(output) is bool(shown)
    assert errors.startswith("chatterm: Something in chatterm itself went wrong")
    assert "Traceback" not in errors
    (report,) = (Path(os.environ["CHATTERM_HOME"]) / "state").glob("crash-*.txt")
    assert "ZeroDivisionError" in report.read_text()
