"""The rules of who gave none: made of the keys and local models that there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from chatterm.backend.providers.base import ModelInfo
from chatterm.config.model import RoutingRule

SEARCHING = ("perplexity/sonar", "openrouter/perplexity/sonar")
"""Models that look things up before they answer, the first choice first."""

CODING = (
    "anthropic/claude-sonnet-5-5",
    "openai/gpt-5.5",
    "mistral/codestral-latest",
    "deepseek/deepseek-chat",
)
QUICK_MODELS = ("groq/llama-3.1-8b-instant", "openai/gpt-5-nano", "gemini/gemini-flash-lite-latest")

LONGEST_QUICK = 80

# A question that stands for itself: nothing in it points to what was said before, or at the one who is asked.
QUICK = (
    r"^\s*(?:what (?:is|are|was|were|does)|who (?:is|was|are|were|invented|wrote|painted)|when (?:is|was|did|does)"
    r"|where (?:is|are|was)|how (?:many|much|far|old|tall|long|big|high|deep)|define|translate|spell|convert"
    r"|wer (?:ist|war)|was (?:ist|sind|heißt)|wann|wo (?:ist|liegt)|wie (?:heißt|viele?|weit|alt|hoch|groß|lang)"
    r"|übersetze|definiere|qui (?:est|était)|quand|où (?:est|se)|combien|quel(?:le)? (?:est|était)|traduis|définis"
    r"|¿?(?:qué (?:es|son|significa)|quién (?:es|fue)|cuándo|dónde|cuánt[oa]s?|cuál (?:es|fue))|traduce|define"
    r"|chi (?:è|era)|cos.è|quando|dov.è|quant[oiae]|traduci)\b"
    r"(?!.*\b(?:it|that|this|these|those|they|them|he|she|his|her|you|your|my|me|above|previous|like|das|dies)\b)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What there is to route to.

    `keyed` tells of a provider whether it can be asked; `listed` are the models that are known by now, those on
    this machine in `local`. `own` is the conversation's model, as PROVIDER/MODEL.
    """

    keyed: Callable[[str], bool]
    listed: Sequence[ModelInfo]
    local: Sequence[ModelInfo]
    own: str
    own_takes_images: bool | None = None
    own_is_local: bool = False


def default_rules(found: Found) -> tuple[RoutingRule, ...]:
    """Images, code, recent events and quick questions, each to a model that is there; fewer where there is none."""
    rules: list[RoutingRule] = []
    if seeing := _seeing(found):
        rules.append(RoutingRule(model=seeing, name="it has an image", image=True))
    coding = [info for info in found.local if "code" in info.id.lower()]
    if coder := _first(CODING, found) or _largest(coding):
        rules.append(RoutingRule(model=coder, name="it has code, or asks for some", code=True))
    if searching := _first(SEARCHING, found):
        rules.append(RoutingRule(model=searching, name="it asks about recent events", recent=True))
    if quick := found.own if found.own_is_local else _smallest(found.local) or _first(QUICK_MODELS, found):
        rules.append(
            RoutingRule(model=quick, name="it is a quick question", pattern=QUICK, longest=LONGEST_QUICK)
        )
    return tuple(rules)


def _seeing(found: Found) -> str | None:
    """Who is known to take pictures: the conversation's model itself before all others."""
    if found.own_takes_images:
        return found.own
    usable = (info for info in (*found.local, *found.listed) if info.images and found.keyed(info.provider))
    return next((_name(info) for info in usable), None)


def _first(names: Iterable[str], found: Found) -> str | None:
    return next((name for name in names if found.keyed(name.partition("/")[0])), None)


def _smallest(models: Sequence[ModelInfo]) -> str | None:
    """The local model that answers soonest, as far as its size tells."""
    chatting = [info for info in models if "embed" not in info.id.lower()]
    return _name(min(chatting, key=_size)) if chatting else None


def _largest(models: Sequence[ModelInfo]) -> str | None:
    return _name(max(models, key=_size)) if models else None


def _size(info: ModelInfo) -> int:
    return info.size_bytes or 0


def _name(info: ModelInfo) -> str:
    return f"{info.provider}/{info.id}"
