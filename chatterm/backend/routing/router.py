"""Chooses the model of each turn of a conversation: the user's rules, or those made of what there is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from chatterm.backend.fallback import missing
from chatterm.backend.first_model import split_model
from chatterm.backend.models import ModelLists
from chatterm.backend.routing.default_rules import Found, default_rules
from chatterm.backend.routing.rules import (
    RouteFacts,
    Verdict,
    decide,
    prefix_of,
    verdicts,
    without_prefix,
)
from chatterm.backend.target import Target
from chatterm.backend.targets import GUIDE, OLLAMA, Targets
from chatterm.config.model import RoutingRule
from chatterm.config.urls import is_local
from chatterm.core.clean import clean_line
from chatterm.core.errors import ConfigError
from chatterm.core.messages import Message, Part, TextPart
from chatterm.core.turn import Turn


class Chosen(NamedTuple):
    """The prompt as it is sent, who answers it, and the line that tells of a route; "" for none."""

    prompt: Message
    target: Target
    told: str = ""


@dataclass(slots=True)
class Router:
    """The routing of one conversation.

    `has_rules` is whether the user gave rules, usable or not: then none are made up. `skips_next` lets the
    conversation's model answer the next prompt, once.
    """

    targets: Targets
    has_rules: bool = False
    enabled: bool = False
    skips_next: bool = False
    _routed_from: Target | None = None

    async def prepare(self, lists: ModelLists) -> None:
        """Have at hand what the rules have to know of models. A local Ollama is asked, where nothing of it is kept."""
        for provider in self.targets.configured():
            known = await lists.prepare(provider)
            if provider == OLLAMA and not known.models and not self.has_rules:
                await lists.fetch(provider)

    def rules(self, own: Target | None) -> tuple[RoutingRule, ...]:
        """The rules in force, in their order. `own` is the conversation's model."""
        if self.has_rules:
            return self.targets.settings.routing.rules
        known = [info for info in self.targets.known.listed() if info.provider != GUIDE]
        facts = self.targets.facts_of(own.provider, own.model).info if own is not None else None
        found = Found(
            keyed=lambda provider: not missing(self.targets, provider),
            listed=known,
            local=[info for info in known if self._is_local(info.provider)],
            own=f"{own.provider}/{own.model}" if own is not None else "",
            own_takes_images=facts.images if facts is not None else None,
            own_is_local=own is not None and own.provider != GUIDE and self._is_local(own.provider),
        )
        return default_rules(found)

    def explain(self, text: str, attachments: Iterable[Part], own: Target | None) -> Sequence[Verdict]:
        """What becomes of each rule for this prompt; the first that fires is the one that is taken."""
        return [*verdicts(text, attachments, self.rules(own), lambda name: self._facts(name, own))]

    def takes_prefix(self, text: str, own: Target | None) -> bool:
        """Whether the prompt begins with a word that is a rule's."""
        return self.enabled and bool(prefix_of(text, self.rules(own)))

    def choose(self, prompt: Message, own: Target, replaced: Turn | None) -> Chosen:
        """Who answers the prompt: the conversation's model where no rule fires, or the rule's cannot be had.

        A prompt that is asked again, in the turn `replaced`, stays with the model that answered, until the user
        has chosen another one.
        """
        if replaced is not None and replaced.prompt.id == prompt.id:
            return self._stay(prompt, own, replaced)
        skips, self.skips_next, self._routed_from = self.skips_next, False, own
        if not self.enabled:
            return Chosen(prompt, own)
        rules, attachments = self.rules(own), prompt.parts
        route = None
        if not skips:
            route = decide(prompt.text, attachments, rules, lambda name: self._facts(name, own))
        prompt = _without(prompt, route.prefix if route is not None else prefix_of(prompt.text, rules))
        if route is None:
            return Chosen(prompt, own)
        target, problem = self._resolved(route.model, own)
        if target is None:
            told = f"not routed to {route.model}: {problem} {own.provider}/{own.model} is asked"
            return Chosen(prompt, own, clean_line(told, 300))
        if (target.provider, target.model) == (own.provider, own.model):
            return Chosen(prompt, own)
        told = f"routed to {target.provider}/{target.model} because {route.why}"
        return Chosen(prompt, _with_last_resort(target, own), clean_line(told, 300))

    def resumed(self, own: Target | None) -> None:
        """The conversation was opened again with its own model: what is asked again stays with who answered."""
        self._routed_from = own

    def replaced(self, before: Target | None, now: Target) -> None:
        """The conversation's model is the same, but asked otherwise: no choice of another one."""
        if self._routed_from is before:
            self._routed_from = now

    def _stay(self, prompt: Message, own: Target, replaced: Turn) -> Chosen:
        if not replaced.routed or own is not self._routed_from:
            return Chosen(prompt, own)
        there = self.targets.at(replaced.provider, replaced.base_url)
        try:
            target = there.resolve(replaced.provider, replaced.model)
        except ConfigError:
            return Chosen(prompt, own)
        return Chosen(prompt, _with_last_resort(target, own), replaced.routed)

    def _resolved(self, name: str, own: Target) -> tuple[Target | None, str]:
        """The target of that name; None and the reason where there cannot be one."""
        try:
            provider, model = self._place(name, own)
            return self.targets.at(own.provider, own.base_url).resolve(provider, model), ""
        except ConfigError as error:
            return None, error.message

    def _place(self, name: str, own: Target | None) -> tuple[str, str]:
        provider, model = split_model(name, self.targets)
        if provider is None and own is None:
            raise ConfigError(f"There is no provider for {name!r}.", "Write it as PROVIDER/MODEL.")
        if provider is None and "/" in model:
            raise ConfigError(f"There is no provider {model.partition('/')[0]!r}.")
        return provider or (own.provider if own is not None else ""), model

    def _facts(self, name: str, own: Target | None) -> RouteFacts:
        """A name that means nothing is no reason to pass the rule over: that is told when it fires."""
        try:
            provider, model = self._place(name, own)
            self.targets.address(provider)
        except ConfigError:
            return RouteFacts()
        info = self.targets.facts_of(provider, model).info
        prices = [price for price in (info.price_input, info.price_output) if price is not None]
        return RouteFacts(
            missing=missing(self.targets, provider),
            is_local=self._is_local(provider),
            price=max(prices) if prices else None,
        )

    def _is_local(self, provider: str) -> bool:
        try:
            return is_local(self.targets.address(provider))
        except ConfigError:
            return False


def _with_last_resort(target: Target, own: Target) -> Target:
    """The target, with the conversation's model asked after all others that stand in for it."""
    before, last = target.fallbacks, replace(own, fallbacks=None, ttft_budget_seconds=None)

    def fallbacks() -> list[Target]:
        chain = before() if before is not None else []
        places = {(each.provider, each.model) for each in (target, *chain)}
        return chain if (own.provider, own.model) in places else [*chain, last]

    return replace(target, fallbacks=fallbacks)


def _without(prompt: Message, prefix: str) -> Message:
    """The prompt without the word that chose its model."""
    if not prefix:
        return prompt
    parts = [
        TextPart(without_prefix(part.text, prefix)) if isinstance(part, TextPart) else part
        for part in prompt.parts
    ]
    return replace(prompt, parts=tuple(parts))
