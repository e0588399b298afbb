"""The lines of the model picker, from what is known of each provider. Pure: it is run beside the event loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from chatterm.backend.models import ModelList
from chatterm.backend.providers.base import ModelInfo
from chatterm.backend.targets import GUIDE
from chatterm.tui.widgets.fuzzy import FuzzyIndex
from chatterm.tui.widgets.row_list import Row

Choice = tuple[str, str]
"""Provider and model id, as the provider writes it."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Rows to show, and what each stands for: `None` for headings."""

    query: str
    rows: tuple[Row, ...]
    choices: tuple[Choice | None, ...]


class ModelCatalogue:
    """All that is known when it is made: an immutable picture that can be searched in any thread."""

    def __init__(
        self,
        providers: Sequence[str],
        known: Mapping[str, ModelList],
        recent: Sequence[Choice],
        current: Choice | None,
        now: datetime,
    ) -> None:
        self._providers = [*providers, *(name for name in known if name not in providers)]
        self._known = dict(known)
        self._recent = tuple(recent)
        self._current = current
        self._now = now
        self._choices = [(name, model.id) for name in self._providers for model in self._of(name)]
        # Beginning with the model, so that what begins as typed comes first.
        self._index = FuzzyIndex([f"{model} {provider}" for provider, model in self._choices])

    def listing(self, query: str) -> Listing:
        """What to show for the text typed: recent ones and then all by provider, or what matches, best first."""
        query = query.strip()
        lines = self._found(query) if query else self._all()
        return Listing(query, tuple(row for row, _ in lines), tuple(choice for _, choice in lines))

    def _of(self, provider: str) -> tuple[ModelInfo, ...]:
        known = self._known.get(provider)
        return known.models if known is not None else ()

    def _all(self) -> list[tuple[Row, Choice | None]]:
        lines: list[tuple[Row, Choice | None]] = []
        if self._recent:
            lines.append((Row("recent", is_heading=True), None))
            lines += [(self._row(choice[1], choice[0], choice), choice) for choice in self._recent]
        for provider in self._providers:
            note = state_text(self._known.get(provider), self._now)
            lines.append((Row(provider, note, is_heading=True), None))
            for model in self._of(provider):
                choice = (provider, model.id)
                lines.append((self._row(model.id, _details(model), choice), choice))
        return lines

    def _found(self, query: str) -> list[tuple[Row, Choice | None]]:
        found = [self._choices[index] for index in self._index.search(query)]
        recent = set(self._recent)
        first = [choice for choice in found if choice in recent] if recent else []
        ordered = first + [choice for choice in found if choice not in recent] if first else found
        lines: list[tuple[Row, Choice | None]] = [
            (self._row(choice[1], choice[0], choice), choice) for choice in ordered
        ]
        if all(query not in (model, f"{provider}/{model}") for provider, model in found):
            anyway = self._unlisted(query)
            if anyway is not None:
                lines.append((Row(f"use {anyway[1]} anyway", anyway[0]), anyway))
        return lines or [(Row("No model fits.", is_heading=True), None)]

    def _unlisted(self, query: str) -> Choice | None:
        """What a name that is in no list would mean: PROVIDER/MODEL, else a model of the present provider.

        Never one of the guide, which lists all that it has.
        """
        provider, slash, model = query.partition("/")
        if slash and model and provider in self._providers:
            return (provider, model) if provider != GUIDE else None
        present = () if self._current is None else (self._current[0],)
        provider = next((name for name in (*present, *self._providers) if name != GUIDE), None)
        return None if provider is None else (provider, query)

    def _row(self, text: str, note: str, choice: Choice) -> Row:
        marked = choice == self._current
        return Row(f"● {text}" if marked else f"  {text}", note, is_marked=marked)


def state_text(known: ModelList | None, now: datetime) -> str:
    """How far a provider's list can be trusted, in words."""
    if known is None:
        return "asking"
    age = age_text(known.fetched_at, now) if known.fetched_at else ""
    if known.error is not None:
        return f"{known.error.message} Kept list, {age}." if known.models and age else known.error.message
    count = f"{len(known.models):,} model{'' if len(known.models) == 1 else 's'}"
    return f"{count} · {age}, asking again" if known.source == "cached" else count


def age_text(moment: datetime, now: datetime) -> str:
    """How long ago: `just now`, `5 min ago`, `3 h ago`, `2 days ago`, and the date after a month."""
    minutes = int((now - moment).total_seconds() // 60)
    if minutes < 1:
        return "just now"
    if minutes < 60:
        return f"{minutes} min ago"
    if minutes < 24 * 60:
        return f"{minutes // 60} h ago"
    days = minutes // (24 * 60)
    if days <= 30:
        return f"{days} day{'' if days == 1 else 's'} ago"
    return moment.astimezone(now.tzinfo).date().isoformat()


def _details(model: ModelInfo) -> str:
    parts: list[str] = []
    if model.loaded:
        parts.append("loaded")
    if model.size_bytes:
        parts.append(f"{model.size_bytes / 1e9:.1f} GB")
    if model.context_tokens:
        parts.append(f"{model.context_tokens:,} tok")
    return " · ".join(parts)
