"""What errors are called on a screen."""

from __future__ import annotations

import pytest

from chatterm.core.errors import (
    ChattermError,
    ConnectionFailedError,
    OverloadedError,
    ServerError,
    TruncatedStreamError,
    kind_words,
)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OverloadedError("no"), "overloaded"),
        (ConnectionFailedError("no"), "connection failed"),
        (ServerError("no"), "server error"),
        (TruncatedStreamError("no"), "cut off"),
    ],
)
def test_a_kind_has_words(error: ChattermError, words: str) -> None:
    assert kind_words(error.kind) == words
