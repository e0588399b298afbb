"""Arguments of tool calls: one struct is the schema for the model and the check of a call."""

from __future__ import annotations

from typing import Annotated

import msgspec
import pytest

from chatterm.backend.tools.arguments import read_arguments, read_object, spec_of
from chatterm.core.errors import InvalidCallError


class Line(msgspec.Struct):
    """A line.

    Told in two paragraphs.
    """

    path: Annotated[str, msgspec.Meta(description="the file")]
    first: Annotated[int, msgspec.Meta(ge=1)] = 1


def test_a_struct_tells_the_model_what_it_takes() -> None:
    spec = spec_of("read_line", Line)
    assert spec.description == "A line.\n\nTold in two paragraphs."
    assert spec.parameters["required"] == ["path"]
    assert spec.parameters["additionalProperties"] is False
    assert spec.parameters["properties"] == {
        "path": {"type": "string", "description": "the file"},
        "first": {"type": "integer", "minimum": 1, "default": 1},
    }


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("{}", "`path`"),
        ('{"path": 1}', "`$.path`"),
        ('{"path": "x", "first": 0}', ">= 1"),
        ('{"path": "x", "first": "1"}', "`$.first`"),
        ('{"path": "x", "last": 2}', "no argument 'last'; known are: path, first"),
        ('{"path": "x"', "no JSON"),
        ("[]", "JSON object"),
        ("[" * 100_000, "no JSON"),
    ],
)
def test_what_does_not_fit_is_named(arguments: str, told: str) -> None:
    with pytest.raises(InvalidCallError) as caught:
        read_arguments(Line, read_object(arguments))
    assert told in caught.value.message
    assert len(caught.value.message) <= 500


def test_what_fits_is_read() -> None:
    assert read_arguments(Line, read_object('{"path": "x"}')) == Line(path="x")
    with pytest.raises(InvalidCallError):
        read_arguments(Line, read_object(""))
