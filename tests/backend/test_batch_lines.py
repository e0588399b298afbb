"""What a line of a batch may be, and what is told of one that cannot be asked."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatterm.backend.batch.lines import BatchItem, read_input, told_bad


def only(data: bytes) -> BatchItem:
    """The one line of the input."""
    found = read_input(data)
    assert found.bad == ()
    (item,) = found.items
    return item


def fault(data: bytes) -> str:
    """What is wrong with the last line."""
    return str(read_input(data).bad[-1])


def test_a_string_is_a_prompt_and_goes_by_its_number() -> None:
    item = only('\ufeff\n\n"Grüße"\r\n'.encode())
    assert (item.id, item.line, item.prompt) == (3, 3, "Grüße")


def test_an_object_says_all_that_there_is_to_say() -> None:
    line = {
        "id": "a",
        "prompt": "hi",
        "system": "be brief",
        "model": "openai/x",
        "options": {"temperature": 0},
        "files": ["a.png"],
    }
    item = only(json.dumps(line).encode())
    assert (item.id, item.prompt, item.system, item.model) == ("a", "hi", "be brief", "openai/x")
    assert (dict(item.options), item.files) == ({"temperature": 0}, ("a.png",))


def test_messages_are_a_conversation_with_its_prompt_last() -> None:
    roles = ["system", "user", "assistant", "user"]
    line = {"messages": [{"role": role, "content": f"{number}"} for number, role in enumerate(roles)]}
    item = only(json.dumps(line).encode())
    assert (item.system, item.earlier, item.prompt) == ("0", ("1", "2"), "3")


@pytest.mark.parametrize(
    ("line", "told"),
    ids=range(16),
    argvalues=[
        (b"{", "line 1: is no JSON (expecting property name"),
        (b"7", "line 1: Expected `object`, got `int`: 7"),
        (b"null", "line 1: Expected `object`, got `null`: null"),
        (b'{"prompt":"x","options":{"a":' + b"[" * 10_000, "line 1: is no JSON that can be read"),
        (b'"\xff"', "line 1: is not UTF-8 (byte 2)"),
        (b'""', "line 1: the prompt is empty"),
        (b"{}", "line 1: needs either a prompt or messages: {}"),
        (b'{"prompt":"x","messages":[]}', "line 1: needs either a prompt or messages"),
        (b'{"promt":"x"}', "line 1: Object contains unknown field `promt`"),
        (b'{"prompt":"x","id":""}', "line 1: the id is empty"),
        (b'{"prompt":"x","options":{"temperature":"hot"}}', "line 1: The option temperature cannot be 'hot'"),
        (b'{"messages":[]}', "line 1: the last message is not the user's"),
        (b'{"messages":[{"role":"tool","content":"x"}]}', "line 1: Invalid enum value 'tool'"),
        (b'"a"\n{"id":1,"prompt":"b"}', "line 2: the id '1' is that of line 1 already"),
        (b'{"id":"x","prompt":"a"}\n{"id":"x","prompt":"b"}', "line 2: the id 'x' is that of line 1 already"),
        (b'{"prompt":"x","system":"\x1b]0;evil\x07"}', "line 1: is no JSON"),
    ],
)
def test_a_line_that_cannot_be_asked_is_told_by_number_and_value(line: bytes, told: str) -> None:
    assert fault(line).startswith(told)
    assert "\x1b" not in fault(line)


def test_who_speaks_out_of_turn_is_told() -> None:
    twice = {"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]}
    assert "message 2 is of the user, not of the assistant" in fault(json.dumps(twice).encode())


def test_of_many_bad_lines_the_first_are_told() -> None:
    told = told_bad(read_input(b"{}\n" * 30).bad, 3).splitlines()
    assert [line.split(":")[0] for line in told] == ["line 1", "line 2", "line 3", "and 27 more"]


@given(st.lists(st.binary(max_size=30), max_size=8))
def test_any_bytes_are_lines_or_told(lines: list[bytes]) -> None:
    data = b"\n".join(lines)
    found = read_input(data)
    numbers = [item.line for item in found.items] + [bad.line for bad in found.bad]
    written = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    assert sorted(numbers) == [number for number, line in enumerate(written, 1) if line.strip()]
