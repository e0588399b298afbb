"""Every setting, with its type, range and default. The docstring under a field is what the manual says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from msgspec import Meta

Seconds = Annotated[float, Meta(ge=0.1, le=86_400)]
Word = Annotated[
    str, Meta(pattern=r"^[!-~]([ -~]*[!-~])?\Z", max_length=500, description="a text in ASCII, not empty")
]
Tokens = Annotated[int, Meta(ge=1, le=1_000_000_000)]
Characters = Annotated[int, Meta(ge=0, le=10_000_000)]
Dollars = Annotated[float, Meta(ge=0, le=1_000_000)]
Retries = Annotated[int, Meta(ge=0, le=10)]
Fallback = Annotated[
    tuple[Word, ...],
    Meta(max_length=3, description='a list of up to three models such as ["groq/llama-3.3-70b-versatile"]'),
]
VariableName = Annotated[
    str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*\Z", description="the name of an environment variable")
]
ServerName = Annotated[
    str,
    Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}\Z", description="a name made of A-Z, a-z, 0-9, - and _"),
]
ProviderName = Annotated[
    str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}\Z", description="a name made of a-z, 0-9, - and _")
]
# Field names and values of RFC 9110, section 5: what is outside could start another header.
HeaderName = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+\Z", description="the name of an HTTP header")
]
HeaderValue = Annotated[
    str, Meta(pattern=r"^[!-~]([ -~]*[!-~])?\Z", description="a text in ASCII on one line")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceSettings:
    """`[interface]`: what the screen looks like and how it behaves."""

    theme: Word = "chatterm-dark"
    """Name of a palette in themes/ or in the themes folder beside the settings."""
    enter: Literal["send", "newline"] = "send"
    """What Enter does in the prompt; with "newline", Ctrl+D sends."""
    reading_width: Annotated[int, Meta(ge=20, le=1000)] = 100
    """Widest line of the transcript, in columns."""
    frames_per_second: Annotated[int, Meta(ge=1, le=120)] = 30
    """How often new text is painted while a reply streams; 10 to 15 suits a slow link."""
    escape_delay_milliseconds: Annotated[int, Meta(ge=1, le=1000)] = 25
    """How long a lone Esc waits for the rest of a key sequence; 100 suits a slow link."""
    mouse: bool = True
    """Whether the mouse is used; without it the terminal selects text itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSettings:
    """`[network]`: connections and limits of time, for all providers."""

    connect_seconds: Seconds = 5.0
    """Limit for finding the host and connecting."""
    write_seconds: Seconds = 30.0
    """Limit for sending the request while the server takes nothing."""
    first_event_seconds: Seconds = 120.0
    """Limit from the request sent to the first event."""
    first_event_seconds_with_fallback: Seconds = 30.0
    """The same where another model is asked after this one."""
    first_event_seconds_local: Seconds = 600.0
    """The same for servers on this machine, which may have to load the model, and for models that think long."""
    event_gap_seconds: Seconds = 60.0
    """Limit without a whole event once the reply has begun."""
    comments_only_seconds: Seconds = 600.0
    """Limit while the server sends nothing but keep-alive comments."""
    retries: Retries = 2
    """How often a request is made again after a failure that may pass; only before any text came."""
    retry_first_seconds: Seconds = 1.0
    """How long before the first of them; each further one waits twice as long."""
    retry_longest_seconds: Seconds = 8.0
    """The longest such wait."""
    retry_asked_seconds: Annotated[float, Meta(ge=0, le=86_400)] = 120.0
    """How long a wait is accepted that the service itself asks for."""
    continue_once: bool = False
    """Whether a reply that the network cut is continued once by itself."""
    payload_cache_megabytes: Annotated[int, Meta(ge=0, le=100_000)] = 64
    """Memory for messages encoded before, so that a growing conversation is not encoded anew; 0 for none."""
    pool_connections: Annotated[int, Meta(ge=0, le=10_000)] = 20
    """Connections kept open between turns (CHATTERM_HTTP_POOL_CONNECTIONS)."""
    pool_maxsize: Annotated[int, Meta(ge=1, le=10_000)] = 100
    """Connections open at the same time (CHATTERM_HTTP_POOL_MAXSIZE)."""
    keepalive_seconds: Annotated[float, Meta(ge=0, le=86_400)] = 300.0
    """How long an idle connection is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuideSettings:
    """`[guide]`: the built-in guide, which answers from the manual without a model."""

    words_per_second: Annotated[float, Meta(ge=0, le=100_000)] = 60.0
    """Pace at which the guide's answers appear; 0 shows them at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSettings:
    """`[cache]`: replies that are kept to answer the same request again."""

    enabled: bool = False
    """Whether a request that was answered before gets that reply again; /cache turns it on and off."""
    max_age_hours: Annotated[float, Meta(gt=0, le=87_600)] = 168.0
    """How long a reply is kept for that."""
    max_megabytes: Annotated[int, Meta(ge=1, le=100_000)] = 50
    """How much disk they may take together; the least recently used go first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetSettings:
    """`[budget]`: how much may be spent, by what providers report and prices estimate."""

    day_dollars: Dollars | None = None
    """US dollars for a day, of all conversations together; then no turn begins before the next day."""
    conversation_dollars: Dollars | None = None
    """US dollars for one conversation."""
    warn_at: Annotated[float, Meta(gt=0, le=1)] = 0.8
    """Share of them from which you are warned, once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OtelSettings:
    """`[otel]`: traces and figures for a collector of OpenTelemetry; without an endpoint nothing is sent."""

    endpoint: Word | None = None
    """Where the collector takes OTLP over HTTP, without /v1/traces."""
    content: bool = False
    """Whether prompts and replies are sent along; else the figures alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSettings:
    """`[targets]`: what `chatterm stats` and /stats call good."""

    ttft_p95_seconds: Seconds = 1.5
    """How long 95 of 100 requests may take to their first text or thought."""
    latency_p50_seconds: Seconds = 3.5
    """How long half of the requests may take in all."""
    latency_p95_seconds: Seconds = 6.0
    """How long 95 of 100 may take in all."""
    errors_percent: Annotated[float, Meta(ge=0, le=100)] = 1.0
    """Fewer requests of a hundred than this may fail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingRule:
    """`[[routing.rules]]`: which model answers a prompt. The first rule of which all conditions hold is taken."""

    model: Word
    """Who answers: PROVIDER/MODEL or an alias. Every rule needs it."""
    name: Annotated[str, Meta(max_length=100)] | None = None
    """Why, to be shown after "because" in place of the conditions."""
    prefix: Annotated[str, Meta(pattern=r"^/[!-~]{1,30}\Z", description="a word such as /fast")] | None = None
    """Word that the prompt begins with; it is not sent along."""
    pattern: Annotated[str, Meta(max_length=500, description="a text of at most 500 characters")] | None = (
        None
    )
    """Regular expression that is found in the prompt, in capitals or not."""
    shortest: Characters | None = None
    """Fewest characters of the prompt."""
    longest: Characters | None = None
    """Most characters of the prompt."""
    image: bool | None = None
    """Whether the prompt has an image."""
    code: bool | None = None
    """Whether the prompt has code, or asks for some."""
    recent: bool | None = None
    """Whether the prompt asks for recent events: "latest news", "today" and the like."""
    most_price: Dollars | None = None
    """Most that a million tokens of the model may cost, in US dollars."""
    local_only: bool | None = None
    """Whether the model must be on this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingSettings:
    """`[routing]`: rules that choose the model for a turn."""

    enabled: bool = False
    """Whether they do; /route turns it on and off."""
    rules: tuple[RoutingRule, ...] = ()
    """The rules, in their order; none stands for those that chatterm makes of the keys and models it finds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSettings:
    """`[tools]`: what models may call. Nothing is on before it is named here or with /tools."""

    enabled: tuple[Word, ...] = ()
    """Tools that are on: read_file, list_dir, search_files, write_file, edit_file, run_command, fetch_url,
    current_time, calculator, and those of `modules`."""
    modules: tuple[Word, ...] = ()
    """Python files or modules whose public functions are tools; they run inside chatterm, with all its rights."""
    root: str | None = None
    """Folder that files and commands of tools are kept in; else the one chatterm is started in."""
    workers: Annotated[int, Meta(ge=1, le=100)] = 8
    """How many tools run at the same time (CHATTERM_TOOL_WORKERS)."""
    timeout_seconds: Seconds = 30.0
    """How long a tool may take (CHATTERM_TOOL_TIMEOUT)."""
    timeouts: Mapping[str, Seconds] = field(default_factory=dict[str, float])
    """The same for single tools, by name."""
    rounds: Annotated[int, Meta(ge=1, le=1000)] = 25
    """How often in a turn the model may call tools before you are asked whether it goes on."""
    output_kilobytes: Annotated[int, Meta(ge=1, le=10_000)] = 50
    """How much of a result the model gets; all of it is kept in a file."""
    cache: bool = True
    """Whether results that are always the same are kept for the conversation."""
    sandbox: Literal["auto", "required", "off"] = "auto"
    """Whether commands run in a sandbox: where there is one, always, or never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class McpServerSettings:
    """`[mcp.NAME]`: a server whose tools, prompts and resources are used, by the Model Context Protocol."""

    command: Annotated[tuple[str, ...], Meta(max_length=100)] = ()
    """Program and arguments of a server on this machine, as a list of words; no shell is involved."""
    url: str | None = None
    """Address of a server that is reached by HTTP, in place of a command."""
    env: Mapping[VariableName, str] = field(default_factory=dict[str, str], repr=False)
    """Environment variables for the program, besides PATH, HOME, LANG, TERM and TMPDIR; in a value ${NAME} stands for
    a variable of your environment."""
    pass_env: tuple[VariableName, ...] = ()
    """Names of variables of your environment that the program gets as well."""
    headers: Mapping[HeaderName, HeaderValue] = field(default_factory=dict[str, str], repr=False)
    """Extra HTTP headers, such as one with a token; they go to this address only. ${NAME} stands for a variable."""
    folder: str | None = None
    """Folder that the program is started in; else the one of [tools] root."""
    enabled: bool = True
    """Whether it is used."""
    timeout_seconds: Seconds | None = None
    """How long a tool of the server may take; else [tools] timeout_seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """`[providers.NAME.models."MODEL"]`: one model of the service; what is set here wins over the service's."""

    options: Mapping[str, object] = field(default_factory=dict[str, object])
    """Extra request parameters."""
    headers: Mapping[HeaderName, HeaderValue] = field(default_factory=dict[str, str], repr=False)
    """Extra HTTP headers."""
    stream: bool | None = None
    """Whether replies come piece by piece."""
    context_tokens: Tokens | None = None
    """How much the model can take in, where the service does not tell."""
    output_tokens: Tokens | None = None
    """How much it can answer at most, where the service does not tell."""
    images: bool | None = None
    """Whether it takes pictures, where the service does not tell."""
    tools: bool | None = None
    """Whether it calls tools, where the service does not tell."""
    thinking: bool | None = None
    """Whether it thinks before it answers, where the service does not tell."""
    price_input: Dollars | None = None
    """US dollars for a million tokens in."""
    price_output: Dollars | None = None
    """US dollars for a million tokens out."""
    fallback: Fallback = ()
    """Who is asked, in this order, when the model fails: PROVIDER/MODEL or a model of the same service."""
    ttft_budget_seconds: Seconds | None = None
    """How long the first text may take before the next of them is asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSettings:
    """`[providers.NAME]`: one service. A NAME of your own needs `base_url`."""

    adapter: Word | None = None
    """Wire format: "openai_chat", "openai_responses", "anthropic", "gemini" or "ollama"; else "openai_chat"."""
    base_url: str | None = None
    """Where the service is, for example "http://127.0.0.1:8080/v1"."""
    api_key_env: VariableName | None = None
    """Environment variable that holds the key."""
    key_cmd: Annotated[tuple[str, ...], Meta(max_length=100)] = ()
    """Command whose first line of output is the key, as a list of words; no shell is involved."""
    model: Word | None = None
    """Model to start with."""
    headers: Mapping[HeaderName, HeaderValue] = field(default_factory=dict[str, str], repr=False)
    """Extra HTTP headers."""
    options: Mapping[str, object] = field(default_factory=dict[str, object])
    """Extra request parameters; for Ollama also num_ctx, think, keep_alive."""
    stream: bool = True
    """Whether replies come piece by piece; false for a server that cannot stream."""
    ca_file: str | None = None
    """Certificate authority file for this host."""
    allow_insecure: bool = False
    """Allow plain http to a host that is not this machine."""
    connect_seconds: Seconds | None = None
    """Overrides [network] connect_seconds."""
    first_event_seconds: Seconds | None = None
    """Overrides [network] first_event_seconds."""
    event_gap_seconds: Seconds | None = None
    """Overrides [network] event_gap_seconds."""
    models: Mapping[str, ModelSettings] = field(default_factory=dict[str, ModelSettings])
    """Settings of single models, each in a section of its own."""
    more_base_urls: Annotated[tuple[str, ...], Meta(max_length=100)] = ()
    """More addresses of the same service; a request goes to the one with the fewest at hand."""
    fallback: Fallback = ()
    """Who is asked, in this order, when a model of this service fails: PROVIDER/MODEL."""
    ttft_budget_seconds: Seconds | None = None
    """How long the first text may take before the next of them is asked."""
    retries: Retries | None = None
    """Overrides [network] retries."""
    retry_first_seconds: Seconds | None = None
    """Overrides [network] retry_first_seconds."""
    retry_longest_seconds: Seconds | None = None
    """Overrides [network] retry_longest_seconds."""
    retry_asked_seconds: Annotated[float, Meta(ge=0, le=86_400)] | None = None
    """Overrides [network] retry_asked_seconds."""
    continue_once: bool | None = None
    """Overrides [network] continue_once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings, layered: defaults, then the file, then the environment, then the command line."""

    provider: ProviderName | None = None
    """Provider to start with; else the last used, the first key found, a local Ollama, the guide."""
    model: Word | None = None
    """Model to start with."""
    system: str | None = None
    """System prompt of new conversations."""
    save: bool = True
    """Whether conversations are stored."""
    aliases: Mapping[str, Word] = field(default_factory=dict[str, str])
    """`[aliases]`: short names for models, for example fast = "groq/llama-3.1-8b-instant"."""
    interface: InterfaceSettings = field(default_factory=InterfaceSettings)
    network: NetworkSettings = field(default_factory=NetworkSettings)
    guide: GuideSettings = field(default_factory=GuideSettings)
    cache: CacheSettings = field(default_factory=CacheSettings)
    budget: BudgetSettings = field(default_factory=BudgetSettings)
    otel: OtelSettings = field(default_factory=OtelSettings)
    routing: RoutingSettings = field(default_factory=RoutingSettings)
    targets: TargetSettings = field(default_factory=TargetSettings)
    tools: ToolSettings = field(default_factory=ToolSettings)
    mcp: Mapping[ServerName, McpServerSettings] = field(default_factory=dict[str, McpServerSettings])
    providers: Mapping[ProviderName, ProviderSettings] = field(default_factory=dict[str, ProviderSettings])
    keys: Mapping[str, str] = field(default_factory=dict[str, str])
    """`[keys]`: key bindings by command id, for example stop = "escape,ctrl+x"."""
