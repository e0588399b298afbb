"""Settings as TOML text: the example file, and what is in effect."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from typing import cast

from chatterm.config import model
from chatterm.config.load import VARIABLES, Loaded
from chatterm.config.schema import Path, dotted, hints_of, is_secret
from chatterm.core.redact import redact

_PROVIDER = ("providers", "my-server")
_RULE = ("routing", "rules")
_MODEL = (*_PROVIDER, "models", "my-model")
_SERVER = ("mcp", "my-server")
_EXAMPLES: Mapping[str, object] = {
    "provider": "ollama",
    "model": "llama3",
    "system": "Answer briefly.",
    "adapter": "openai_chat",
    "base_url": "http://127.0.0.1:8080/v1",
    "api_key_env": "MY_SERVER_KEY",
    "key_cmd": ["pass", "show", "my-server"],
    "headers": {"X-Title": "chatterm"},
    "options": {"temperature": 0.2},
    "ca_file": "/etc/ssl/my-ca.pem",
    "connect_seconds": 10.0,
    "first_event_seconds": 300.0,
    "event_gap_seconds": 120.0,
    "more_base_urls": ["http://127.0.0.1:8081/v1"],
    "fallback": ["groq/llama-3.3-70b-versatile"],
    "ttft_budget_seconds": 10.0,
    "retries": 5,
    "retry_first_seconds": 2.0,
    "retry_longest_seconds": 30.0,
    "retry_asked_seconds": 600.0,
    "continue_once": True,
    "stream": False,
    "context_tokens": 32768,
    "output_tokens": 8192,
    "images": True,
    "tools": True,
    "thinking": True,
    "prefix": "/fast",
    "pattern": "\\b(weather|forecast)\\b",
    "shortest": 1,
    "longest": 200,
    "image": True,
    "code": True,
    "recent": True,
    "local_only": True,
    "most_price": 1.0,
    "name": "it is short",
    "enabled": ["current_time", "read_file"],
    "modules": ["/home/me/my_tools.py"],
    "root": "/home/me/project",
    "command": ["uvx", "mcp-server-time"],
    "url": "https://mcp.example/mcp",
    "env": {"TZ": "UTC"},
    "pass_env": ["SSH_AUTH_SOCK"],
    "folder": "/home/me/project",
    "timeouts": {"run_command": 300.0},
    "timeout_seconds": 60.0,
    "day_dollars": 5.0,
    "conversation_dollars": 1.0,
    "endpoint": "http://127.0.0.1:4318",
    "price_input": 0.5,
    "price_output": 1.5,
}
"""A value to show for each setting that has none by default."""

_OPEN_SECTIONS = {
    "aliases": ['#fast = "groq/llama-3.1-8b-instant"  # an example; not set by default'],
    "keys": ['#stop = "escape,ctrl+x"  # an example; not set by default'],
}
"""Sections in which the names are the user's own."""

_HEAD = """\
# Settings of chatterm; `chatterm config path` says where the file belongs.
# Every setting is here with its default. To change one, take away the # at the start of its line.
"""


def toml_value(value: object) -> str:
    """One value on one line of TOML, without any character that could act on a terminal."""
    if isinstance(value, dict):
        pairs = (f"{_name(name)} = {toml_value(v)}" for name, v in cast("dict[str, object]", value).items())
        return "{ " + ", ".join(pairs) + " }" if value else "{}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml_value(item) for item in cast("list[object]", value)) + "]"
    if isinstance(value, str):
        return "".join(c if c.isprintable() else _escaped(c) for c in json.dumps(value, ensure_ascii=False))
    return str(value).lower() if isinstance(value, bool) else str(value)


def render_example() -> str:
    """The text of config.example.toml: every setting with its meaning and its default, all commented out."""
    lines = [_HEAD, "# These variables of the environment win over the file:"]
    lines += [f"# {variable} sets {dotted(path)}." for variable, path in VARIABLES.items()]
    lines += ["", *_example_section(model.Settings)]
    for name, hint in hints_of(model.Settings).items():
        if dataclasses.is_dataclass(hint):
            lines += [_summary(hint.__doc__), f"[{name}]", *_example_section(cast("type", hint))]
    lines += [_summary(model.ProviderSettings.__doc__), f"#[{dotted(_PROVIDER)}]"]
    lines += _example_section(model.ProviderSettings)
    lines += [_summary(model.ModelSettings.__doc__), f"#[{dotted(_MODEL)}]"]
    lines += _example_section(model.ModelSettings)
    lines += [
        _summary(model.RoutingRule.__doc__),
        f"#[[{dotted(_RULE)}]]",
        *_example_section(model.RoutingRule),
    ]
    lines += [_summary(model.McpServerSettings.__doc__), f"#[{dotted(_SERVER)}]"]
    lines += _example_section(model.McpServerSettings)
    for name, examples in _OPEN_SECTIONS.items():
        lines += [_summary(_meanings(model.Settings)[name]), f"[{name}]", *examples, ""]
    return "\n".join(lines).rstrip() + "\n"


def render_settings(loaded: Loaded, is_variable: Callable[[str], bool]) -> str:
    """The settings in effect as TOML, each value that is no default with its source.

    Nothing that may be a secret is shown; the name of the variable that holds a key is, if `is_variable`.
    """
    lines: list[str] = []
    section: Path = ()
    for path, value in _flat((), loaded.settings):
        if path[:-1] != section:
            section = path[:-1]
            lines += ["", f"[{dotted(section)}]"]
        source = loaded.sources.get(dotted(path))
        remark = f"  # {source}" if source else ""
        lines.append(_assignment(path[-1], _shown(path, value, loaded, is_variable)) + remark)
    return "\n".join(lines) + "\n"


def _flat(path: Path, value: object) -> Iterator[tuple[Path, object]]:
    """All values that are set, those of a section before the sections in it."""
    if dataclasses.is_dataclass(value):
        items = [
            (field.name, cast("object", getattr(value, field.name))) for field in dataclasses.fields(value)
        ]
    else:
        items = list(cast("Mapping[str, object]", value).items())
    for name, item in items:
        if not _is_section(item) and item is not None and item != ():
            yield (*path, name), _plain(item)
    for name, item in items:
        if _is_section(item):
            yield from _flat((*path, name), item)


def _plain(value: object) -> object:
    """A list of sections as a list of tables, without what is not set; any other value as it is."""
    if not isinstance(value, tuple):
        return value
    return [
        {name: kept for name, kept in dataclasses.asdict(row).items() if kept is not None}
        if dataclasses.is_dataclass(row) and not isinstance(row, type)
        else row
        for row in cast("tuple[object, ...]", value)
    ]


def _is_section(value: object) -> bool:
    return dataclasses.is_dataclass(value) or isinstance(value, Mapping)


def _shown(path: Path, value: object, loaded: Loaded, is_variable: Callable[[str], bool]) -> object:
    if path[-1] == "base_url" and path[1] in loaded.refused:
        return "[refused]"
    if path[-1] == "api_key_env" and is_variable(str(value)):
        return value
    if is_secret(path):
        return "[hidden]"
    return json.loads(redact(json.dumps(value))) if not isinstance(value, str) else redact(value)


def _example_section(section: type) -> Iterator[str]:
    meanings = _meanings(section)
    for field in dataclasses.fields(section):
        if field.name not in meanings or field.name in ("models", "rules", *_OPEN_SECTIONS):
            continue
        yield f"# {meanings[field.name]}"
        default = cast("object", field.default)
        if default in (None, (), dataclasses.MISSING):
            yield f"#{_assignment(field.name, _EXAMPLES[field.name])}  # an example; not set by default"
        else:
            yield f"#{_assignment(field.name, default)}"
    yield ""


def _summary(docstring: str | None) -> str:
    """A docstring of the form "`[section]`: what it is" as a comment."""
    text = (docstring or "").partition(": ")[2]
    return f"# {text[:1].upper()}{text[1:]}"


def _meanings(section: type) -> dict[str, str]:
    """The docstrings under the fields of a section."""
    body = cast("ast.ClassDef", ast.parse(inspect.getsource(section)).body[0]).body
    meanings: dict[str, str] = {}
    for field, text in itertools.pairwise(body):
        match field, text:
            case ast.AnnAssign(target=ast.Name(name)), ast.Expr(value=ast.Constant(str(meaning))):
                meanings[name] = " ".join(meaning.split())
            case _:
                pass
    return meanings


def _assignment(name: str, value: object) -> str:
    return f"{_name(name)} = {toml_value(value)}"


def _name(name: str) -> str:
    return dotted((name,))


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
