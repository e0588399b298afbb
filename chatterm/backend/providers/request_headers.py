"""The headers of a request: the kind of its body, what is understood in reply, the key, and what the user set."""

from __future__ import annotations

from collections.abc import Mapping

from chatterm.backend.providers.base import Endpoint

JSON = "application/json"
EVENTS = "text/event-stream"
LINES = "application/x-ndjson, application/json"
"""Ollama's: an answer is lines of JSON, or one object."""


def json_headers(endpoint: Endpoint, accept: str, key: Mapping[str, str]) -> dict[str, str]:
    """Headers of a request with a JSON body, if any; `key` are those that let it in.

    The endpoint's own headers win; their names are in small letters then, as all others are.
    """
    own = {name.lower(): value for name, value in endpoint.headers.items()}
    return {"content-type": JSON, "accept": accept, **key, **own}


def bearer(endpoint: Endpoint) -> dict[str, str]:
    """The key as most services take it (RFC 6750 section 2.1); nothing where there is none."""
    return {"authorization": f"Bearer {endpoint.api_key}"} if endpoint.api_key else {}
