"""How much a model takes in, and who says so: what is known of it, or what a local server has it loaded with."""

from __future__ import annotations

from collections.abc import Mapping

from chatterm.backend.context import ContextLimit
from chatterm.backend.model_facts import ModelFacts, Source, names_of
from chatterm.backend.target import Target, read_whole
from chatterm.core.errors import ChattermError

_WORDS: Mapping[Source, str] = {
    "provider": "by its provider's list",
    "settings": "by the settings",
    "table": "by the table of models",
}


def told_limit(facts: ModelFacts) -> ContextLimit | None:
    """The context of the model by what is known of it; None where nothing tells."""
    tokens = facts.info.context_tokens
    return ContextLimit(tokens, _WORDS[facts.sources["context_tokens"]]) if tokens else None


async def loaded_context(target: Target) -> int | None:
    """The context, in tokens, that an Ollama has the model in memory with; None where it has not, or is not heard."""
    from chatterm.backend.providers.ollama import loaded_contexts, loaded_request

    try:
        request = loaded_request(await target.endpoint(), target.limits)
        contexts = loaded_contexts(await read_whole(target, request))
    except ChattermError:
        return None
    return next((contexts[name] for name in names_of(target.model) if name in contexts), None)
