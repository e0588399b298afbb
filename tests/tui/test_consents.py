"""The queue of questions: an answer is for the question that it was given to, and for no other."""

from __future__ import annotations

from typing import Any, ClassVar
from unittest.mock import MagicMock

import pytest

from chatterm.core.tools import Decision
from chatterm.tui.consents import Consents
from chatterm.tui.widgets import consent_box


class Box:
    """A box that a test presses keys in."""

    boxes: ClassVar[list[Box]] = []

    def __init__(self, question: Any, decided: Any, palette: Any) -> None:
        self.question, self.decided = question, decided
        self.boxes.append(self)

    def remove(self) -> None: ...
    def fit(self, size: Any) -> None: ...


def test_a_key_that_a_box_gets_after_it_was_withdrawn_decides_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(consent_box, "ConsentBox", Box)
    monkeypatch.setattr(Box, "boxes", [])
    consents, said = Consents(MagicMock(), keeps=True), list[tuple[str, Decision]]()
    question: Any = object()
    consents.ask("call c0", question, lambda decision: said.append(("first", decision)))
    consents.withdraw("call c0")
    consents.ask("call c0", question, lambda decision: said.append(("second", decision)))
    first, second = Box.boxes
    first.decided(Decision.ONCE)
    assert said == []
    assert consents.box is second
    second.decided(Decision.DENY)
    assert said == [("second", Decision.DENY)]
    second.decided(Decision.ONCE)
    assert said == [("second", Decision.DENY)]
