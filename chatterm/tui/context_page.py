"""What of a conversation is sent with the next message, as a page: how much, of what limit, and what is left out."""

from __future__ import annotations

from collections.abc import Iterable

from chatterm.backend.context import ContextPlan, PlannedTurn
from chatterm.core.clean import clean_line
from chatterm.tui.page_table import Row, cell, table
from chatterm.tui.widgets.figures_text import count_text, share_text

MOST_TURNS = 60
"""So many of the last turns have a row of their own."""
NAME_CHARACTERS = 50


def context_page(plan: ContextPlan, provider: str, model: str) -> str:
    """The page in Markdown. The last turn of the plan is the message that is not written yet."""
    turns = plan.turns[:-1]
    sections = [table("Next request", _request_rows(plan, provider, model))]
    if turns:
        sections.append(table("Turns", _turn_rows(turns)))
    sections.append(cell(_outlook(plan)))
    return "\n\n".join(sections)


def left_out_words(count: int, model: str) -> str:
    """That the oldest turns do not go out any more, and what can be done."""
    turns = "The oldest turn is" if count == 1 else f"The {count:,} oldest turns are"
    return (
        f"{turns} left out of what is sent from now on: the context of {clean_line(model, 60)} is full. "
        "/compact sums up, /pin keeps a message in, /context shows all."
    )


def not_summed_up_words(count: int, model: str) -> str:
    """That a summary stands in for turns of which it knows nothing, and what can be done."""
    turns = "The oldest turn does" if count == 1 else f"The {count:,} oldest turns do"
    return (
        f"{turns} not fit into the context of {clean_line(model, 60)}: this summary has nothing of that. "
        "/compact undo takes it back; /compact MODEL has one sum up that takes more."
    )


def _request_rows(plan: ContextPlan, provider: str, model: str) -> list[Row]:
    limit = plan.limit
    rows = [("model", f"{provider} / {model}")]
    if limit is None:
        rows.append(("limit", "not known, so nothing is left out; context_tokens in its settings names it"))
    else:
        rows.append(("limit", f"{count_text(limit.tokens)} tokens, {limit.source}"))
    share = f", {share_text(plan.share)}" if plan.share is not None else ""
    rows.append(("without your message", f"{_tokens(plan.tokens)}{share}"))
    rows.append(("of these for every request", _tokens(plan.fixed_tokens)))
    if limit is not None:
        rows.append(("kept free for the reply", count_text(plan.room)))
    return rows


def _turn_rows(turns: tuple[PlannedTurn, ...]) -> Iterable[Row]:
    earlier, shown = turns[:-MOST_TURNS], turns[-MOST_TURNS:]
    for place, words in (
        ("left out", "left out"),
        ("summarised", "summed up below"),
        ("sent", "sent"),
    ):
        some = [turn for turn in earlier if turn.place == place]
        if some:
            yield f"{len(some):,} earlier", f"{_tokens(sum(turn.tokens for turn in some))} · {words}"
    for turn in shown:
        text = next((message.text for message in turn.messages), "")
        yield (
            clean_line(text, NAME_CHARACTERS) or "(no text)",
            " · ".join([_tokens(turn.tokens), *_marks(turn)]),
        )


def _marks(turn: PlannedTurn) -> list[str]:
    marks: list[str] = []
    if turn.place == "left out":
        marks.append("left out, no room")
    elif turn.place == "summarised":
        marks.append("summed up below")
    elif turn.is_summary:
        marks.append("stands in for what is above")
    if turn.is_pinned:
        marks.append("pinned")
    return marks


def _outlook(plan: ContextPlan) -> str:
    if plan.limit is not None and plan.fixed_tokens > plan.limit.tokens - plan.room:
        return "The system prompt alone takes the room of the reply: /system sets a shorter one."
    if plan.limit is not None and plan.tokens > plan.limit.tokens - plan.room:
        return "What must be sent takes the room of the reply: let go of pinned messages, or use /compact."
    if plan.left_out:
        turns = "1 turn does" if plan.left_out == 1 else f"{plan.left_out:,} turns do"
        return f"The oldest {turns} not go out with your next message. /compact sums up, /pin keeps a message in."
    if plan.limit is None:
        return "Nothing is left out."
    room = plan.limit.tokens - plan.room - plan.tokens
    return f"Nothing is left out. There is room for {_tokens(room)} tokens more before the oldest turns are."


def _tokens(count: int) -> str:
    return count_text(count, is_estimate=True)
