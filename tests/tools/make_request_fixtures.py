"""Writes tests/providers/requests/*.json: what the official clients send for the conversations of the tests.

Run it by hand, from the top of the checkout, in an environment of its own: the clients are needed for nothing else.

    python3 -m venv /tmp/clients
    /tmp/clients/bin/pip install openai anthropic google-genai ollama mistralai msgspec pytest
    /tmp/clients/bin/python -m tests.tools.make_request_fixtures

Nothing leaves the machine: the clients send to a transport that keeps the request. The bodies that chatterm makes
of the same conversations, and of the recorded replies of every provider as they move to every other, are held to
the clients' own types; what these have against one is printed, and the exit status is 1.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.providers.conversations import ADAPTERS, CONVERSATIONS, encoded, request_of
from tests.providers.histories import moved_histories
from tests.providers.replay import OWN_FOLDER, SHARED_FOLDER

FOLDER = Path(__file__).parents[1] / "providers" / "requests"

SAID_BY_CHATTERM = {"authorization", "x-api-key", "x-goog-api-key", "anthropic-version", "content-type"}
"""Headers that must be the same; the rest tells of the client itself."""

EMPTY_REPLIES = {
    "anthropic": ("text/event-stream", b""),
    "gemini": ("text/event-stream", b""),
    "ollama": ("application/x-ndjson", b""),
}


def captured(calls: ModuleType, adapter: str, conversation: str) -> dict[str, Any]:
    """The one request that the client sends for the conversation."""
    requests: list[dict[str, Any]] = []

    def respond(request: Any) -> tuple[str, bytes]:
        headers = {name.lower(): value for name, value in request.headers.items()}
        requests.append(
            {
                "url": str(request.url).partition("#")[0],
                "headers": {name: headers[name] for name in sorted(SAID_BY_CHATTERM & headers.keys())},
                "body": json.loads(request.read()),
            }
        )
        return EMPTY_REPLIES.get(adapter, ("text/event-stream", b"data: [DONE]\n\n"))

    calls.CALLS[conversation](calls.new_client(respond))
    (request,) = requests
    return request


def write(adapter: str, calls: ModuleType) -> None:
    """Write the adapter's file."""
    fixture = {
        "sdk": calls.SDK,
        "version": version(calls.SDK),
        "made": datetime.now(UTC).date().isoformat(),
        "requests": {name: captured(calls, adapter, name) for name in CONVERSATIONS},
    }
    text = json.dumps(fixture, indent=1, ensure_ascii=True)
    (FOLDER / f"{adapter}.json").write_text(text + "\n", encoding="utf-8")


def _moved(adapter: str) -> dict[str, bytes]:
    """Bodies of moved histories, those of the shared recordings where there are any."""
    moved = [one for folder in (OWN_FOLDER, SHARED_FOLDER) for one in moved_histories(adapter, folder)]
    return {f"{name} of {len(request.messages)}": wire.body for name, request, wire in moved}


def _spoilt(body: bytes) -> Any:
    """The body with something wrong deep inside, which shows whether the types are looked at."""
    fields = json.loads(body)
    for name in ("messages", "input", "contents"):
        for item in fields.get(name, [])[1:2]:
            item["no_such_field"] = 1
    return fields


def main() -> int:
    """Write all files; the number of complaints decides the exit status."""
    bad = 0
    for adapter in ADAPTERS:
        calls = import_module(f"tests.tools.sdk_calls.{adapter}")
        write(adapter, calls)
        bodies = {name: encoded(adapter, request_of(adapter, name)).body for name in CONVERSATIONS}
        bodies |= _moved(adapter)
        blind = not calls.complaints(_spoilt(bodies["one tool call"]))
        found = [("a field that nobody knows", "passes")] if blind else []
        found += [
            (name, line) for name, body in bodies.items() for line in calls.complaints(json.loads(body))
        ]
        print(f"{adapter}: {calls.SDK} {version(calls.SDK)}, {len(bodies)} bodies, {len(found)} complaints")
        for name, line in found[:20]:
            print(f"  {name}: {line[:300]}")
        bad += len(found)
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
