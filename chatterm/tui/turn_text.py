"""The words for a turn: its entries in the transcript, how it ended, and what it waits for."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import zip_longest
from typing import assert_never

from chatterm.backend.context import is_blocked, is_unfinished_summary
from chatterm.backend.continuing import require_continuable
from chatterm.backend.metrics import CHARACTERS_PER_TOKEN, figures_of
from chatterm.backend.session import Prompt
from chatterm.core.clean import clean_line
from chatterm.core.errors import ChattermError
from chatterm.core.events import RetryScheduled
from chatterm.core.messages import (
    FilePart,
    ImagePart,
    Message,
    Part,
    RefusalPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)
from chatterm.core.turn import Outcome, Stage, StopReason, Turn
from chatterm.tui.tool_cards import ReplyCards
from chatterm.tui.transcript.entries import EndingKind, Entry, Section
from chatterm.tui.widgets.figures_text import footer_text, span_text

PINNED = "pinned"
STOP_HINT_SECONDS = 15.0
QUIET_SECONDS = 3.0


def entries_of(turn: Turn, again_key: str) -> tuple[Entry, Entry]:
    """The two entries of a finished turn."""
    return prompt_entry(turn.prompt), reply_entry(turn, again_key)


def prompt_entry(message: Message) -> Entry:
    """The user's side of a turn."""
    entry = Entry(id=message.id, role="user", text=message.text, label=attachment_label(message.parts))
    return with_pin(entry, message.pinned)


def with_pin(entry: Entry, pinned: bool) -> Entry:
    """The entry with the mark of a pinned message beneath it, or without."""
    name = "label" if entry.role == "user" else "figures"
    words = [word for word in str(getattr(entry, name)).split(" · ") if word and word != PINNED]
    return replace(entry, **{name: " · ".join([*([PINNED] if pinned else []), *words])})


def queued_entry(position: int, prompt: Prompt, state: str) -> Entry:
    """A prompt that is not sent yet; `position` counts from 0, `state` says what it waits for."""
    files = attachment_label(prompt.attachments)
    return Entry(
        id=f"queued-{position}",
        role="user",
        text=prompt.text,
        label=f"{state} · {files}" if files else state,
        status="queued",
    )


def live_entry(turn: Turn) -> Entry:
    """A reply that is still coming in; it begins with what it goes on with."""
    return Entry(id=turn.reply.id, role="assistant", sections=_sections(turn), status="live")


def reply_entry(turn: Turn, again_key: str) -> Entry:
    """The finished reply with how it ended and its figures."""
    ending, kind = ending_of(turn, again_key)
    entry = Entry(
        id=turn.reply.id,
        role="assistant",
        sections=_sections(turn),
        ending=ending,
        ending_kind=kind,
        figures=footer_text(figures_of(turn)) if turn.reply.parts else "",
    )
    return with_pin(entry, turn.reply.pinned)


def _sections(turn: Turn) -> tuple[Section, ...]:
    """The parts of the reply in their order, as they are shown."""
    sections: list[Section] = []
    thoughts = sum(isinstance(part, ThinkingPart) and bool(part.text) for part in turn.reply.parts)
    cards = ReplyCards(turn.reply.parts, turn.tool_runs)
    for part, follows in zip_longest(turn.reply.parts, turn.reply.parts[1:]):
        match part:
            case TextPart(text) | RefusalPart(text) if text:
                sections.append(Section("text", text))
            case ThinkingPart(text=text) if text:
                sections.append(Section("thinking", text, _thought(turn) if thoughts == 1 else ""))
            case ToolCallPart():
                sections.append(cards.card(part))
            case ToolResultPart() if (note := cards.note(part, follows)) is not None:
                sections.append(note)
            case _:
                pass  # files stand in the label of a prompt
    return tuple(sections)


def _thought(turn: Turn) -> str:
    """How long the model thought before it answered; "" where that is not known."""
    seconds = turn.timings.thinking_seconds
    return f"thought for {span_text(seconds)}" if seconds else ""


def attachment_label(parts: tuple[Part, ...]) -> str:
    """The names of attached files, for the head of an entry; "" for none."""
    names = [part.name or part.media_type for part in parts if isinstance(part, ImagePart | FilePart)]
    return " · ".join(names)


def ending_of(turn: Turn, again_key: str) -> tuple[str, EndingKind]:
    """How the turn ended in one line, "" when all is well. `again_key` is the key that asks once more.

    "" for it leaves out what can be pressed.
    """
    again = [f"{again_key} asks again"] if again_key else []
    skipped = [_skipped(turn.skipped_frames)] if turn.skipped_frames else []
    skipped += [turn.routed] if turn.routed else []
    skipped += _seams(turn)
    match turn.outcome:
        case None | Outcome.WITHDRAWN:
            return "", "plain"
        case Outcome.COMPLETE:
            words = [*_stand_in_words(turn), *_complete_words(turn, again), *_context_words(turn)]
            kept = [f"from the cache, nothing was sent · {again_key} asks anew"] if turn.is_from_cache else []
            return " · ".join(words + kept + skipped), "warning" if words else "plain"
        case Outcome.CANCELLED:
            words = ["stopped", *_closed(turn), _kept(turn), *_go_on(turn), *again, *skipped]
            return " · ".join(words), "plain"
        case Outcome.INTERRUPTED:
            why = str(turn.error) if turn.error else "chatterm ended before this reply did"
            return " · ".join(["interrupted", why, _kept(turn), *_go_on(turn), *again, *skipped]), "warning"
        case Outcome.FAILED:
            why = str(turn.error) if turn.error else "no reason is known"
            tries = [f"asked {turn.attempts} times"] if turn.attempts > 1 else []
            left_out = [f"{words}, else it is left out" for words in again]
            return " · ".join([f"failed · {why}", *tries, *left_out, *skipped]), "error"
        case _:
            assert_never(turn.outcome)


def taken_out_words(turn: Turn) -> str:
    """The notice for a turn that is not shown any more: why, and what came back in its place."""
    why = str(turn.error) if turn.error is not None else "Stopped before the reply began."
    if turn.reply.is_summary:
        return f"{why} Nothing was summed up."
    return f"{why} {'Your prompt is back.' if turn.replaces is None else 'What was there before is back.'}"


def waiting_words(stage: str, seconds: float, usual_seconds: float | None, stop_key: str) -> str:
    """The line under a reply that has not begun: what it waits for, how long, and from 15 s how to stop.

    `stage` is of `stage_words`, `usual_seconds` how long this took the last time.
    """
    words = f"{stage} · {seconds:.1f} s"
    if usual_seconds is not None:
        words = f"{words} · last time {span_text(usual_seconds)}"
    return f"{words} · {stop_key} stops" if seconds >= STOP_HINT_SECONDS else words


def retry_words(scheduled: RetryScheduled, left_seconds: float, stop_key: str, now_key: str) -> str:
    """The line while a failed request waits for its next try: who failed how, when it goes out again, the keys."""
    status = f"{scheduled.cause.status} from " if scheduled.cause.status else ""
    what = f"{status}{scheduled.host}" if status else str(scheduled.cause).rstrip(".")
    tries = f"{scheduled.attempt} of {scheduled.most}"
    return f"↻ {what} · again in {max(0, math.ceil(left_seconds))} s ({tries}) · {now_key} now · {stop_key} stops"


def quiet_words(seconds: float, stop_key: str) -> str | None:
    """The line under a reply that has begun and then fell silent for `seconds`; None while it flows."""
    if seconds < QUIET_SECONDS:
        return None
    words = f"no text for {seconds:.0f} s"
    return f"{words} · {stop_key} stops" if seconds >= STOP_HINT_SECONDS else words


def stage_words(stage: Stage | None, model: str, host: str) -> str:
    """What a turn waits for."""
    words = {
        Stage.PREPARING: "preparing",
        Stage.RESOLVING: f"looking up {host}",
        Stage.CONNECTING: f"connecting to {host}",
        Stage.SECURING: f"securing the connection to {host}",
        Stage.SENDING: f"sending to {host}",
        Stage.WAITING: f"waiting for {model}",
        Stage.LOADING: f"loading {model}",
        Stage.THINKING: f"{model} is thinking",
        Stage.STREAMING: f"waiting for {model}",
        Stage.ASKING: "waiting for your answer",
        Stage.TOOLS: tools_words(0),
        Stage.RETRYING: f"waiting to ask {host} again",
        Stage.SAVING: "saving",
    }
    return words[stage or Stage.PREPARING]


def tools_words(running: int) -> str:
    """What is waited for while tools run."""
    return f"running {running} tools" if running > 1 else "running a tool" if running else "running tools"


def _stand_in_words(turn: Turn) -> list[str]:
    """Which model answered in the place of another, and why."""
    if not turn.asked:
        return []
    # Why the asked one did not, not why those in between did not either.
    whys = [tried.why for tried in turn.tries if f"{tried.provider}/{tried.model}" == turn.asked]
    why = f": {whys[-1]}" if whys else ""
    told = f"{turn.provider}/{turn.model} answered in the place of {turn.asked}{why}"
    return [clean_line(told, 300).removesuffix(".")]


def _complete_words(turn: Turn, again: list[str]) -> list[str]:
    if not turn.reply.text and not turn.reply.parts:
        return [f"{turn.model} answered with nothing", *again]
    match turn.stop_reason:
        case StopReason.MAX_TOKENS:
            return ["cut at the limit of output tokens", *_go_on(turn), "/set max_tokens=N raises it"]
        case StopReason.CONTEXT_FULL:
            return ["cut because the model's context is full", "/new starts a fresh conversation"]
        case StopReason.CONTENT_FILTER:
            left_out = ["left out of what is sent later"] if is_blocked(turn) else []
            return ["ended by the provider's content filter", *left_out]
        case StopReason.REFUSAL:
            return ["the model declined"]
        case _:
            return []


def _context_words(turn: Turn) -> list[str]:
    """What the turn has to do with what is sent: a summary, or a prompt that the server did not read whole."""
    words: list[str] = []
    if is_unfinished_summary(turn):
        words.append("not sent in the place of what is above: the summary is not whole")
    elif turn.reply.is_summary:
        words.append("sent from now on in the place of what is above · /compact undo sends that again")
    if turn.prompt_cut:
        words.append(
            "the server read only a part of what was sent, its context is too small · /context shows it"
        )
    return words


def _seams(turn: Turn) -> list[str]:
    if not turn.seams:
        return []
    return [
        f"continued {'once' if len(turn.seams) == 1 else f'{len(turn.seams)} times'} · /details shows where"
    ]


def _go_on(turn: Turn) -> list[str]:
    """How to go on with a reply that is not all there, where that can be done."""
    try:
        require_continuable(turn)
    except ChattermError:
        return []
    return ["/continue goes on"]


def _closed(turn: Turn) -> list[str]:
    if turn.close_seconds is None:
        return []
    return [f"connection closed in {turn.close_seconds * 1000:.0f} ms"]


def _kept(turn: Turn) -> str:
    if turn.usage.output is not None:
        return f"{turn.usage.output} tokens kept"
    characters = len(turn.reply.text) + len(turn.reply.thinking)
    if not characters:
        return "the prompt is kept"
    return f"~{max(1, round(characters / CHARACTERS_PER_TOKEN))} tokens kept"


def _skipped(frames: int) -> str:
    return "1 event skipped" if frames == 1 else f"{frames} events skipped"
