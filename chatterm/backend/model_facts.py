"""What is known of a model: what its provider lists, then what the settings say, then a table that comes with chatterm.

The table (model_facts.json, whose stamp names its source and licence) tells context and prices of hosted models. It
is read when it is first asked for, never at import.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from typing import Literal, cast

import msgspec

from chatterm.backend.providers.base import ModelInfo, Prices
from chatterm.config.model import ModelSettings

Source = Literal["provider", "settings", "table"]
"""Who said it."""

TABLE = "model_facts.json"

_COMPACT_DATE = re.compile(r"-(\d{4})(\d\d)(\d\d)\Z")


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """A model with all that is known of it, and the source of each field that is known."""

    info: ModelInfo
    sources: Mapping[str, Source]


class TableRow(msgspec.Struct, array_like=True, frozen=True):
    """A model of the table. `rule` says which ids are meant; prices are US dollars for a million tokens."""

    rule: list[object]
    context_tokens: int | None = None
    price_input: float | None = None
    price_output: float | None = None
    price_cache_read: float | None = None
    price_cache_write: float | None = None
    dearer_above_tokens: int | None = None
    deprecated: bool | None = None
    dearer_prices: Prices | None = None


class _Service(msgspec.Struct, frozen=True):
    models: list[TableRow]
    beyond: list[str] = []
    """Services whose models this one offers too."""


class Stamp(msgspec.Struct, frozen=True):
    """Where the table is from, and when it was made (YYYY-MM-DD)."""

    package: str
    version: str
    made_on: str
    source: str
    licence: str
    licence_text: str


class FactTable(msgspec.Struct, frozen=True):
    """The table that comes with chatterm."""

    stamp: Stamp
    services: dict[str, _Service]

    def find(self, service: str, model: str) -> TableRow | None:
        """The first row of the service, by its name in chatterm, that means this model; None for an unknown one."""
        rows = self.services.get(service)
        if rows is None:
            return None
        offered = [rows, *(self.services[name] for name in rows.beyond)]
        name = model.lower()
        # Gateways write a date without its dashes.
        for spelt in dict.fromkeys([name, _COMPACT_DATE.sub(r"-\1-\2-\3", name)]):
            for row in (row for each in offered for row in each.models):
                if means(row.rule, spelt):
                    return row
        return None


def read_table() -> FactTable:
    """Read the table from the package."""
    return msgspec.json.decode(
        resources.files("chatterm.backend").joinpath(TABLE).read_bytes(), type=FactTable
    )


def means(rule: Sequence[object], name: str) -> bool:
    """Whether a rule of the table means this id, which is in lower case."""
    kind, first = rule[0], rule[1]
    if kind in ("or", "and"):
        told = (means(cast("list[object]", each), name) for each in rule[1:])
        return any(told) if kind == "or" else all(told)
    if not isinstance(first, str):
        return False
    if kind == "regex":
        return re.search(first, name) is not None
    if kind == "equals":
        return name == first
    if kind == "contains":
        return first in name
    return name.startswith(first) if kind == "starts" else kind == "ends" and name.endswith(first)


def merged(listed: ModelInfo, settings: ModelSettings, row: TableRow | None) -> ModelFacts:
    """All that is known: each field from the first of the three that tells it."""
    sources: dict[str, Source] = {name: "provider" for name in _fields() if getattr(listed, name) is not None}
    found: dict[str, object] = {}
    second: tuple[tuple[Source, object], ...] = (("settings", settings), ("table", row))
    for source, told in second:
        for name in _fields():
            value = getattr(told, name, None)
            if name not in sources and value is not None:
                found[name], sources[name] = value, source
    if sources.get("price_input") != "table":  # what belongs to a price is of the same source
        for name in ("price_cache_read", "price_cache_write", "dearer_above_tokens", "dearer_prices"):
            if sources.get(name) == "table":
                del found[name], sources[name]
    return ModelFacts(replace(listed, **found), sources)  # type: ignore[arg-type]  # fields of the same names


class KnownModels:
    """What this process knows of models without waiting: the last list of each provider, and the table.

    All targets share one. `load` reads the table, once; until then it tells nothing.
    """

    def __init__(self) -> None:
        self._lists: dict[tuple[str, str], dict[str, ModelInfo]] = {}
        self._table: FactTable | None = None
        self._rows: dict[tuple[str, str], TableRow | None] = {}  # to find one takes a tenth of a millisecond
        # To join them takes half of that, and every request asks; with the settings that they were joined with.
        self._facts: dict[tuple[str, str, str, str | None], tuple[ModelSettings, ModelFacts]] = {}

    async def load(self) -> None:
        """Have the table at hand; it is read on a thread."""
        if self._table is None:
            self._table = await asyncio.to_thread(read_table)
            self._facts.clear()

    def learn(self, provider: str, address: str, models: Iterable[ModelInfo]) -> None:
        """Take in what the provider at this address lists; it takes the place of what it listed before."""
        self._lists[provider, address] = {model.id: model for model in models}
        self._facts.clear()

    def listed(self) -> tuple[ModelInfo, ...]:
        """All models of all lists that were taken in, in the order of the lists."""
        return tuple(info for models in self._lists.values() for info in models.values())

    def facts_of(
        self, provider: str, address: str, model: str, settings: ModelSettings, service: str | None
    ) -> ModelFacts:
        """All that is known of the model. `service` is its name in the table; None for one that is not in there."""
        key = provider, address, model, service
        joined_with, facts = self._facts.get(key, (None, None))
        if facts is None or joined_with != settings:
            facts = self._joined(provider, address, model, settings, service)
            self._facts[key] = settings, facts
        return facts

    def _joined(
        self, provider: str, address: str, model: str, settings: ModelSettings, service: str | None
    ) -> ModelFacts:
        listed = self._lists.get((provider, address), {})
        found = (listed[name] for name in names_of(model) if name in listed)
        info = next(found, ModelInfo(provider=provider, id=model))
        row = None
        if self._table is not None and service is not None:
            if (service, model) not in self._rows:
                self._rows[service, model] = self._table.find(service, model)
            row = self._rows[service, model]
        return merged(info, settings, row)


def names_of(model: str) -> tuple[str, ...]:
    """The names under which a list may have the model: Ollama completes one without a tag."""
    return model, f"{model}:latest"


def _fields() -> Sequence[str]:
    """The fields of a model that are known or not."""
    return [name for name in ModelInfo.__slots__ if name not in ("provider", "id", "name")]
