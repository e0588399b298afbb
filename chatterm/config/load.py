"""The layers of settings: defaults, the file, the environment, the command line."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, cast, get_args, get_origin

from chatterm.config.files import read_toml
from chatterm.config.model import Settings
from chatterm.config.schema import Entry, Misfit, Path, convert, dotted, found, hints_of, row_type, walk
from chatterm.config.urls import address_fault, service_url
from chatterm.core.clean import clean_line
from chatterm.core.errors import ConfigError

VARIABLES: Mapping[str, Path] = {
    "CHATTERM_THEME": ("interface", "theme"),
    "CHATTERM_PROVIDER": ("provider",),
    "CHATTERM_MODEL": ("model",),
    "CHATTERM_HTTP_POOL_CONNECTIONS": ("network", "pool_connections"),
    "CHATTERM_HTTP_POOL_MAXSIZE": ("network", "pool_maxsize"),
    "CHATTERM_TOOL_WORKERS": ("tools", "workers"),
    "CHATTERM_TOOL_TIMEOUT": ("tools", "timeout_seconds"),
    "OLLAMA_HOST": ("providers", "ollama", "base_url"),
    "OPENAI_BASE_URL": ("providers", "openai", "base_url"),
    "ANTHROPIC_BASE_URL": ("providers", "anthropic", "base_url"),
    "GOOGLE_GEMINI_BASE_URL": ("providers", "gemini", "base_url"),
    "AZURE_OPENAI_ENDPOINT": ("providers", "azure", "base_url"),
    "CLOUDFLARE_ACCOUNT_ID": ("providers", "cloudflare", "base_url"),
    "OTEL_EXPORTER_OTLP_ENDPOINT": ("otel", "endpoint"),
}
"""Environment variables that are settings, with the key that each one sets. An empty one counts as unset."""

FILE = "settings file"
COMMAND_LINE = "command line"

_HINTS = {
    FILE: "It is ignored; correct it in the file.",
    COMMAND_LINE: "chatterm --help lists the options.",
}
_OTHER_HINT = "It is ignored; correct the variable or unset it."


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The settings in effect, and all that was wrong on the way to them.

    A problem without `key` concerns the whole file, of which nothing was used; else it concerns that key.
    `sources` tells for each key that is not at its default where the value came from. A provider in `refused`
    has an address that must not be used; it is left in the settings so that nothing goes to another one.
    """

    settings: Settings
    problems: tuple[ConfigError, ...]
    path: FilePath
    sources: Mapping[str, str]
    refused: Mapping[str, ConfigError]


def load_settings(
    path: FilePath, environ: Mapping[str, str], overrides: Mapping[Path, object] | None = None
) -> Loaded:
    """Settings from the file at `path`, then from `environ`, then from `overrides`, the command line.

    A bad value in file or environment is a problem and left out, so that the layer below shows through; the
    file is never written. A bad override raises ConfigError: whoever typed it is there to correct it.
    """
    layers = _Layers(path)
    try:
        file = read_toml(path)
        if file is not None:
            layers.add(file.values, FILE, foreign=file.foreign)
    except ConfigError as error:
        layers.problems.append(error)
    for variable, key in VARIABLES.items():
        if text := environ.get(variable, "").strip():
            layers.add(tree_of(key, service_url(variable, text)), f"environment {variable}")
    for key, value in (overrides or {}).items():
        layers.add(tree_of(key, value), COMMAND_LINE)
    return layers.loaded()


def check_tree(tree: Mapping[str, object], path: FilePath) -> Loaded:
    """What `load_settings` would make of a file at `path` that holds `tree`."""
    layers = _Layers(path)
    layers.add(tree, FILE)
    return layers.loaded()


def tree_of(path: Path, value: object) -> dict[str, object]:
    """Nested tables that hold `value` at `path`."""
    for part in reversed(path):
        value = {part: value}
    return cast("dict[str, object]", value)


_PROVIDER: Path = ("provider",)
_MODEL: Path = ("model",)


def _runs_code(path: Path) -> bool:
    """Whether the value at this key is a command, or code that is loaded."""
    return path[-1] == "key_cmd" or path == ("tools", "modules") or (path[0], path[-1]) == ("mcp", "command")


class _Layers:
    """Collects accepted values; a later layer covers an earlier one, key by key."""

    def __init__(self, path: FilePath) -> None:
        self.path = path
        self.problems: list[ConfigError] = []
        self._values: dict[Path, object] = {}
        self._sources: dict[Path, str] = {}

    def add(self, tree: Mapping[str, object], source: str, *, foreign: bool = False) -> None:
        """Take over what is good in `tree`. A `foreign` file may not name commands to run.

        A provider that takes the place of another one takes the model of that one away.
        """
        before = self._values.get(_PROVIDER)
        for item in walk(tree):
            if isinstance(item, Misfit):
                self._problem(item.path, item.reason, source, item.hint)
            elif foreign and _runs_code(item.path):
                reason = "names what is run, but others than you can write to the file"
                self._problem(item.path, reason, source, f"Run: chmod o-w {self.path}")
            else:
                self._take(item, source)
        is_another = before is not None and self._values.get(_PROVIDER) != before
        if is_another and self._sources.get(_MODEL) != source:
            self._values.pop(_MODEL, None)
            self._sources.pop(_MODEL, None)

    def loaded(self) -> Loaded:
        """The settings made of all layers."""
        tree: dict[str, object] = {}
        for path, value in self._values.items():
            _plant(tree, path, value)
        settings = cast("Settings", _build(Settings, tree))
        refused = dict(self._refused(settings))
        return Loaded(
            settings=settings,
            problems=(*self.problems, *refused.values()),
            path=self.path,
            sources={dotted(path): source for path, source in self._sources.items()},
            refused=refused,
        )

    def _take(self, entry: Entry, source: str) -> None:
        try:
            value = convert(entry, lax=source != FILE)
        except ValueError as error:
            shown = found(entry.path, entry.value)
            self._problem(entry.path, f"is {shown}; allowed is {error}", source)
            return
        self._values[entry.path] = value
        self._sources[entry.path] = source

    def _problem(self, path: Path, reason: str, source: str, hint: str = "") -> None:
        error = self._error(dotted(path), reason, source, hint)
        if source == COMMAND_LINE:
            raise error
        self.problems.append(error)

    def _error(self, key: str, reason: str, source: str, hint: str) -> ConfigError:
        file = str(self.path) if source == FILE else ""
        message = f"{key} {reason} ({clean_line(file) or source})."
        return ConfigError(message, hint or _HINTS.get(source, _OTHER_HINT), path=file, key=key)

    def _refused(self, settings: Settings) -> Iterator[tuple[str, ConfigError]]:
        for name, provider in settings.providers.items():
            path = ("providers", name, "base_url")
            reason, hint = address_fault(provider.base_url, provider.allow_insecure, dotted(path))
            for more in provider.more_base_urls:
                if not reason:
                    path = ("providers", name, "more_base_urls")
                    reason, hint = address_fault(more, provider.allow_insecure, dotted(path))
            if reason:
                error = self._error(dotted(path), f"cannot be used: {reason}", self._sources[path], hint)
                if self._sources[path] == COMMAND_LINE:
                    raise error
                yield name, error


def _plant(tree: dict[str, object], path: Path, value: object) -> None:
    for part in path[:-1]:
        tree = cast("dict[str, object]", tree.setdefault(part, {}))
    tree[path[-1]] = value


def _build(hint: Any, value: object) -> object:
    """The dataclass, or mapping of dataclasses, that `hint` says, from nested tables of accepted values."""
    if dataclasses.is_dataclass(hint):
        section, tree = cast("type[object]", hint), cast("dict[str, object]", value)
        hints = hints_of(section)
        return section(**{name: _build(hints[name], item) for name, item in tree.items()})
    if get_origin(hint) is Mapping and dataclasses.is_dataclass(get_args(hint)[-1]):
        table = cast("dict[str, object]", value)
        return {name: _build(get_args(hint)[-1], item) for name, item in table.items()}
    if row_type(hint) is not None:
        return tuple(cast("dict[str, object]", value).values())
    return value
