"""Takes what is secret out of requests and responses before they are kept, shown, copied or written down."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from chatterm.backend.providers.base import Endpoint
from chatterm.core.redact import redact

KEY, HIDDEN = "[key]", "[hidden]"

SHOWN_HEADERS = frozenset(
    {
        *("accept", "accept-encoding", "content-length", "content-type", "user-agent"),
        *("anthropic-beta", "anthropic-version", "http-referer", "openai-beta", "x-title"),
    }
)
"""Headers of a request whose values are shown; those of all others are hidden, whatever they hold."""

_HIDDEN_ANSWERS = re.compile(
    r"set-cookie|cookie|.*(auth|token$|secret|organization|project|account|api-key).*", re.IGNORECASE
)
SHORTEST_BYTES = 8
"""Shorter header values of the user's own are too common as words to be looked for in bodies."""


class Secrets:
    """The key and the secret header values of one endpoint."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._key = endpoint.api_key or ""
        password = (
            endpoint.base_url.partition("://")[2].partition("/")[0].rpartition("@")[0].partition(":")[2]
        )
        own = [
            value
            for name, value in endpoint.headers.items()
            if name.lower() not in SHOWN_HEADERS and len(value) >= SHORTEST_BYTES
        ]
        # Longest first: a secret may be the beginning of another one.
        words = sorted({*own, password} - {"", self._key}, key=len, reverse=True)
        self._texts = [(self._key, KEY)] if self._key else []
        self._texts += [(word, HIDDEN) for word in words]
        self._data = [
            (form, mark.encode()) for word, mark in self._texts for form in {word.encode(), _in_json(word)}
        ]

    def out_of_data(self, data: bytes) -> bytes:
        """A body or a frame without them, as they are and as JSON writes them; all else stays, byte for byte."""
        for secret, mark in self._data:
            if secret in data:
                data = data.replace(secret, mark)
        return data

    def out_of_text(self, text: str) -> str:
        """A text or an address without them, nor anything else that looks like a key or a password."""
        for secret, mark in self._texts:
            text = text.replace(secret, mark)
        return redact(text)

    def out_of_request(self, headers: Mapping[str, str]) -> dict[str, str]:
        """The headers of a request; of those that may be secret only the place of the key is left."""
        return {name: self._header(name, value) for name, value in headers.items()}

    def out_of_answer(self, headers: Mapping[str, str]) -> dict[str, str]:
        """The headers of a response."""
        return {
            name: HIDDEN if _HIDDEN_ANSWERS.fullmatch(name) else self.out_of_text(value)
            for name, value in headers.items()
        }

    def _header(self, name: str, value: str) -> str:
        if self._key and self._key in value:
            before, _, after = value.partition(self._key)
            return f"{before}{KEY}{after}" if before in ("", "Bearer ") and not after else HIDDEN
        return self.out_of_text(value) if name.lower() in SHOWN_HEADERS else HIDDEN


def _in_json(text: str) -> bytes:
    return msgspec.json.encode(text)[1:-1]
