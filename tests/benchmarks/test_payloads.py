"""The benchmark of request bodies compares what is equal, and the cache encodes each message once."""

from __future__ import annotations

import pytest

from tests.benchmarks.payloads import (
    MEMORY_GOAL,
    adapters,
    conversations,
    measure,
    tool_conversation,
    tool_rounds,
)


@pytest.mark.parametrize("name", list(adapters()))
def test_a_row_of_the_table(name: str) -> None:
    for conversation in conversations(1)[:2]:
        row, faster = measure(name, adapters()[name], conversation)
        assert row[0] == name and len(row) == 9 and faster > 0.2


@pytest.mark.parametrize("name", ["openai_chat", "anthropic"])
def test_a_conversation_of_tools_is_encoded_once_per_message_and_kept_in_little_more_than_its_bytes(
    name: str,
) -> None:
    encodings, share = tool_conversation(adapters()[name])
    assert encodings == len(tool_rounds(25)) == 51
    assert share <= MEMORY_GOAL
