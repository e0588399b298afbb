"""From names to endpoints: whose key goes where, and what is said where something is missing."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from chatterm.backend.fallback import with_chain
from chatterm.backend.first_model import Choice, Wanted, first_model, split_model
from chatterm.backend.providers.base import Endpoint
from chatterm.core.errors import AuthenticationError, ConfigError
from tests.backend.conftest import MakeLists, MakeTargets
from tests.doubles.server import ScriptedServer
from tests.doubles.server_replies import whole


async def test_a_key_from_the_environment_goes_to_its_own_service(make_targets: MakeTargets) -> None:
    found = make_targets(OPENAI_API_KEY="sk-secret")
    target = found.resolve("openai", "gpt")
    endpoint = await target.endpoint()
    assert (endpoint.base_url, endpoint.api_key) == ("https://api.openai.com/v1", "sk-secret")
    assert endpoint.key_source == "environment OPENAI_API_KEY"
    assert "sk-secret" not in repr(endpoint) + repr(target) + repr(found)
    assert (await found.endpoint("ollama")).api_key is None


async def test_a_missing_key_names_the_variable(make_targets: MakeTargets) -> None:
    with pytest.raises(AuthenticationError) as caught:
        await make_targets().endpoint("openai")
    assert "OpenAI" in caught.value.message
    assert "OPENAI_API_KEY" in caught.value.hint


async def test_a_server_of_ones_own_needs_no_key(make_targets: MakeTargets) -> None:
    text = '[providers.openai]\nbase_url = "http://127.0.0.1:9/v1"\n[providers.mine]\nbase_url = "http://127.0.0.1:8/v1"'
    found = make_targets(text)
    assert (await found.endpoint("openai")).api_key is None
    mine = await found.endpoint("mine")
    assert (mine.base_url, mine.is_local) == ("http://127.0.0.1:8/v1", True)
    assert found.resolve("mine", "m").host == "127.0.0.1:8"


def test_what_is_offered(make_targets: MakeTargets) -> None:
    text = '[providers.mine]\nbase_url = "http://127.0.0.1:8/v1"'
    found = make_targets(text, GROQ_API_KEY="x" * 20)
    assert found.configured() == ("mine", "groq", "ollama", "guide")
    assert found.first_with_key() == "groq"
    assert make_targets().first_with_key() is None


def test_a_key_without_an_address_offers_nothing(make_targets: MakeTargets) -> None:
    found = make_targets("", AZURE_OPENAI_API_KEY="x" * 20)
    assert found.first_with_key() is None
    with pytest.raises(ConfigError, match="no address") as caught:
        found.resolve("azure", "m")
    assert "https://RESOURCE.openai.azure.com/openai/v1" in caught.value.hint
    text = '[providers.azure]\nbase_url = "https://r.openai.azure.com"'
    assert make_targets(text, AZURE_OPENAI_API_KEY="x" * 20).first_with_key() == "azure"


def test_unknown_and_refused_providers_are_named(make_targets: MakeTargets) -> None:
    found = make_targets('[providers.mine]\nbase_url = "http://10.0.0.8/v1"')
    with pytest.raises(ConfigError, match="'opnai'") as caught:
        found.resolve("opnai", "m")
    assert "Did you mean openai?" in caught.value.hint
    with pytest.raises(ConfigError, match="not this machine"):
        found.resolve("mine", "m")
    with pytest.raises(ConfigError, match="no address"):
        found.resolve("custom", "m")


def test_local_servers_get_time_to_load(make_targets: MakeTargets) -> None:
    found = make_targets("[providers.ollama]\nevent_gap_seconds = 7\n")
    ollama, openai = found.resolve("ollama", "m").limits, found.resolve("openai", "m").limits
    assert (ollama.first_event_seconds, ollama.event_gap_seconds) == (600.0, 7.0)
    assert (openai.first_event_seconds, openai.event_gap_seconds) == (120.0, 60.0)


async def test_a_key_of_a_service_goes_to_no_other_host(make_targets: MakeTargets) -> None:
    address = 'base_url = "https://foreign.example/v1"'
    text = (
        f'[providers.mine]\nadapter = "openai_chat"\n{address}\n'
        f'[providers.box]\nadapter = "ollama"\n{address}\n'
        f'[providers.named]\napi_key_env = "WORK"\n{address}\n'
    )
    keys = {
        name: f"the-key-of-{name}" for name in ("OPENAI_API_KEY", "OLLAMA_API_KEY", "BOX_API_KEY", "WORK")
    }
    found = make_targets(text, **keys)
    sent = {name: (await found.endpoint(name)).api_key for name in ("mine", "box", "named", "openai")}
    assert sent == {
        "mine": None,
        "box": "the-key-of-BOX_API_KEY",
        "named": "the-key-of-WORK",
        "openai": "the-key-of-OPENAI_API_KEY",
    }


@pytest.mark.parametrize(
    ("adapter", "hint"), [("openai", "speaks openai_chat"), ("zzz", "Known: openai_chat,")]
)
async def test_an_adapter_that_is_no_wire_format_is_refused(
    make_targets: MakeTargets, adapter: str, hint: str
) -> None:
    text = f'[providers.mine]\nadapter = "{adapter}"\nbase_url = "https://foreign.example/v1"\n'
    found = make_targets(text, OPENAI_API_KEY="sk-secret")
    assert "mine" in found.configured()
    with pytest.raises(ConfigError, match=f"providers.mine.adapter is '{adapter}'") as caught:
        found.resolve("mine", "m")
    assert hint in caught.value.hint
    with pytest.raises(ConfigError, match="no wire format"):
        await found.endpoint("mine")


async def test_a_service_that_says_its_own_format_stays_what_it_is(make_targets: MakeTargets) -> None:
    found = make_targets('[providers.openai]\nadapter = "openai_chat"\n', OPENAI_API_KEY="k" * 20)
    assert found.resolve("openai", "m").host == "api.openai.com"
    assert found.service("openai").needs_key


def key_command(tmp_path: Path) -> tuple[str, Path]:
    """Settings with a command that gives key-1, then key-2, ...; and the file that has an x for each run."""
    log = tmp_path / "asked"
    script = (
        f"import pathlib; log = pathlib.Path({str(log)!r}); log.touch();"
        "log.write_text(log.read_text() + 'x'); print('the-key', len(log.read_text()), sep='-')"
    )
    return f"[providers.openai]\nkey_cmd = {json.dumps([sys.executable, '-c', script])}\n", log


async def test_a_key_command_is_asked_once(make_targets: MakeTargets, tmp_path: Path) -> None:
    text, log = key_command(tmp_path)
    found = make_targets(text)
    impatient = asyncio.ensure_future(found.endpoint("openai"))
    others = [asyncio.ensure_future(found.endpoint("openai")) for _ in range(3)]
    await asyncio.sleep(0)
    impatient.cancel()
    assert [(await other).api_key for other in others] == ["the-key-1"] * 3
    assert (await found.endpoint("openai")).api_key == "the-key-1"
    assert log.read_text() == "x"


async def test_a_refused_key_is_asked_for_again(make_targets: MakeTargets, tmp_path: Path) -> None:
    text, _ = key_command(tmp_path)
    target = make_targets(text).resolve("openai", "m")
    assert (await target.endpoint()).api_key == "the-key-1"
    assert target.forget_key is not None
    target.forget_key()
    assert (await target.endpoint()).api_key == "the-key-2"


async def test_a_failed_command_is_asked_again(make_targets: MakeTargets, tmp_path: Path) -> None:
    command = json.dumps(["cat", str(tmp_path / "key")])
    found = make_targets(f"[providers.openai]\nkey_cmd = {command}\n")
    with pytest.raises(ConfigError, match="failed with status 1"):
        await found.endpoint("openai")
    (tmp_path / "key").write_text("the-key\n")
    assert (await found.endpoint("openai")).api_key == "the-key"


async def test_all_that_is_secret_is_known(make_targets: MakeTargets, tmp_path: Path) -> None:
    text, _ = key_command(tmp_path)
    own = 'api_key_env = "WORK"\nbase_url = "http://127.0.0.1:8/v1"\n'
    headers = 'headers = { X-Api-Key = "in-a-header", X-Title = "chatterm" }\n'
    found = make_targets(
        f"{text}[providers.mine]\n{own}{headers}", WORK="in-work", LITELLM_MASTER_KEY="master"
    )
    assert sorted(found.keys.secrets()) == ["in-a-header", "in-work", "master"]
    await found.endpoint("openai")
    assert "the-key-1" in found.keys.secrets()


async def test_whether_ollama_has_the_model_loaded_is_asked_of_it(make_targets: MakeTargets) -> None:
    async with ScriptedServer() as server:
        found = make_targets(OLLAMA_HOST=f"127.0.0.1:{server.port}")
        listed = {"models": [{"name": "llama3:latest", "model": "llama3:latest"}]}
        server.routes["/api/ps"] = lambda _: whole(listed)
        for model, loaded in (("llama3", True), ("qwen3", False)):
            probe = found.resolve("ollama", model).is_loaded
            assert probe is not None
            assert await probe() is loaded
        server.routes["/api/ps"] = lambda _: whole("broken", status=500)
        probe = found.resolve("ollama", "llama3").is_loaded
        assert probe is not None
        assert await probe() is None
    assert found.resolve("openai", "m").is_loaded is None


async def test_an_address_of_a_conversation_is_used_unless_another_is_asked_for(
    make_targets: MakeTargets,
) -> None:
    found = make_targets(CUSTOM_API_KEY="the-key")
    there = found.at("custom", "http://127.0.0.1:8/v1").resolve("custom", "m")
    assert (there.base_url, there.host) == ("http://127.0.0.1:8/v1", "127.0.0.1:8")
    assert (await there.endpoint()).base_url == "http://127.0.0.1:8/v1"
    asked = found.at("custom", "http://127.0.0.1:8/v1").at("custom", "http://127.0.0.1:9/v1")
    assert asked.address("custom") == "http://127.0.0.1:8/v1"
    assert found.at("custom", None) is found
    assert found.resolve("openai", "m").base_url is None


def test_an_address_that_was_stored_is_checked_again(make_targets: MakeTargets) -> None:
    found = make_targets()
    with pytest.raises(ConfigError, match="not this machine"):
        found.at("custom", "http://10.0.0.8/v1").resolve("custom", "m")
    with pytest.raises(ConfigError, match="scheme"):
        found.at("custom", "file:///etc").resolve("custom", "m")


async def test_what_is_set_for_one_model_wins_over_its_service(make_targets: MakeTargets) -> None:
    found = make_targets(
        '[providers.openai]\noptions = { top_p = 0.5, user = "me" }\nheaders = { X-A = "a", X-B = "b" }\n'
        '[providers.openai.models."gpt/x:1"]\noptions = { top_p = 0.9 }\nheaders = { X-B = "c" }\n'
        "stream = false\noutput_tokens = 8192\n",
        OPENAI_API_KEY="sk-secret",
    )
    special, usual = found.resolve("openai", "gpt/x:1"), found.resolve("openai", "gpt")
    assert special.options == {"top_p": 0.9, "user": "me"} and usual.options == {"top_p": 0.5, "user": "me"}
    assert (special.streams, special.max_output_tokens) == (False, 8192)
    assert (usual.streams, usual.max_output_tokens) == (True, None)
    assert (await special.endpoint()).headers == {"X-A": "a", "X-B": "c"}
    assert (await usual.endpoint()).headers == {"X-A": "a", "X-B": "b"}


async def test_a_model_that_is_not_in_memory_is_loaded_as_the_turn_will_want_it(
    make_targets: MakeTargets,
) -> None:
    async with ScriptedServer(models=("llama3",)) as server:
        found = make_targets(
            f'[providers.ollama]\nbase_url = "{server.base_url("ollama")}"\noptions = {{ keep_alive = "9m" }}\n'
        )
        loaded, missing = found.resolve("ollama", "llama3"), found.resolve("ollama", "other")
        assert loaded.warm is not None and missing.warm is not None
        await loaded.warm({})
        assert server.chats == []
        await missing.warm({**missing.options, "num_ctx": 8192})
        [chat] = server.chats
        assert chat.json["messages"] == [] and chat.json["stream"] is False
        assert (chat.json["options"], chat.json["keep_alive"]) == ({"num_ctx": 8192}, "9m")
        assert len(server.connections) == 1


async def test_a_hosted_model_has_its_connection_made(make_targets: MakeTargets) -> None:
    asked: list[tuple[str | None, float]] = []

    async def connect(endpoint: Endpoint, seconds: float) -> None:
        asked.append((endpoint.api_key, seconds))

    found = replace(make_targets(OPENAI_API_KEY="sk-secret"), connect=connect)
    warm = found.resolve("openai", "gpt").warm
    assert warm is not None
    await warm({})
    assert asked == [("sk-secret", 5.0)]
    assert found.resolve("guide", "manual").warm is None


def test_who_answers_at_another_address_is_not_called_by_the_service(make_targets: MakeTargets) -> None:
    found = make_targets(
        '[providers.openai]\nbase_url = "http://127.0.0.1:9/v1"\n'
        '[providers.groq]\nbase_url = "https://api.groq.com/openai/v1/"\n'
        '[providers.llamacpp]\nbase_url = "http://127.0.0.1:8081/v1"\n'
        '[providers.mine]\nbase_url = "https://llm.example/v1"\n'
    )
    titles = {name: found.service(name).title for name in ("openai", "groq", "llamacpp", "mine", "mistral")}
    assert titles == {
        "openai": "127.0.0.1:9",
        "groq": "Groq",
        "llamacpp": "llama.cpp",
        "mine": "llm.example",
        "mistral": "Mistral",
    }


async def test_an_alias_stands_for_a_model(make_targets: MakeTargets, make_lists: MakeLists) -> None:
    found = make_targets('[aliases]\nfast = "groq/llama-8b"\nlocal = "llama3"\n')
    assert split_model("fast", found) == ("groq", "llama-8b")
    assert split_model("local", found) == (None, "llama3")
    wanted = Wanted(provider="ollama", model="fast")
    assert await first_model(wanted, found, make_lists(found)) == Choice("groq", "llama-8b")
    wanted = Wanted(provider="ollama", model="local")
    assert await first_model(wanted, found, make_lists(found)) == Choice("ollama", "llama3")


async def test_a_service_with_several_addresses_and_somebody_in_its_place(make_targets: MakeTargets) -> None:
    found = make_targets(
        '[aliases]\nspare = "groq/llama"\n'
        '[providers.box]\nbase_url = "http://127.0.0.1:1/v1"\nmore_base_urls = ["http://127.0.0.1:2/v1"]\n'
        'retries = 5\nretry_first_seconds = 0.5\nfallback = ["spare", "box/other", "big"]\n'
        '[providers.box.models.big]\nfallback = ["box/big", "nope/x"]\nttft_budget_seconds = 3\n'
    )
    box = found.resolve("box", "m")
    assert box.addresses == ("http://127.0.0.1:1/v1", "http://127.0.0.1:2/v1")
    with found.states.asking("http://127.0.0.1:1/v1"):
        assert (await box.endpoint()).base_url == "http://127.0.0.1:2/v1"
    assert (box.retries.retries, box.retries.first_seconds, box.retries.longest_seconds) == (5, 0.5, 8.0)
    assert found.resolve("groq", "llama").retries.retries == 2
    assert box.fallbacks is not None and box.ttft_budget_seconds is None
    big = found.resolve("box", "big")
    assert big.ttft_budget_seconds == 3 and big.limits.first_event_seconds == 3
    assert found.at("box", "http://127.0.0.1:9/v1").resolve("box", "m").addresses == (
        "http://127.0.0.1:9/v1",
    )


def test_a_chain_has_each_once_and_never_the_model_itself(make_targets: MakeTargets) -> None:
    found = make_targets(
        '[providers.groq]\nfallback = ["a", "groq/a", "openai/gpt"]\n'
        '[providers.groq.models.b]\nfallback = ["nowhere/x", "b"]\n'
    )
    chain = found.resolve("groq", "a").fallbacks
    assert chain is not None
    assert [(other.provider, other.model) for other in chain()] == [("openai", "gpt")]
    names = found.resolve("groq", "b").fallbacks
    assert names is not None
    assert [(other.provider, other.model) for other in names()] == [("groq", "nowhere/x")]
    assert found.resolve("groq", "a").limits.first_event_seconds == 30
    set_here = with_chain(found, "groq", "a", ["openai/gpt-5"]).resolve("groq", "a").fallbacks
    assert set_here is not None and [other.model for other in set_here()] == ["gpt-5"]
    assert with_chain(found, "groq", "a", ()).resolve("groq", "a").fallbacks is None
    assert with_chain(found, "groq", "a", None) is found
    assert found.resolve("openai", "gpt-4o").limits.first_event_seconds == 120


def test_who_cannot_be_asked_at_all_does_not_spoil_a_chain(make_targets: MakeTargets) -> None:
    found = make_targets(
        '[providers.far]\nbase_url = "http://far.example/v1"\n'
        '[providers.groq]\nfallback = ["far/x", "openai/gpt"]\n'
        '[providers.groq.models.b]\nfallback = ["far/x"]\n'
    )
    chain = found.resolve("groq", "a").fallbacks
    assert chain is not None and [other.provider for other in chain()] == ["openai"]
    nobody = found.resolve("groq", "b").fallbacks
    assert nobody is not None
    with pytest.raises(ConfigError, match="not this machine"):
        nobody()


def test_a_provider_may_go_on_after_a_cut_where_others_do_not(make_targets: MakeTargets) -> None:
    found = make_targets("[providers.groq]\ncontinue_once = true\n")
    assert found.resolve("groq", "a").continues_once and not found.resolve("openai", "b").continues_once
    found = make_targets("[network]\ncontinue_once = true\n[providers.groq]\ncontinue_once = false\n")
    assert not found.resolve("groq", "a").continues_once and found.resolve("openai", "b").continues_once


def test_an_address_among_others_that_cannot_be_is_refused(make_targets: MakeTargets) -> None:
    found = make_targets(
        '[providers.box]\nbase_url = "http://127.0.0.1:1"\nmore_base_urls = ["http://far.example"]\n'
    )
    with pytest.raises(ConfigError, match="more_base_urls"):
        found.resolve("box", "m")
