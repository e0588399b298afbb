"""JSON is read without surprises and written so that pieces fit."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chatterm.backend.providers.wire_json import (
    MAX_COUNT,
    MAX_DEPTH,
    as_count,
    as_list,
    as_number,
    as_object,
    as_text,
    encode_json,
    safe_json,
)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b'{"a":1} x',
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000,
        b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
        b"9" * 5000,
        b"\x00",
    ],
)
def test_what_cannot_be_read_is_a_value_error_with_words(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        safe_json(data)


def test_the_deepest_nesting_that_is_read() -> None:
    assert safe_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH) is not None


def test_many_brackets_side_by_side_are_not_deep() -> None:
    assert len(as_list(safe_json(b"[" + b"[],{}," * 1000 + b'"[[["]'))) == 2001


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'"\\ud83d"', "\ud83d"),
        (b'{"a":"\\ude00"}', {"a": "\ude00"}),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b'\xef\xbb\xbf{"a":1}', {"a": 1}),
        (b'"caf\xe9"', "caf\ufffd"),
        (b'"a\x01b"', "a\x01b"),
        (b"[1e400]", [float("inf")]),
        (b"9" * 40, 10**40 - 1),
        (b'{"a":1,"a":2}', {"a": 2}),
    ],
)
def test_what_servers_send_all_the_same(data: bytes, value: object) -> None:
    assert safe_json(data) == value


def test_nan_is_read() -> None:
    assert as_number(as_list(safe_json(b"[NaN]"))[0]) is None


@pytest.mark.parametrize(
    ("value", "count"),
    [
        *((0, 0), (7, 7), (7.0, 7), (2**80, MAX_COUNT), (-1, None), (1.5, None), (float("nan"), None)),
        *((float("inf"), None), (True, None), ("7", None), (None, None), ([], None)),
    ],
)
def test_counts(value: object, count: int | None) -> None:
    assert as_count(value) == count


@pytest.mark.parametrize(
    ("value", "number"),
    [(0, 0.0), (1.5, 1.5), (10**400, None), (-1, None), (float("inf"), None), (True, None), ("1", None)],
)
def test_numbers(value: object, number: float | None) -> None:
    assert as_number(value) == number


def test_wrong_kinds_are_empty() -> None:
    assert (as_object([1]), as_list({"a": 1}), as_text(1)) == ({}, [], "")


def test_lone_surrogates_are_replaced_and_pairs_joined_when_written() -> None:
    assert (
        encode_json({"a\ud800": ["\ud83d\ude00", "x\ude00"]})
        == '{"a\ufffd":["\U0001f600","x\ufffd"]}'.encode()
    )


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(st.characters(codec=None)),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec=None)), inner, max_size=4)
    ),
)


@example(["\x00", "\ud800", "\udc00\ud83d\ude00\ud800x"])
@given(st.lists(_VALUES, max_size=4))
def test_a_list_is_its_items_joined(values: list[object]) -> None:
    assert encode_json(values) == b"[" + b",".join(encode_json(value) for value in values) + b"]"


@given(st.binary(max_size=50))
def test_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        safe_json(data)
    except ValueError as error:
        assert str(error)


@given(_VALUES)
def test_what_is_written_in_ascii_escapes_is_read_back(value: object) -> None:
    assert safe_json(json.dumps(value).encode()) == json.loads(json.dumps(value))
