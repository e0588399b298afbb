"""What a load test asks, and of whom."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from chatterm.backend.load_test.prompts import load_prompt
from chatterm.backend.targets import Targets
from chatterm.backend.token_estimates import text_tokens
from chatterm.core.clean import clean_line
from chatterm.core.errors import ConfigError
from chatterm.core.turn import Options


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPlan:
    """How much is asked. `concurrency` requests at a time of each target, until `requests` of each were begun, or
    `duration_seconds` are over; None for no such end.

    `warmup` requests of each come before, one at a time, and count for nothing but the difference between a cold and
    a warm model. `prompt` is asked each time; None for others of about `prompt_tokens` tokens, by `seed`. `retries`
    after a failure are part of a request.
    """

    concurrency: int = 25
    requests: int | None = 100
    duration_seconds: float | None = None
    warmup: int = 1
    prompt: str | None = None
    prompt_tokens: int = 100
    system: str | None = None
    options: Options = field(default_factory=dict[str, object])
    seed: int = 1
    retries: int = 0
    max_cost_dollars: float | None = None

    def text(self, number: int) -> str:
        """The prompt of this request, counted from 0."""
        return load_prompt(self.seed, number, self.prompt_tokens) if self.prompt is None else self.prompt


def prompt_tokens(plan: LoadPlan) -> int:
    """About how many tokens a prompt has."""
    return round(text_tokens(plan.text(0)))


def other_places(targets: Targets, first: tuple[str, str], names: Iterable[str]) -> list[tuple[str, str]]:
    """Provider and model of further targets, by their names as they are typed.

    Raises `ConfigError` for one that cannot be asked, or is named twice.
    """
    places = [first]
    for name in names:
        place = targets.place(name, first[0])
        if place in places:
            raise ConfigError(f"{clean_line(name, 60)} is named twice.", "Name another model with --also.")
        places.append(place)
    return places[1:]
