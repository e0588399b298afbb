"""The services that speak OpenAI's Chat Completions, one row each; how they differ is in the fields."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service that chatterm knows by name.

    `adapter` names the wire format. `key_env` and `base_url_env` are environment variables in the order in
    which they are asked.
    """

    name: str
    title: str
    base_url: str = ""
    adapter: str = "openai_chat"
    key_env: tuple[str, ...] = ()
    base_url_env: tuple[str, ...] = ()
    needs_key: bool = True
    lists_models: bool = True
    images: bool = True
    asks_usage: bool = True
    """Whether `stream_options` is understood; without it usage comes unasked."""
    merges_neighbours: bool = False
    """Whether roles must alternate, so that neighbours of one role go out as one message."""
    hidden_models: str = ""
    """A regular expression: listed models that do not chat."""
    known_models: tuple[str, ...] = ()
    """Models by name, where the service's own list is of another API or missing."""


_OPENAI_HIDDEN = (
    r"^(text-embedding|whisper|tts-|dall-e|omni-moderation|text-moderation|babbage|davinci|sora"
    r"|gpt-image|gpt-audio|gpt-realtime|chatgpt-image|computer-use)"
    r"|^(gpt|o\d).*-(pro|codex|deep-research|realtime|audio|transcribe|tts|instruct)\b"
)

CATALOG: tuple[Service, ...] = (
    Service(
        name="openai",
        title="OpenAI",
        base_url="https://api.openai.com/v1",
        key_env=("OPENAI_API_KEY",),
        base_url_env=("OPENAI_BASE_URL",),
        hidden_models=_OPENAI_HIDDEN,
    ),
    Service(
        name="openrouter",
        title="OpenRouter",
        base_url="https://openrouter.ai/api/v1",
        key_env=("OPENROUTER_API_KEY",),
        asks_usage=False,
    ),
    Service(
        name="groq",
        title="Groq",
        base_url="https://api.groq.com/openai/v1",
        key_env=("GROQ_API_KEY",),
        hidden_models=r"whisper|-tts|guard|orpheus",
    ),
    Service(
        name="deepseek",
        title="DeepSeek",
        base_url="https://api.deepseek.com",
        key_env=("DEEPSEEK_API_KEY",),
        images=False,
    ),
    Service(
        name="mistral",
        title="Mistral",
        base_url="https://api.mistral.ai/v1",
        key_env=("MISTRAL_API_KEY",),
        asks_usage=False,
        merges_neighbours=True,
    ),
    Service(name="xai", title="xAI", base_url="https://api.x.ai/v1", key_env=("XAI_API_KEY",)),
    Service(
        name="together",
        title="Together",
        base_url="https://api.together.xyz/v1",
        key_env=("TOGETHER_API_KEY",),
    ),
    Service(
        name="perplexity",
        title="Perplexity",
        base_url="https://api.perplexity.ai",
        key_env=("PERPLEXITY_API_KEY", "PPLX_API_KEY"),
        lists_models=False,
        asks_usage=False,
        merges_neighbours=True,
        known_models=("sonar", "sonar-pro", "sonar-reasoning-pro", "sonar-deep-research"),
    ),
    Service(
        name="llamacpp",
        title="llama.cpp",
        base_url="http://127.0.0.1:8080/v1",
        key_env=("LLAMA_API_KEY",),
        needs_key=False,
    ),
    Service(
        name="vllm",
        title="vLLM",
        base_url="http://127.0.0.1:8000/v1",
        key_env=("VLLM_API_KEY",),
        needs_key=False,
    ),
    Service(name="lmstudio", title="LM Studio", base_url="http://127.0.0.1:1234/v1", needs_key=False),
    Service(
        name="litellm",
        title="LiteLLM",
        base_url="http://127.0.0.1:4000/v1",
        key_env=("LITELLM_API_KEY", "LITELLM_MASTER_KEY"),
        needs_key=False,
    ),
    Service(name="custom", title="the server", needs_key=False),
)
