"""The part of the table of commands for what of the conversation is sent."""

from __future__ import annotations

from chatterm.tui.command import Command

CONTEXT_COMMANDS: tuple[Command, ...] = (
    Command(
        "context",
        "What is sent",
        "Shows how much of the model's context the conversation takes, turn by turn, and what is left out next.",
        (),
        ("/context",),
    ),
    Command(
        "compact",
        "Sum up the conversation",
        "Has a model sum up what was said; the summary is sent in its place. /compact undo sends all again.",
        (),
        ("/compact",),
        "[model]",
    ),
    Command(
        "pin",
        "Pin the last reply, or let go of it",
        "A pinned message is never left out of what is sent. With a number, the reply that many back.",
        (),
        ("/pin",),
        "[n]",
    ),
    Command(
        "message_pin",
        "Pin this message, or let go of it",
        "A pinned message is never left out of what is sent.",
        ("p",),
        footer="pin",
        scope="message",
    ),
)
