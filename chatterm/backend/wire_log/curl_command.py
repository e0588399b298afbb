"""A request as a curl command for a POSIX shell, with keys in the environment."""

from __future__ import annotations

import re
import shlex

from chatterm.backend.wire_log.exchange_lines import RequestLine
from chatterm.backend.wire_log.request_secrets import HIDDEN, KEY
from chatterm.core.clean import clean, clean_line, is_clean
from chatterm.core.errors import ChattermError

LONGEST_ARGUMENT_BYTES = 100_000
"""Linux takes no argument of 128 KB or more; a longer body is piped in."""


def curl_command(request: RequestLine) -> str:
    """The command; printable, and equal in meaning to what was sent. Other secret headers are variables too.

    Raises `ChattermError` for a request that never leaves the program.
    """
    if "://" not in request.url:
        raise ChattermError(
            f"{clean_line(request.model)} answers inside chatterm.", "There is no request to copy."
        )
    words = [f"curl -sS -N -X {request.method} {_with_key(request.url, request)}"]
    words += [
        f"-H {_header(name, value, request)}"
        for name, value in request.headers.items()
        if name.lower() not in ("content-length", "accept-encoding")
    ]
    body = _printable(request.body.data.decode("utf-8", "replace"))
    if not body:
        return " \\\n  ".join(words)
    if len(body.encode()) < LONGEST_ARGUMENT_BYTES:
        return " \\\n  ".join([*words, f"--data-raw {shlex.quote(body)}"])
    end = "BODY"
    while end in body:
        end += "_"
    return " \\\n  ".join([*words, f"--data-binary @- <<'{end}'"]) + f"\n{body}\n{end}"


def _header(name: str, value: str, request: RequestLine) -> str:
    if value == HIDDEN:
        variable = re.sub(r"[^A-Z0-9]", "_", name.upper())
        return f'{shlex.quote(f"{name}: ")}"$HEADER_{variable}"'
    return _with_key(f"{name}: {value}", request)


def _with_key(text: str, request: RequestLine) -> str:
    """The text as one word of the shell, the key from its variable."""
    before, key, after = text.partition(KEY)
    quoted = shlex.quote(clean(before))
    if key:
        quoted += f'"${request.key_variable or "API_KEY"}"' + (shlex.quote(clean(after)) if after else "")
    return quoted


def _printable(body: str) -> str:
    """The JSON text with whatever could act on a terminal in JSON's own notation; the same value."""
    if is_clean(body.replace("\n", "").replace("\r", "")):
        return body
    return "".join(c if c in "\n\r\t" or is_clean(c) else _escaped(c) for c in body)


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[n : n + 4]}" for n in range(0, len(units), 4))
