"""Services by name."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import EntryPoint, EntryPoints

import pytest

from chatterm.backend.providers import registry
from chatterm.backend.providers.openai_chat_parameters import nearest_level
from chatterm.backend.providers.registry import adapter, adapter_of, service, service_at, services
from chatterm.config.load import VARIABLES
from chatterm.core.errors import ConfigError


def test_the_rows_are_sound() -> None:
    names = [row.name for row in services()]
    assert len(set(names)) == len(names)
    assert {
        "ollama",
        "openai",
        "openrouter",
        "llamacpp",
        "vllm",
        "lmstudio",
        "litellm",
        "custom",
        "guide",
    } <= set(names)
    for row in services():
        assert row.title
        address = row.base_url or row.address_form
        assert address.startswith(("https://", "http://127.0.0.1:")) or row.name in ("custom", "guide")
        assert not row.base_url.endswith("/")
        assert row.key_env or not row.needs_key
        re.compile(row.hidden_models)
        re.compile(row.plain_system)
        assert re.fullmatch(row.call_ids, "a" * row.call_id_length)
        for pattern, levels in row.efforts:
            re.compile(pattern)
            assert all(nearest_level("low", (level,)) in (level, None) for level in levels)


def test_the_variables_of_addresses_are_settings() -> None:
    for row in services():
        for variable in row.base_url_env:
            assert VARIABLES[variable] == ("providers", row.name, "base_url")


@pytest.mark.parametrize("name", [row.name for row in services()])
def test_every_service_has_its_adapter(name: str) -> None:
    found = adapter(name)
    assert found.name == name
    assert found.capabilities.needs_key is service(name).needs_key
    assert found.framing == ("ndjson" if name in ("ollama", "guide") else "sse")
    assert found.version >= 1


def test_a_wire_format_is_a_name_too() -> None:
    assert adapter("openai_chat") == adapter("custom")


def test_responses_are_spoken_by_openai_at_home_and_by_who_says_so() -> None:
    def spoken(name: str, adapter: str | None = None, base_url: str | None = None) -> tuple[str, str]:
        found = service_at(name, adapter, base_url)
        return found.name, found.adapter

    home, gateway = "https://api.openai.com/v1", "http://127.0.0.1:9/v1"
    assert spoken("openai") == spoken("openai", None, f"{home}/") == ("openai", "openai_responses")
    assert spoken("openai", None, gateway) == ("openai", "openai_chat")
    assert spoken("openai", "openai_chat") == ("openai", "openai_chat")
    assert spoken("openai", "openai_responses", gateway) == ("openai", "openai_responses")
    assert spoken("xai") == ("xai", "openai_chat")
    assert spoken("xai", "openai_responses") == ("xai", "openai_responses")
    assert spoken("ollama", "openai_responses", gateway) == ("custom", "openai_responses")
    assert spoken("mine", None, gateway) == ("custom", "openai_chat")
    assert spoken("mine", "openai_responses", gateway) == ("mine", "openai_responses")
    assert adapter("openai_responses").name == "openai_responses/custom"
    assert adapter_of(service_at("openai", None, None)).name == "openai_responses/openai"


def test_an_unknown_name_comes_with_the_nearest_and_the_list() -> None:
    with pytest.raises(ConfigError) as caught:
        adapter("opnai\x1b")
    assert "opnai" in caught.value.message
    assert "\x1b" not in caught.value.message
    assert "Did you mean openai?" in caught.value.hint
    assert all(row.name in caught.value.hint for row in services())


def test_a_name_like_no_other() -> None:
    with pytest.raises(ConfigError) as caught:
        service("zzz")
    assert "Did you mean" not in caught.value.hint


def test_adapters_of_others_are_found_by_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [
        EntryPoint("mine", "tests.doubles.provider:PlainAdapter", registry.ENTRY_POINTS),
        EntryPoint("broken", "chatterm.no_such_module:Adapter", registry.ENTRY_POINTS),
    ]
    monkeypatch.setattr(
        "importlib.metadata.entry_points", lambda group: EntryPoints(points).select(group=group)
    )
    assert adapter("mine").framing == "ndjson"
    with pytest.raises(ConfigError, match=r"broken.*no_such_module"):
        adapter("broken")
    with pytest.raises(ConfigError) as caught:
        adapter("other")
    assert "mine" in caught.value.hint


def test_the_registry_loads_no_adapter() -> None:
    script = (
        "import sys; import chatterm.backend.providers.registry as r; r.services();"
        "names = ('.openai_chat', '.openai_responses', '.anthropic', '.gemini', '.ollama', '.guide');"
        "bad = [m for m in sys.modules if m.endswith(names) or m == 'msgspec'];"
        "print(bad); sys.exit(bool(bad))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
