"""Which request parameter a provider does not take, read from its refusal, so that it can be left out."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chatterm.backend.providers.complaints import Complaint

# Without these a request is no request any more, or its answer would come in another form.
_NEEDED = frozenset(
    {"model", "messages", "assistant", "input", "contents", "prompt", "stream", "system", "body", "parameter"}
)

_CODES = frozenset(
    {
        "unsupported_parameter",
        "unsupported_value",
        "unknown_parameter",
        "extra_forbidden",
        "value_error.extra",
        "unsupportedparamserror",
    }
)

_REFUSING = re.compile(
    r"unsupported|unrecogni[sz]ed|unknown|unexpected|not (?:supported|permitted|allowed|available)|deprecated"
    r"|does(?:n't| not) support|cannot (?:both )?be (?:used|specified|set)|may only be set",
    re.IGNORECASE,
)

_KIND = r"(?:parameter|param|argument|field|property|key|option|input)s?"
_NAME = r"[\[{]?[`'\"“]?(?P<name>[A-Za-z_][\w.]{0,60}\w)(?!\w|\.\w|\[)[`'\"”]?"
_NAMED = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # Gemini; of two that exclude each other, Anthropic, the second goes.
        r"unknown name [\"'](?P<name>\w+)[\"'](?: at '(?P<place>[\w.]+)')?",
        rf"\w+[`'\"]? and {_NAME} cannot both be",
        # OpenAI, Azure, Together; xAI; a Python server.
        rf"(?:unsupported|unrecogni[sz]ed|unknown|unexpected)(?: request| keyword)? {_KIND}"
        rf"(?: supplied| passed| found)?:? {_NAME}",
        rf"{_KIND} not supported[\w ]*: {_NAME}",
        # Anthropic, Mistral, FastAPI; Groq and Cerebras; xAI and LiteLLM.
        rf"(?:^|[\s;:]){_NAME}: extra (?:inputs are|fields) not permitted",
        r"[`'\"](?P<name>[A-Za-z_][\w.]{0,60}\w)[`'\"]? (?:\w+ )?(?:is|are) (?:unsupported|deprecated|not \w+)",
        r"(?:^|[\s;:])(?P<name>[a-z]+(?:[_.][a-z]+)*)[`'\"]? (?:is|are) (?:unsupported|not (?:supported|permitted))",
        r"[`'\"](?P<name>[A-Za-z_][\w.]{0,60}\w)[`'\"]? may only be set",
        rf"not support (?:the )?{_KIND}:? {_NAME}",
        rf"not support (?:the )?{_NAME}",
        rf"^{_NAME}: ",
    )
)

# Servers that cannot call functions say so in words of their own.
_NO_TOOLS = re.compile(
    r"(?:not|that) support (?:tool|function)s?(?: (?:use|call))?|tools param requires"
    r"|tool choice requires|(?:tool|function) calling is not",
    re.IGNORECASE,
)


def refused_parameter(complaint: Complaint) -> str | None:
    """The parameter that the complaint says is not taken at all; None where it complains about something else.

    The name is as in the request's body, dotted for an inner one ("reasoning.effort"). A wrong value is not a
    refusal unless the provider calls it unsupported.
    """
    is_coded = not _CODES.isdisjoint(complaint.codes)
    if not is_coded and not _REFUSING.search(complaint.text) and not _NO_TOOLS.search(complaint.text):
        return None
    return next((name for name in _names(complaint, is_coded) if name.split(".")[0] not in _NEEDED), None)


def _names(complaint: Complaint, is_coded: bool) -> Iterator[str]:
    # Without a code that says so, the parameter may only hold what is refused: a schema with `oneOf` in it.
    if is_coded and re.fullmatch(r"[A-Za-z_][\w.-]*", complaint.param):
        yield complaint.param.removeprefix("body.")
    if _NO_TOOLS.search(complaint.text):
        yield "tools"
    for pattern in _NAMED:
        for found in pattern.finditer(complaint.text):
            groups = found.groupdict()
            if place := groups.get("place"):
                yield f"{_camel(place)}.{groups['name']}"
            else:
                yield _snake(groups["name"].removeprefix("body."))


def _camel(name: str) -> str:
    """Gemini names in its answers in snake case what it is asked in camel case."""
    return re.sub(r"_([a-z])", lambda letter: letter[1].upper(), name)


def _snake(name: str) -> str:
    """xAI does the opposite."""
    return re.sub(r"(?<=[a-z])([A-Z])", lambda letter: "_" + letter[1].lower(), name)
