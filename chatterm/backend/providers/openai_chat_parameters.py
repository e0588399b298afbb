"""What is asked of a model, in the words of Chat Completions and of the services in `catalog`.

Source: the OpenAI API reference, `POST /v1/chat/completions`; and the services' documentation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import cast

from chatterm.backend.providers.catalog import Service
from chatterm.backend.providers.openai_models import reasoning_of
from chatterm.backend.providers.wire_json import as_list, as_object, encode_json
from chatterm.core.turn import Effort, Parameters, ToolSpec, TurnRequest

_STRENGTH = {"none": 0, "minimal": 1, "low": 2, "medium": 3, "default": 3, "high": 4, "xhigh": 5, "max": 6}


def parameter_fields(service: Service, request: TurnRequest) -> dict[str, object]:
    """The fields of the body besides `model` and `messages`; one that is None is not sent."""
    asked = request.parameters
    fields: dict[str, object] = {"stream": request.streams}
    if request.streams and service.asks_usage:
        fields["stream_options"] = {"include_usage": True}
    if asked.max_tokens is not None:
        fields[_max_tokens_field(service, request)] = min(
            asked.max_tokens, request.max_output_tokens or asked.max_tokens
        )
    fields |= {"temperature": asked.temperature, "top_p": asked.top_p, "stop": list(asked.stop) or None}
    if service.seed:
        fields[service.seed] = asked.seed
    fields |= _thinking_fields(service, request.model, asked)
    if asked.schema is not None:
        fields["response_format"] = _response_format(service, asked.schema)
    if asked.web_search:
        fields |= _search_fields(service, request.model)
    if request.tools:
        fields["tools"] = [function_tool(tool) for tool in request.tools]
        if service.streams_tools_by and request.streams:
            fields[service.streams_tools_by] = True
    return fields


def function_tool(tool: ToolSpec) -> dict[str, object]:
    """The tool as an element of `tools`."""
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def system_text(service: Service, request: TurnRequest) -> str:
    """The system prompt; with the schema in it where the service cannot be given one in another way."""
    schema = request.parameters.schema
    if schema is None or service.schema != "json_object":
        return request.system or ""
    told = f"Answer with JSON only, which fits this JSON Schema:\n{encode_json(schema).decode()}"
    return f"{request.system}\n\n{told}" if request.system else told


def nearest_level(effort: Effort, levels: tuple[str, ...]) -> str | None:
    """The level nearest to the effort, the stronger of two; all levels are taken where none are given.

    "none" stands for itself only: where it is wanted and there is none, the weakest level is meant, and who
    wants thinking never gets none. None where no level will do.
    """
    if not levels or effort in levels:
        return effort
    wanted = _STRENGTH[effort]
    thinking = [level for level in levels if level != "none"]
    return min(thinking, key=lambda level: (abs(_STRENGTH[level] - wanted), -_STRENGTH[level]), default=None)


def _max_tokens_field(service: Service, request: TurnRequest) -> str:
    """Newer models refuse the older name, older servers the newer one: the refused one gives way to the other."""
    other = "max_tokens" if service.max_tokens == "max_completion_tokens" else "max_completion_tokens"
    refused = service.max_tokens in request.refused and other not in request.refused
    return other if refused else service.max_tokens


def _thinking_fields(service: Service, model: str, asked: Parameters) -> dict[str, object]:
    effort = asked.effort
    if service.thinking == "object":
        # OpenRouter takes one of the two.
        if asked.thinking_tokens is not None and effort != "none":
            return {"reasoning": {"max_tokens": asked.thinking_tokens}}
        return {"reasoning": {"effort": effort}} if effort is not None else {}
    if effort is None:
        return {}
    if service.thinking == "template":
        level = {} if effort == "none" else {"reasoning_effort": effort}
        return {"chat_template_kwargs": {"enable_thinking": effort != "none", **level}}
    if service.thinking == "toggle" and effort == "none":
        return {"thinking": {"type": "disabled"}}
    toggle = {"thinking": {"type": "enabled"}} if service.thinking == "toggle" else {}
    return {**toggle, "reasoning_effort": nearest_level(effort, _levels(service, model))}


def _levels(service: Service, model: str) -> tuple[str, ...]:
    if not service.efforts and (known := reasoning_of(model)) is not None:
        return known.efforts
    return next((levels for pattern, levels in service.efforts if re.search(pattern, model)), ())


def _search_fields(service: Service, model: str) -> dict[str, object]:
    match service.web_search:
        case "plugin":
            return {"plugins": [{"id": "web"}]}
        case "options" if "search" in model:  # others refuse it
            return {"web_search_options": {}}
        case _:
            return {}


def _response_format(service: Service, schema: Mapping[str, object]) -> dict[str, object]:
    if service.schema == "json_object":
        return {"type": "json_object"}
    form: dict[str, object] = {"name": "reply", "schema": schema}
    if is_strict(schema):
        form["strict"] = True
    return {"type": "json_schema", "json_schema": form}


def is_strict(schema: object) -> bool:
    """Whether OpenAI can hold a reply to the schema: each object lists all its properties, all of them required."""
    if items := as_list(schema):
        return all(map(is_strict, items))
    if not isinstance(schema, Mapping):
        return True
    fields = cast("Mapping[str, object]", schema)
    if "properties" in fields or fields.get("type") == "object":
        properties = as_object(fields.get("properties"))
        required = set(map(str, as_list(fields.get("required"))))
        if fields.get("additionalProperties") is not False or required != properties.keys():
            return False
    return all(is_strict(value) for value in fields.values())
