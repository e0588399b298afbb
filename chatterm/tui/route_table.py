"""The part of the table of commands for who answers, the rules and the chain for a model that fails, and its cost."""

from __future__ import annotations

from chatterm.tui.command import Command

ROUTE_COMMANDS: tuple[Command, ...] = (
    Command(
        "route",
        "Rules that choose the model",
        "Lists the rules, turns them on or off here, or tells which one would take a text, and why.",
        (),
        ("/route",),
        "[word]",
    ),
    Command(
        "route_skip",
        "Leave the rules out once",
        "The conversation's own model answers the next prompt; pressed again, the rules do choose.",
        ("alt+o",),
        ("/route-skip",),
    ),
    Command(
        "fallback",
        "Who answers if the model fails",
        "Shows who is asked in the model's place and how each does; names set it for this conversation, off ends it.",
        (),
        ("/fallback",),
        "[models]",
    ),
    Command(
        "budget",
        "What was spent",
        "Shows what was spent today and in this conversation, and the limits; off lifts them, on sets them again.",
        (),
        ("/budget",),
        "[word]",
    ),
)
