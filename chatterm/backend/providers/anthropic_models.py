"""What Claude models differ in, by family: how they think, what they take, how long they answer.

Source: Anthropic's API reference and model overview, 2026. A model that is no Claude (other servers speak the
format too) is taken for one that accepts what the oldest of them accepted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from chatterm.core.turn import Effort, Parameters

LEAST_BUDGET = 1024
"""Fewest tokens of thinking that can be asked for."""

_BUDGETS: dict[Effort, int] = {
    "minimal": 1024,
    "low": 2048,
    "medium": 8192,
    "high": 16_384,
    "xhigh": 24_576,
    "max": 32_000,
}
"""Tokens of thinking that stand for an effort, and the other way round, where a model knows only one of the two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """`thinking` is how it is asked for; "adaptive" by effort, "budget" by tokens, "none" not at all.

    `sampling`: whether temperature and top_p are taken, and whether only one of them. `most_tokens` is what is
    asked for where nobody says how long a reply may be; every model of the family gives as much.
    """

    thinking: Literal["none", "budget", "adaptive"] = "budget"
    can_stop_thinking: bool = True
    xhigh: bool = True
    sampling: Literal["none", "one", "both"] = "both"
    prefill: bool = True
    most_tokens: int = 8192


_NEWEST = Traits(thinking="adaptive", sampling="none", prefill=False, most_tokens=64_000)
_BOUND_TO_THINK = Traits(
    thinking="adaptive", can_stop_thinking=False, sampling="none", prefill=False, most_tokens=64_000
)

# The least version of each row, newest first.
_VERSIONS: tuple[tuple[tuple[int, int], Traits], ...] = (
    ((4, 7), _NEWEST),
    ((4, 6), Traits(thinking="adaptive", xhigh=False, sampling="one", prefill=False, most_tokens=64_000)),
    ((4, 5), Traits(sampling="one", most_tokens=64_000)),
    ((4, 1), Traits(sampling="one", most_tokens=32_000)),
    ((4, 0), Traits(most_tokens=32_000)),
    ((3, 7), Traits(most_tokens=64_000)),
    ((3, 5), Traits(thinking="none", most_tokens=8192)),
    ((0, 0), Traits(thinking="none", most_tokens=4096)),
)

_DATE = re.compile(r"\d{6,8}")
_NUMBER = re.compile(r"(?<![a-z\d])\d{1,2}(?!\d)")


def is_claude(model: str) -> bool:
    """Whether the id names a Claude model, under whatever name a gateway gives it."""
    return "claude" in model.lower()


def traits_of(model: str) -> Traits:
    """What the model takes, by the version in its id; a Claude without one is taken for one of the newest."""
    if not is_claude(model):
        return Traits()
    name = model.lower().partition("claude")[2]
    if "fable" in name or "mythos" in name:
        return _BOUND_TO_THINK
    numbers = [int(number) for number in _NUMBER.findall(_DATE.sub("", name))[:2]]
    if not numbers:
        return _NEWEST
    version = (numbers[0], numbers[1] if len(numbers) > 1 else 0)
    return next(traits for least, traits in _VERSIONS if version >= least)


def thinking_budget(parameters: Parameters) -> int | None:
    """Tokens of thinking that are asked for, 0 for none at all; None where nothing is asked."""
    if parameters.thinking_tokens is not None:
        return max(parameters.thinking_tokens, LEAST_BUDGET) if parameters.thinking_tokens > 0 else 0
    return 0 if parameters.effort == "none" else _BUDGETS.get(parameters.effort or "none")


def thinking_effort(parameters: Parameters, traits: Traits) -> str | None:
    """The effort that is asked for, as the model calls it, "none" for no thinking; None where nothing is asked.

    An effort that is given wins over a number of tokens, which here is only a way to name one.
    """
    effort: str | None = parameters.effort
    if effort is None and (budget := thinking_budget(parameters)) is not None:
        near = (name for name, tokens in _BUDGETS.items() if tokens >= budget and name != "minimal")
        effort = next(near, "max") if budget else "none"
    if effort == "none" and not traits.can_stop_thinking:
        return "low"
    if effort == "xhigh" and not traits.xhigh:
        return "high"
    return "low" if effort == "minimal" else effort
