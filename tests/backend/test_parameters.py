"""Options that mean the same everywhere, told apart from those of one provider."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from chatterm.backend.parameters import EXPECTED, read_parameters
from chatterm.core.errors import ConfigError
from chatterm.core.turn import Parameters


def test_common_options_are_taken_out_and_the_rest_stays() -> None:
    given = {"temperature": 1, "stop": "x", "effort": "high", "num_ctx": 4096, "seed": None, "top_k": None}
    parameters, rest = read_parameters(given)
    assert parameters == Parameters(temperature=1.0, stop=("x",), effort="high")
    assert rest == {"num_ctx": 4096, "top_k": None}


@pytest.mark.parametrize(
    ("name", "value"),
    [("temperature", "hot"), ("top_p", [1]), ("seed", 1.5), ("max_tokens", "1k"), ("stop", [1]), ("effort", "big"),
     ("thinking_tokens", -0.5), ("schema", 3), ("web_search", "yes")],
)  # fmt: skip
def test_a_value_of_the_wrong_kind_is_named(name: str, value: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        read_parameters({name: value})
    assert name in caught.value.message and str(value) in caught.value.message
    assert caught.value.hint.startswith("It takes ")


def test_every_common_option_is_known_and_can_be_wrong() -> None:
    assert list(EXPECTED) == [field.name for field in fields(Parameters)]
    for name in EXPECTED:
        with pytest.raises(ConfigError):
            read_parameters({name: object()})
