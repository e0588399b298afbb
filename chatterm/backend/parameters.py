"""Request parameters as settings and `/set` give them: those that every provider has in words of its own apart."""

from __future__ import annotations

import json

import msgspec

from chatterm.core.clean import clean_line
from chatterm.core.errors import ConfigError
from chatterm.core.turn import Options, Parameters

EXPECTED = {
    "temperature": "a number",
    "top_p": "a number",
    "seed": "a whole number",
    "max_tokens": "a whole number",
    "stop": "a text, or a list of texts",
    "effort": "one of none, minimal, low, medium, high, xhigh, max",
    "thinking_tokens": "a whole number",
    "schema": "a JSON Schema, as a table",
    "web_search": "true or false",
}
"""Options that mean the same whatever the provider, and their values; all others go to it under their own name."""


def read_parameters(options: Options) -> tuple[Parameters, Options]:
    """The common parameters among the options, and the rest; None takes one back.

    Raises `ConfigError` for a value that its parameter cannot have.
    """
    given = {name: options[name] for name in EXPECTED.keys() & options.keys() if options[name] is not None}
    if isinstance(given.get("stop"), str):
        given["stop"] = [given["stop"]]
    rest = {name: value for name, value in options.items() if name not in EXPECTED}
    for name, value in given.items():
        try:
            msgspec.convert({name: value}, Parameters)
        except msgspec.ValidationError:
            raise ConfigError(
                f"The option {name} cannot be {clean_line(str(value), 60)!r}.",
                f"It takes {EXPECTED[name]}; /set {name}= takes it back.",
                key=f"options.{name}",
            ) from None
    return msgspec.convert(given, Parameters), rest


def typed_value(text: str) -> object:
    """The value of an option as it was typed: a JSON value where the text is one, else the text itself."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return text


def _refuse(constant: str) -> object:
    """NaN and the like are no JSON: they stay text."""
    raise ValueError(constant)
