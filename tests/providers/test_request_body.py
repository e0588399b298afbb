"""What the user set wins; what the provider refused stays out."""

from __future__ import annotations

from chatterm.backend.providers.request_body import finished_fields
from chatterm.core.turn import Options, TurnRequest


def finished(fields: dict[str, object], options: Options, *refused: str) -> dict[str, object]:
    request = TurnRequest(model="m", messages=(), options=options, refused=frozenset(refused))
    return finished_fields(fields, request)


def test_options_win_and_none_takes_away() -> None:
    assert finished({"a": 1, "b": 2, "c": None}, {"a": 3, "b": None, "d": [4]}) == {"a": 3, "d": [4]}


def test_objects_are_joined_and_the_given_ones_stay_as_they_were() -> None:
    fields: dict[str, object] = {"reasoning": {"effort": "low"}}
    assert finished(fields, {"reasoning": {"summary": "auto"}}) == {
        "reasoning": {"effort": "low", "summary": "auto"}
    }
    assert fields == {"reasoning": {"effort": "low"}}


def test_refused_parameters_stay_out_whoever_asks_for_them() -> None:
    fields: dict[str, object] = {"temperature": 1, "reasoning": {"effort": "low"}, "x": {"y": 1, "z": 2}}
    left = finished(
        fields, {"top_k": 1}, "temperature", "top_k", "reasoning.effort", "x.y", "nothing", "x.z.a"
    )
    assert left == {"x": {"z": 2}}
