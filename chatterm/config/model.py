"""Every setting, with its type and default. The docstring under a field is what the manual says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceSettings:
    """`[interface]`: what the screen looks like and how it behaves."""

    theme: str = "chatterm-dark"
    """Name of a palette in themes/ or in the themes folder beside the settings."""
    enter: Literal["send", "newline"] = "send"
    """What Enter does in the prompt; with "newline", Ctrl+D sends."""
    reading_width: int = 100
    """Widest line of the transcript, in columns."""
    frames_per_second: int = 30
    """How often new text is painted while a reply streams; 10 to 15 suits a slow link."""
    escape_delay_milliseconds: int = 25
    """How long a lone Esc waits for the rest of a key sequence; 100 suits a slow link."""
    mouse: bool = True
    """Whether the mouse is used; without it the terminal selects text itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSettings:
    """`[network]`: connections and limits of time, for all providers."""

    connect_seconds: float = 5.0
    """Limit for finding the host and connecting."""
    write_seconds: float = 30.0
    """Limit for sending the request while the server takes nothing."""
    first_event_seconds: float = 120.0
    """Limit from the request sent to the first event."""
    first_event_seconds_local: float = 600.0
    """The same for servers on this machine, which may have to load the model."""
    event_gap_seconds: float = 60.0
    """Limit without a whole event once the reply has begun."""
    comments_only_seconds: float = 600.0
    """Limit while the server sends nothing but keep-alive comments."""
    pool_connections: int = 20
    """Connections kept open between turns (CHATTERM_HTTP_POOL_CONNECTIONS)."""
    pool_maxsize: int = 100
    """Connections open at the same time (CHATTERM_HTTP_POOL_MAXSIZE)."""
    keepalive_seconds: float = 300.0
    """How long an idle connection is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuideSettings:
    """`[guide]`: the built-in guide, which answers from the manual without a model."""

    words_per_second: float = 60.0
    """Pace at which the guide's answers appear; 0 shows them at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSettings:
    """`[providers.NAME]`: one service. A NAME of your own needs `base_url`."""

    adapter: str | None = None
    """Wire format: "openai_chat" or "ollama"; a service of your own speaks "openai_chat"."""
    base_url: str | None = None
    """Where the service is, for example "http://127.0.0.1:8080/v1"."""
    api_key_env: str | None = None
    """Environment variable that holds the key."""
    key_cmd: tuple[str, ...] = ()
    """Command whose first line of output is the key, as a list of words; no shell is involved."""
    model: str | None = None
    """Model to start with."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Extra HTTP headers."""
    options: Mapping[str, object] = field(default_factory=dict[str, object])
    """Extra request parameters, for example { temperature = 0.2 }; for Ollama also num_ctx, think, keep_alive."""
    ca_file: str | None = None
    """Certificate authority file for this host."""
    allow_insecure: bool = False
    """Allow plain http to a host that is not this machine."""
    connect_seconds: float | None = None
    """Overrides [network] connect_seconds."""
    first_event_seconds: float | None = None
    """Overrides [network] first_event_seconds."""
    event_gap_seconds: float | None = None
    """Overrides [network] event_gap_seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings, layered: defaults, then the file, then the environment, then the command line."""

    provider: str | None = None
    """Provider to start with; else the last used, else the first key found, else a local Ollama, else the guide."""
    model: str | None = None
    """Model to start with."""
    system: str | None = None
    """System prompt of new conversations."""
    save: bool = True
    """Whether conversations are stored."""
    interface: InterfaceSettings = field(default_factory=InterfaceSettings)
    network: NetworkSettings = field(default_factory=NetworkSettings)
    guide: GuideSettings = field(default_factory=GuideSettings)
    providers: Mapping[str, ProviderSettings] = field(default_factory=dict[str, ProviderSettings])
    keys: Mapping[str, str] = field(default_factory=dict[str, str])
    """`[keys]`: key bindings by command id, for example stop = "escape,ctrl+x"."""
