"""The services that speak OpenAI's Chat Completions, one row each; how they differ is in the fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

APP_TITLE = "chatterm"
APP_ADDRESS = "https://chatterm.example"
"""What services that count requests by program are told of this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service that chatterm knows by name.

    `adapter` names the wire format. `key_env` and `base_url_env` are environment variables in the order in
    which they are asked.
    """

    name: str
    title: str
    base_url: str = ""
    address_form: str = ""
    """How the address looks where each account has its own."""
    address_path: str = ""
    """What an address without a path is completed with."""
    api_version: str = ""
    """Azure's `api-version`, for addresses of single deployments."""
    adapter: str = "openai_chat"
    key_env: tuple[str, ...] = ()
    base_url_env: tuple[str, ...] = ()
    key_header: str = "authorization"
    headers: tuple[tuple[str, str], ...] = ()
    needs_key: bool = True
    lists_models: bool = True
    hidden_models: str = ""
    """A regular expression: listed models that do not chat."""
    known_models: tuple[str, ...] = ()
    """Models by name, where the service's own list is of another API or missing."""
    images: bool = True
    documents: Literal["", "file", "file_url", "document_url"] = ""
    """The type of content part that PDF files go out as; none where they are not read."""
    asks_usage: bool = True
    """Whether `stream_options` is understood; without it usage comes unasked."""
    streams_tools_by: str = ""
    """The field that has the arguments of tool calls streamed."""
    merges_neighbours: bool = False
    """Whether roles must alternate, from a user to a user or a tool."""
    plain_system: str = ""
    """A regular expression: models that take no system prompt; the user says it."""
    call_ids: str = ".{1,40}"
    """A regular expression: ids of tool calls that are taken; others are replaced by `call_id_length` characters."""
    call_id_length: int = 24
    echoes_reasoning: bool = False
    """Whether a message with tool calls must carry its reasoning, empty or not (`reasoning_content`)."""
    reasoning_details: bool = False
    """Whether `reasoning_details` come, and are wanted back unmodified."""
    max_tokens: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    seed: str = "seed"
    thinking: Literal["effort", "object", "toggle", "template"] = "effort"
    """How effort is asked for: `reasoning_effort`; `reasoning` {effort, max_tokens}; `thinking` {type} with
    `reasoning_effort`; `chat_template_kwargs`."""
    efforts: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Levels that models take, by a regular expression for the model; the first that fits, else all levels."""
    schema: Literal["json_schema", "json_object"] = "json_schema"
    """How a reply in JSON is asked for; a `json_object` is told its schema in the system prompt."""
    prefill: Literal["", "last", "prefix", "final"] = ""
    """How a reply that comes last is gone on with: without being told, by `prefix` in it, or by vLLM's
    `continue_final_message`; where it is not, the model is asked for it in words."""
    prefill_models: str = ""
    """A regular expression: the models that do."""
    prefill_path: str = ""
    """What the address ends in for that."""
    web_search: Literal["", "plugin", "options"] = ""
    """How a search is asked for; not where the service has none, or always searches."""


_OPENAI_HIDDEN = (
    r"^(text-embedding|whisper|tts-|dall-e|omni-moderation|text-moderation|babbage|davinci|sora"
    r"|gpt-image|gpt-audio|gpt-realtime|chatgpt-image|computer-use)"
    r"|^(gpt|o\d).*-(pro|codex|deep-research|realtime|audio|transcribe|tts|instruct)\b"
)

_LOW_TO_HIGH = (("", ("low", "medium", "high")),)
_LOW_HIGH_MAX = (("", ("low", "high", "max")),)

CATALOG: tuple[Service, ...] = (
    Service(
        name="openai",
        title="OpenAI",
        base_url="https://api.openai.com/v1",
        key_env=("OPENAI_API_KEY",),
        base_url_env=("OPENAI_BASE_URL",),
        hidden_models=_OPENAI_HIDDEN,
        documents="file",
        plain_system=r"^o1-(mini|preview)",
        max_tokens="max_completion_tokens",
        web_search="options",
    ),
    Service(
        name="openrouter",
        title="OpenRouter",
        base_url="https://openrouter.ai/api/v1",
        key_env=("OPENROUTER_API_KEY",),
        headers=(("http-referer", APP_ADDRESS), ("x-openrouter-title", APP_TITLE)),
        documents="file",
        asks_usage=False,
        reasoning_details=True,
        thinking="object",
        prefill="last",
        prefill_models=r"^(?!~|(openai|anthropic|google|x-ai|perplexity|openrouter)/)",
        web_search="plugin",
    ),
    Service(
        name="groq",
        title="Groq",
        base_url="https://api.groq.com/openai/v1",
        key_env=("GROQ_API_KEY",),
        hidden_models=r"whisper|-tts|guard|orpheus",
        max_tokens="max_completion_tokens",
        efforts=(("qwen", ("none", "default")), *_LOW_TO_HIGH),
        prefill="last",
        prefill_models="llama",
    ),
    Service(
        name="deepseek",
        title="DeepSeek",
        base_url="https://api.deepseek.com",
        key_env=("DEEPSEEK_API_KEY",),
        images=False,
        echoes_reasoning=True,
        thinking="toggle",
        efforts=_LOW_HIGH_MAX,
        schema="json_object",
        prefill="prefix",
        prefill_path="/beta",
    ),
    Service(
        name="mistral",
        title="Mistral",
        base_url="https://api.mistral.ai/v1",
        key_env=("MISTRAL_API_KEY",),
        documents="document_url",
        asks_usage=False,
        merges_neighbours=True,
        call_ids="[A-Za-z0-9]{9}",
        call_id_length=9,
        seed="random_seed",
        efforts=(("", ("none", "high")),),
        prefill="prefix",
    ),
    Service(
        name="xai",
        title="xAI",
        base_url="https://api.x.ai/v1",
        key_env=("XAI_API_KEY",),
        hidden_models=r"image|video",
        max_tokens="max_completion_tokens",
        efforts=(("grok-3-mini", ("low", "high")), ("", ("none", "low", "medium", "high"))),
    ),
    Service(
        name="perplexity",
        title="Perplexity",
        base_url="https://api.perplexity.ai",
        key_env=("PERPLEXITY_API_KEY", "PPLX_API_KEY"),
        lists_models=False,
        known_models=("sonar", "sonar-pro", "sonar-reasoning-pro", "sonar-deep-research"),
        documents="file_url",
        asks_usage=False,
        merges_neighbours=True,
        seed="",
        efforts=(("", ("minimal", "low", "medium", "high")),),
    ),
    Service(
        name="azure",
        title="Azure OpenAI",
        address_form="https://RESOURCE.openai.azure.com/openai/v1",
        address_path="/openai/v1",
        api_version="2024-10-21",
        key_env=("AZURE_OPENAI_API_KEY",),
        base_url_env=("AZURE_OPENAI_ENDPOINT",),
        key_header="api-key",
        lists_models=False,  # what is listed are models of the region, not deployments
        documents="file",
        max_tokens="max_completion_tokens",
    ),
    Service(
        name="together",
        title="Together",
        base_url="https://api.together.xyz/v1",
        key_env=("TOGETHER_API_KEY",),
        efforts=(("", ("low", "medium", "high", "max")),),
    ),
    Service(
        name="cerebras",
        title="Cerebras",
        base_url="https://api.cerebras.ai/v1",
        key_env=("CEREBRAS_API_KEY",),
        images=False,
        max_tokens="max_completion_tokens",
        efforts=(("glm", ("none",)), *_LOW_TO_HIGH),
    ),
    Service(
        name="zai",
        title="Z.ai",
        base_url="https://api.z.ai/api/paas/v4",
        key_env=("ZAI_API_KEY",),
        streams_tools_by="tool_stream",
        echoes_reasoning=True,
        thinking="toggle",
        efforts=_LOW_HIGH_MAX,
        schema="json_object",
    ),
    Service(
        name="huggingface",
        title="Hugging Face",
        base_url="https://router.huggingface.co/v1",
        key_env=("HF_TOKEN", "HUGGINGFACE_API_KEY"),
        efforts=_LOW_TO_HIGH,
    ),
    Service(
        name="cloudflare",
        title="Cloudflare",
        address_form="https://api.cloudflare.com/client/v4/accounts/ACCOUNT/ai/v1",
        key_env=("CLOUDFLARE_API_TOKEN",),
        base_url_env=("CLOUDFLARE_ACCOUNT_ID",),
        lists_models=False,
        efforts=_LOW_TO_HIGH,
    ),
    Service(
        name="llamacpp",
        title="llama.cpp",
        base_url="http://127.0.0.1:8080/v1",
        key_env=("LLAMA_API_KEY",),
        needs_key=False,
        thinking="template",
        prefill="last",
    ),
    Service(
        name="vllm",
        title="vLLM",
        base_url="http://127.0.0.1:8000/v1",
        key_env=("VLLM_API_KEY",),
        needs_key=False,
        prefill="final",
    ),
    Service(name="lmstudio", title="LM Studio", base_url="http://127.0.0.1:1234/v1", needs_key=False),
    Service(
        name="litellm",
        title="LiteLLM",
        base_url="http://127.0.0.1:4000/v1",
        key_env=("LITELLM_API_KEY", "LITELLM_MASTER_KEY"),
        needs_key=False,
        documents="file",
    ),
    Service(name="custom", title="the server", needs_key=False),
)
