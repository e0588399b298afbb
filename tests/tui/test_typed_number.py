"""What counts as a number after a slash word."""

from __future__ import annotations

import pytest

from chatterm.core.errors import ConfigError
from chatterm.tui.typed_number import number_back, typed_number


@pytest.mark.parametrize(
    ("text", "number"),
    [("2", 2), ("0", 0), ("", None), ("x", None), ("-1", None), ("²", None), ("1.5", None)],
)
def test_a_number_is_one_that_can_be_meant(text: str, number: int | None) -> None:
    assert typed_number(text) == number


def test_thousands_of_digits_are_told_and_not_raised_as_something_else() -> None:
    with pytest.raises(ConfigError) as raised:
        number_back("9" * 5000, "/copy 2 copies the last reply but one.")
    assert "is no number" in raised.value.message and len(raised.value.message) < 100
    assert number_back("", "") == 1
