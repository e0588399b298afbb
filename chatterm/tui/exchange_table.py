"""The commands that show, copy, write down and keep what goes over the wire."""

from __future__ import annotations

from chatterm.tui.command import Command

EXCHANGE_COMMANDS: tuple[Command, ...] = (
    Command(
        "raw",
        "Show request and response",
        "Shows what the last turn sent and got, without keys. With a number, the turn that many back.",
        (),
        ("/raw",),
        "[n]",
    ),
    Command(
        "curl",
        "Copy the request as curl",
        "Copies the last request as a curl command, the key as a variable. With a number, that many turns back.",
        (),
        ("/curl",),
        "[n]",
    ),
    Command(
        "record",
        "Record to a file",
        "Writes requests and replies with their times to a new file, without keys; off ends it.",
        (),
        ("/record",),
        "[file]",
    ),
    Command(
        "cache",
        "Response cache",
        "With on or off: whether a request asked before gets its reply of then; clear forgets these replies.",
        (),
        ("/cache",),
        "[word]",
    ),
)
