"""The benchmark of request bodies compares what is equal, and the cache encodes each message once."""

from __future__ import annotations

import pytest

from tests.benchmarks.payloads import Builder, adapters, conversations, measure, tool_rounds


@pytest.mark.parametrize("name", list(adapters()))
def test_a_row_of_the_table(name: str) -> None:
    for conversation in conversations(1)[:2]:
        row, faster = measure(name, adapters()[name], conversation)
        assert row[0] == name and len(row) == 9 and faster > 0.2


@pytest.mark.parametrize("name", list(adapters()))
def test_a_conversation_of_tools_is_encoded_once_per_message(name: str) -> None:
    messages = tool_rounds(25)
    builder = Builder(adapters()[name], messages, 64 * 1024 * 1024)
    for end in range(1, len(messages) + 1, 2):  # a request in each round
        builder.request = type(builder.request)(model="a-model", messages=messages[:end], max_output_tokens=9)
        builder.build()
    assert builder.encodings == len(messages) == 51
    assert builder.cache.held_bytes < 1.5 * sum(len(repr(message.parts)) for message in messages)
