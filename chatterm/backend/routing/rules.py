"""Rules that choose the model for a turn: values in, a route out. Knows no provider and sends nothing."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from chatterm.backend.cpu_limit import CpuLimitError, cpu_limit
from chatterm.backend.routing.prompt_words import has_code, is_recent
from chatterm.config.model import RoutingRule
from chatterm.core.clean import clean_line
from chatterm.core.messages import ImagePart, Part

LOOK_SECONDS = 0.05
"""What one condition may take of the processor's time; one that takes longer does not hold."""

DECIDE_SECONDS = 0.2
"""What all rules together may take of it."""

MOST_CHARACTERS = 8000
"""How much of a prompt is looked at: its beginning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteFacts:
    """What a rule has to know of its model.

    `missing` says why it cannot be asked at all, for example that there is no key; such a rule is passed over.
    `price` is the dearer of what a million tokens cost, in and out, in US dollars; None for not known.
    """

    missing: str = ""
    is_local: bool = False
    price: float | None = None


Facts = Callable[[str], RouteFacts]
"""What is known of a model by the name that a rule has for it. Raises nothing."""


@dataclass(frozen=True, slots=True)
class Route:
    """Where a rule sends a prompt. `why` follows the word "because"; `prefix` is what is not sent along."""

    model: str
    why: str
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one rule: `holds` are the conditions that are so, `fails` those that are not, in words."""

    rule: RoutingRule
    holds: tuple[str, ...]
    fails: tuple[str, ...]

    @property
    def fires(self) -> bool:
        """Whether the rule chooses the model."""
        return not self.fails


def decide(
    prompt: str, attachments: Iterable[Part], rules: Iterable[RoutingRule], facts: Facts
) -> Route | None:
    """The first rule of which all conditions hold; None where there is none."""
    for verdict in verdicts(prompt, attachments, rules, facts):
        if verdict.fires:
            return _route(verdict)
    return None


def verdicts(
    prompt: str, attachments: Iterable[Part], rules: Iterable[RoutingRule], facts: Facts
) -> Iterator[Verdict]:
    """What becomes of each rule, one after the other. A prompt is looked at in bounded time, see `cpu_limit`."""
    parts = tuple(attachments)
    look = _Look(prompt[:MOST_CHARACTERS])
    for rule in rules:
        told = [*_prompt_conditions(rule, prompt, parts, look), *_model_conditions(rule, facts)]
        yield Verdict(
            rule,
            tuple(words for holds, words in told if holds),
            tuple(words for holds, words in told if not holds),
        )


def prefix_of(prompt: str, rules: Iterable[RoutingRule]) -> str:
    """The prefix of a rule with which the prompt begins; "" for none."""
    return next((rule.prefix for rule in rules if rule.prefix and _begins(prompt, rule.prefix)), "")


def without_prefix(prompt: str, prefix: str) -> str:
    """The prompt as it is sent, without the word that chose its model."""
    return prompt.removeprefix(prefix).lstrip() if prefix else prompt


def describe(rule: RoutingRule) -> str:
    """The conditions of a rule in a few words."""
    words = [
        f"begins with {rule.prefix}" if rule.prefix else "",
        "has an image" if rule.image else "has no image" if rule.image is False else "",
        "has code" if rule.code else "has no code" if rule.code is False else "",
        "asks for recent events"
        if rule.recent
        else "asks for nothing recent"
        if rule.recent is False
        else "",
        f"at least {rule.shortest} characters" if rule.shortest is not None else "",
        f"at most {rule.longest} characters" if rule.longest is not None else "",
        f"matches /{clean_line(rule.pattern, 60)}/" if rule.pattern else "",
        f"model for at most ${rule.most_price:g}" if rule.most_price is not None else "",
        "local model" if rule.local_only else "",
    ]
    return ", ".join(filter(None, words)) or "always"


class _Look:
    """Looks at a prompt; all that is looked for together takes at most `DECIDE_SECONDS`."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._left = DECIDE_SECONDS
        self._seen: dict[str, bool | None] = {}

    def finds(self, name: str, search: Callable[[str], object]) -> bool | None:
        """Whether `search` finds something; None where that took too long. Each name is looked for once."""
        if name not in self._seen:
            self._seen[name] = self._searched(search)
        return self._seen[name]

    def _searched(self, search: Callable[[str], object]) -> bool | None:
        if self._left <= 0:
            return None
        began = time.process_time()
        try:
            with cpu_limit(min(LOOK_SECONDS, self._left)):
                return bool(search(self.text))
        except CpuLimitError:
            return None
        finally:
            self._left -= time.process_time() - began


Told = tuple[bool, str]
"""Whether a condition holds, and what is so in words."""


def _prompt_conditions(rule: RoutingRule, prompt: str, parts: Sequence[Part], look: _Look) -> Iterator[Told]:
    if rule.prefix:
        holds = _begins(prompt, rule.prefix)
        yield holds, f"it {'begins' if holds else 'does not begin'} with {rule.prefix}"
    if rule.image is not None:
        has_image = any(isinstance(part, ImagePart) for part in parts)
        yield has_image is rule.image, f"it has {'an' if has_image else 'no'} image"
    if rule.shortest is not None:
        yield len(prompt) >= rule.shortest, f"it has {len(prompt):,} characters"
    if rule.longest is not None:
        yield len(prompt) <= rule.longest, f"it has {len(prompt):,} characters"
    if rule.code is not None:
        yield _seen(rule.code, look.finds("code", has_code), "it has code", "it has no code")
    if rule.recent is not None:
        told = "it asks for recent events", "it does not ask for recent events"
        yield _seen(rule.recent, look.finds("recent", is_recent), *told)
    if rule.pattern:
        yield _matches(rule.pattern, look)


def _model_conditions(rule: RoutingRule, facts: Facts) -> Iterator[Told]:
    known = facts(rule.model)
    if known.missing:
        yield False, known.missing
    if rule.local_only:
        yield known.is_local, f"{rule.model} is {'' if known.is_local else 'not '}local"
    if rule.most_price is not None:
        price = 0.0 if known.is_local and known.price is None else known.price
        costs = "has no known price" if price is None else f"costs ${price:g} for a million tokens"
        yield price is not None and price <= rule.most_price, f"{rule.model} {costs}"


def _seen(wanted: bool, found: bool | None, yes: str, no: str) -> Told:
    if found is None:
        return False, "the prompt takes too long to look through"
    return found is wanted, yes if found else no


def _matches(pattern: str, look: _Look) -> Told:
    shown = f"/{clean_line(pattern, 60)}/"
    try:
        found = look.finds(shown + pattern, lambda text: re.search(pattern, text, re.IGNORECASE))
    except (re.error, RecursionError, OverflowError) as error:
        return False, clean_line(f"{shown} is no regular expression: {error}", 200)
    if found is None:
        return False, f"{shown} takes too long"
    return found, f"it {'matches' if found else 'does not match'} {shown}"


def _begins(prompt: str, prefix: str) -> bool:
    rest = prompt.removeprefix(prefix)
    return rest != prompt and (not rest or rest[0].isspace())


def _route(verdict: Verdict) -> Route:
    rule = verdict.rule
    why = rule.name or " and ".join(verdict.holds) or "a rule sends every prompt there"
    return Route(rule.model, why, rule.prefix or "")
