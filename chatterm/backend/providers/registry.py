"""Services and their adapters by name. No adapter is imported before it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, cast

from chatterm.backend.providers.catalog import CATALOG, Service
from chatterm.core.clean import clean_line
from chatterm.core.errors import ConfigError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoints

    from chatterm.backend.providers.base import ProviderAdapter
    from chatterm.backend.providers.batch_formats import BatchFormat

ENTRY_POINTS = "chatterm.providers"
"""Entry point group for adapters of others: each names a callable without arguments that gives an adapter."""

OLLAMA = Service(
    name="ollama",
    title="Ollama",
    adapter="ollama",
    base_url="http://127.0.0.1:11434",
    base_url_env=("OLLAMA_HOST",),
    key_env=("OLLAMA_API_KEY",),
    needs_key=False,
)

GEMINI = Service(
    name="gemini",
    title="Gemini",
    adapter="gemini",
    base_url="https://generativelanguage.googleapis.com/v1beta",
    base_url_env=("GOOGLE_GEMINI_BASE_URL",),
    key_env=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
)

ANTHROPIC = Service(
    name="anthropic",
    title="Anthropic",
    adapter="anthropic",
    base_url="https://api.anthropic.com",
    base_url_env=("ANTHROPIC_BASE_URL",),
    key_env=("ANTHROPIC_API_KEY",),
)

GUIDE = Service(name="guide", title="Guide", adapter="guide", needs_key=False)

CUSTOM = "custom"
"""The service of which nothing is known but an address."""

_SERVICES = (OLLAMA, *CATALOG, ANTHROPIC, GEMINI, GUIDE)

_WIRE_FORMATS = {
    "openai_chat": CUSTOM,
    "openai_responses": CUSTOM,
    "ollama": "ollama",
    "anthropic": "anthropic",
    "gemini": "gemini",
}
"""Names of wire formats that settings may use, with the service that says nothing more than that."""

_OPENAI_FORMATS = ("openai_chat", "openai_responses")
"""Wire formats that one service speaks at one address."""

_AT_HOME = {"openai": "openai_responses"}
"""Services that speak another wire format at their own address than servers that take their place."""


def services() -> tuple[Service, ...]:
    """All services that chatterm knows, Ollama and the guide included."""
    return _SERVICES


def service(name: str) -> Service:
    """The service, or the wire format, of this name. Raises `ConfigError` for an unknown one."""
    wanted = _WIRE_FORMATS.get(name, name)
    found = next((row for row in _SERVICES if row.name == wanted), None)
    if found is not None:
        return replace(found, adapter=name) if name in _OPENAI_FORMATS else found
    if name in _outside().names:
        return Service(name=name, title=name, adapter=name, needs_key=False)
    raise _unknown(name)


def service_at(name: str, adapter: str | None, base_url: str | None) -> Service:
    """The service of a provider whose settings give it this wire format and this address; None for neither.

    Raises `ConfigError` for an unknown provider or wire format.
    """
    known = service(name) if is_known(name) else None
    if known is not None and adapter in _OPENAI_FORMATS and known.adapter in _OPENAI_FORMATS:
        return replace(known, adapter=adapter)
    if adapter is not None and (known is None or known.adapter != adapter):
        return wire_format(adapter, name)
    if known is None and base_url is not None:
        return service(CUSTOM)
    if name in _AT_HOME and known is not None and (base_url or known.base_url).rstrip("/") == known.base_url:
        return replace(known, adapter=_AT_HOME[name])
    return known or service(name)


def is_known(name: str) -> bool:
    """Whether there is a service, or a wire format, of this name."""
    return name in _WIRE_FORMATS or any(row.name == name for row in _SERVICES) or name in _outside().names


def split_model(name: str, is_provider: Callable[[str], bool]) -> tuple[str | None, str]:
    """`P/M` as provider and model where P is a provider; else the whole is the model: many ids hold a slash."""
    provider, slash, model = name.partition("/")
    return (provider, model) if slash and model and is_provider(provider) else (None, name)


def key_variables_of(name: str) -> tuple[str, ...]:
    """The variables that hold the key of the service of this name; none for a name that is no service's."""
    return next((row.key_env for row in _SERVICES if row.name == name), ())


def wire_format(name: str, provider: str) -> Service:
    """The service that says no more than what it speaks. Raises `ConfigError` for what is no wire format.

    `provider` is the one whose settings name it. A service is none: its host and key are its own.
    """
    if name in _WIRE_FORMATS:
        # What one server sealed must not go to another: those of the user's own are told apart by name.
        own = name == "openai_responses" and not is_known(provider)
        return replace(service(name), name=provider) if own else service(name)
    if name in _outside().names:
        return Service(name=name, title=name, adapter=name, needs_key=False)
    spoken = next((row.adapter for row in _SERVICES if row.name == name and row.adapter in _WIRE_FORMATS), "")
    meant = f"{name} is a service that speaks {spoken}. " if spoken else ""
    known = ", ".join([*_WIRE_FORMATS, *sorted(_outside().names)])
    setting = f"providers.{provider}.adapter"
    raise ConfigError(
        f"{setting} is {clean_line(name, 80)!r}, which is no wire format.",
        f"{meant}Known: {known}.",
        key=setting,
    )


def adapter(name: str) -> ProviderAdapter:
    """The adapter for the service or wire format of this name. Raises `ConfigError`."""
    return adapter_of(service(name))


def adapter_of(row: Service) -> ProviderAdapter:
    """The adapter that the service names. Raises `ConfigError`."""
    made: ProviderAdapter
    match row.adapter:
        case "openai_chat":
            from chatterm.backend.providers.openai_chat import OpenAIChat

            made = OpenAIChat(row)
        case "openai_responses":
            from chatterm.backend.providers.openai_responses import OpenAIResponses

            made = OpenAIResponses(row)
        case "anthropic":
            from chatterm.backend.providers.anthropic import Anthropic

            made = Anthropic()
        case "ollama":
            from chatterm.backend.providers.ollama import Ollama

            made = Ollama()
        case "gemini":
            from chatterm.backend.providers.gemini import Gemini

            made = Gemini()
        case "guide":
            from chatterm.backend.providers.guide import GuideAdapter

            made = GuideAdapter()
        case outside:
            made = _load_outside(outside)
    return made


def _outside() -> EntryPoints:
    from importlib.metadata import entry_points

    return entry_points(group=ENTRY_POINTS)


def _load_outside(name: str) -> ProviderAdapter:
    (point, *_) = _outside().select(name=name)
    try:
        return cast("Callable[[], ProviderAdapter]", point.load())()
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"The adapter {name!r} ({point.value}) cannot be loaded: {clean_line(str(error))}.",
            "Install the package that brings it again, or pick another provider.",
        ) from error


def _unknown(name: str) -> ConfigError:
    known = sorted({row.name for row in _SERVICES} | _outside().names)
    near = get_close_matches(name, known, 1)
    meant = f"Did you mean {near[0]}? " if near else ""
    return ConfigError(
        f"There is no provider called {clean_line(name, 80)!r}.",
        f"{meant}Known: {', '.join(known)}. A service of your own needs a base_url in [providers.NAME].",
    )


def batch_format_of(adapter: ProviderAdapter) -> BatchFormat | None:
    """The batch interface of who speaks this wire format; None where there is none."""
    if adapter.name == "anthropic":
        from chatterm.backend.providers.batch_anthropic import AnthropicBatches

        return AnthropicBatches()
    if adapter.name in ("openai", "openai_responses/openai"):
        from chatterm.backend.providers.batch_openai import OpenAIBatches

        return OpenAIBatches()
    return None
