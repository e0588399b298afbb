"""The lines of the model picker, from what is known of each provider. Pure: it is run beside the event loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from chatterm.backend.model_words import age_text, is_listed, price_text, size_text, tokens_text
from chatterm.backend.models import ModelList
from chatterm.backend.providers.base import ModelInfo
from chatterm.backend.targets import GUIDE
from chatterm.tui.widgets.fuzzy import FuzzyIndex
from chatterm.tui.widgets.row_list import Row

Choice = tuple[str, str]
"""Provider and model id, as the provider writes it."""


@dataclass(frozen=True, slots=True)
class Pull:
    """A model to be fetched by a server that keeps its models itself."""

    provider: str
    model: str


@dataclass(frozen=True, slots=True)
class Listing:
    """Rows to show, and what each stands for: `None` for headings."""

    query: str
    rows: tuple[Row, ...]
    choices: tuple[Choice | Pull | None, ...]

    def place_of(self, other: Listing, at: int) -> int | None:
        """Where that is which stands in row `at` of the other listing; None where it is in no row here.

        A model may stand in several groups: of these it is the one that is as far from the last.
        """
        wanted = other.choices[at]
        places = [
            place for place, choice in enumerate(self.choices) if wanted is not None and choice == wanted
        ]
        after = sum(choice == wanted for choice in other.choices[at + 1 :])
        return places[max(0, len(places) - 1 - after)] if places else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What the user has to do with models: `aliases` are names of the settings and what they stand for.

    Servers `pulling` keep their models themselves.
    """

    favourites: tuple[Choice, ...] = ()
    recent: tuple[Choice, ...] = ()
    current: Choice | None = None
    aliases: Mapping[str, Choice] = field(default_factory=dict[str, Choice])
    pulling: frozenset[str] = frozenset()


class ModelCatalogue:
    """All that is known when it is made: an immutable picture that can be searched in any thread."""

    def __init__(
        self, providers: Sequence[str], known: Mapping[str, ModelList], marks: Marks, now: datetime
    ) -> None:
        self._providers = [*providers, *(name for name in known if name not in providers)]
        self._known = dict(known)
        self._marks = marks
        self._now = now
        named: dict[Choice, list[str]] = {}
        for alias, choice in marks.aliases.items():
            named.setdefault(choice, []).append(alias)
        listed = dict.fromkeys((name, model.id) for name in self._providers for model in self._of(name))
        self._choices = [*listed, *(choice for choice in named if choice not in listed)]
        self._named = {choice: ", ".join(aliases) for choice, aliases in named.items()}
        # Beginning with the model, so that what begins as typed comes first.
        self._index = FuzzyIndex(
            [
                f"{model} {provider} {self._named.get((provider, model), '')}"
                for provider, model in self._choices
            ]
        )

    def listing(self, query: str) -> Listing:
        """What to show for the text typed: recent ones and then all by provider, or what matches, best first."""
        query = query.strip()
        lines = self._found(query) if query else self._all()
        return Listing(query, tuple(row for row, _ in lines), tuple(choice for _, choice in lines))

    def _of(self, provider: str) -> tuple[ModelInfo, ...]:
        known = self._known.get(provider)
        return known.models if known is not None else ()

    def _all(self) -> list[tuple[Row, Choice | Pull | None]]:
        lines: list[tuple[Row, Choice | Pull | None]] = []
        recent = [choice for choice in self._marks.recent if choice not in self._marks.favourites]
        for title, choices in (("favourites", self._marks.favourites), ("recent", recent)):
            if choices:
                lines.append((Row(title, is_heading=True), None))
                lines += [(self._row(choice, self._note(choice)), choice) for choice in choices]
        for provider in self._providers:
            state = state_text(self._known.get(provider), self._now)
            lines.append((Row(provider, state, is_heading=True), None))
            for model in self._of(provider):
                choice = (provider, model.id)
                lines.append((self._row(choice, _details(model, self._named.get(choice, ""))), choice))
        return lines

    def _found(self, query: str) -> list[tuple[Row, Choice | Pull | None]]:
        found = [self._choices[index] for index in self._index.search(query)]
        favourites, recent = set(self._marks.favourites), set(self._marks.recent)
        if favourites or recent:
            found.sort(key=lambda choice: 0 if choice in favourites else 1 if choice in recent else 2)
        lines: list[tuple[Row, Choice | Pull | None]] = [
            (self._row(choice, self._note(choice)), choice) for choice in found
        ]
        names = {*self._marks.aliases, *(model for _, model in found), *map("/".join, found)}
        if query not in names:
            anyway = self._unlisted(query)
            if anyway is not None:
                lines.append((Row(f"use {anyway[1]} anyway", anyway[0]), anyway))
        lines += [(Row(f"pull {pull.model}", pull.provider), pull) for pull in self._pulls(query)]
        return lines or [(Row("No model fits.", is_heading=True), None)]

    def _pulls(self, query: str) -> list[Pull]:
        """What could be fetched under the name typed, from servers that answer and do not have it."""
        provider, slash, model = query.partition("/")
        is_named = bool(slash and model and provider in self._providers)
        pulls: list[Pull] = []
        for name in self._providers:
            known = self._known.get(name)
            wanted = model if is_named else query
            if (
                name in self._marks.pulling
                and (not is_named or name == provider)
                and known is not None
                and known.error is None
                and " " not in wanted
                and not is_listed(wanted, [each.id for each in known.models])
            ):
                pulls.append(Pull(name, wanted))
        return pulls

    def _unlisted(self, query: str) -> Choice | None:
        """What a name that is in no list would mean: PROVIDER/MODEL, else a model of the present provider.

        Never one of the guide, which lists all that it has.
        """
        provider, slash, model = query.partition("/")
        if slash and model and provider in self._providers:
            return (provider, model) if provider != GUIDE else None
        present = () if self._marks.current is None else (self._marks.current[0],)
        provider = next((name for name in (*present, *self._providers) if name != GUIDE), None)
        return None if provider is None else (provider, query)

    def _note(self, choice: Choice) -> str:
        return " · ".join(filter(None, [self._named.get(choice, ""), choice[0]]))

    def _row(self, choice: Choice, note: str) -> Row:
        is_current = choice == self._marks.current
        sign = "★" if choice in self._marks.favourites else "●" if is_current else " "
        return Row(f"{sign} {choice[1]}", note, is_marked=is_current)


def state_text(known: ModelList | None, now: datetime) -> str:
    """How far a provider's list can be trusted, in words."""
    if known is None:
        return "asking"
    age = age_text(known.fetched_at, now) if known.fetched_at else ""
    if known.error is not None:
        return f"{known.error.message} Kept list, {age}." if known.models and age else known.error.message
    count = f"{len(known.models):,} model{'' if len(known.models) == 1 else 's'}"
    return f"{count} · {age}, asking again" if known.source == "cached" else count


def _details(model: ModelInfo, aliases: str) -> str:
    context = f"{tokens_text(model.context_tokens)} tok" if model.context_tokens else ""
    loaded = "loaded" if model.loaded else ""
    return " · ".join(
        filter(None, [aliases, loaded, size_text(model.size_bytes), price_text(model), context])
    )
