"""What Chat Completions servers count and measure."""

from __future__ import annotations

from chatterm.backend.providers.wire_json import as_count, as_number, as_object
from chatterm.core.timings import ServerTimings
from chatterm.core.usage import Usage

_TICKS_PER_DOLLAR = 10**10


def reported_usage(value: object) -> Usage:
    """The counts of a `usage` object (OpenAI API reference); what is missing or senseless stays unknown."""
    usage = as_object(value)
    prompt = as_object(usage.get("prompt_tokens_details"))
    completion = as_object(usage.get("completion_tokens_details"))
    input_tokens = as_count(usage.get("prompt_tokens"))
    output = as_count(usage.get("completion_tokens"))
    reasoning = _first(completion.get("reasoning_tokens"), usage.get("reasoning_tokens"))
    # xAI counts reasoning beside the completion instead of in it; the total gives that away.
    total = as_count(usage.get("total_tokens"))
    if output is not None and reasoning and total == (input_tokens or 0) + output + reasoning:
        output += reasoning
    return Usage(
        input=input_tokens,
        output=output,
        # DeepSeek's own name, and one of Together's.
        cache_read=_first(
            prompt.get("cached_tokens"), usage.get("prompt_cache_hit_tokens"), usage.get("cached_tokens")
        ),
        cache_write=as_count(prompt.get("cache_write_tokens")),
        reasoning=reasoning,
        cost=_cost(usage),
    )


def server_timings(value: object) -> ServerTimings | None:
    """llama.cpp's `timings` object (its server README), milliseconds turned into seconds; None without."""
    timings = as_object(value)
    if not timings:
        return None
    return ServerTimings(
        prompt_eval_seconds=_seconds(timings.get("prompt_ms")),
        eval_seconds=_seconds(timings.get("predicted_ms")),
        prompt_eval_count=as_count(timings.get("prompt_n")),
        eval_count=as_count(timings.get("predicted_n")),
    )


def _cost(usage: dict[str, object]) -> float | None:
    """US dollars: OpenRouter's number, the total of Perplexity's object, or xAI's ticks."""
    told = usage.get("cost")
    cost = as_number(as_object(told).get("total_cost")) if as_object(told) else as_number(told)
    ticks = as_number(usage.get("cost_in_usd_ticks"))
    return ticks / _TICKS_PER_DOLLAR if cost is None and ticks is not None else cost


def _first(*values: object) -> int | None:
    return next((count for value in values if (count := as_count(value)) is not None), None)


def _seconds(milliseconds: object) -> float | None:
    number = as_number(milliseconds)
    return None if number is None else number / 1000
