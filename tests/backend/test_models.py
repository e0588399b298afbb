"""Model lists: live, kept, and never in the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatterm.backend.first_model import Choice, Wanted, first_model, split_model
from tests.backend.conftest import MakeLists, MakeTargets
from tests.doubles.server import ScriptedServer, SeenRequest
from tests.doubles.server_replies import Script, whole

NOBODY = 'base_url = "http://127.0.0.1:9/v1"'


def server_at(port: int) -> str:
    return f'[providers.mine]\nbase_url = "http://127.0.0.1:{port}/v1"\n'


async def test_a_live_list_is_kept_for_when_the_server_is_gone(
    make_targets: MakeTargets, make_lists: MakeLists
) -> None:
    async with ScriptedServer(models=("small", "large")) as server:
        known = await make_lists(make_targets(server_at(server.port))).fetch("mine")
        assert (known.source, [model.id for model in known.models]) == ("live", ["small", "large"])
        port = server.port
    later = make_lists(make_targets(server_at(port)))
    known = await later.fetch("mine")
    assert (known.source, [model.id for model in known.models]) == ("cached", ["small", "large"])
    assert known.fetched_at is not None
    assert known.error is not None
    assert f"127.0.0.1:{port}" in str(known.error)


async def test_nonsense_in_a_list_is_told_and_long_names_are_dropped(
    make_targets: MakeTargets, make_lists: MakeLists
) -> None:
    async with ScriptedServer() as server:
        mine = make_lists(make_targets(server_at(server.port)))
        server.routes["/v1/models"] = lambda _: whole({"data": "none"})
        assert (await mine.fetch("mine")).error is not None
        server.routes["/v1/models"] = lambda _: whole({"data": [{"id": "x" * 600}, {"id": "[/b]"}]})
        assert [model.id for model in (await mine.fetch("mine")).models] == ["[/b]"]


async def test_wrong_certificates_are_told_like_any_failure(
    make_targets: MakeTargets, make_lists: MakeLists, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/authorities.pem")
    mine = make_lists(make_targets('[providers.mine]\nbase_url = "https://127.0.0.1:9/v1"\n'))
    assert "/nowhere/authorities.pem" in str((await mine.fetch("mine")).error)


async def test_all_configured_providers_are_asked_at_once(
    make_targets: MakeTargets, make_lists: MakeLists
) -> None:
    async with ScriptedServer(models=("m",)) as server:
        text = server_at(server.port) + f"[providers.ollama]\n{NOBODY}\n"
        seen = [known async for known in make_lists(make_targets(text)).fetch_all()]
    by_name = {known.provider: known for known in seen}
    assert set(by_name) == {"mine", "ollama", "guide"}
    assert [model.id for model in by_name["guide"].models] == ["manual"]
    assert by_name["ollama"].error is not None


async def test_the_first_model(make_targets: MakeTargets, make_lists: MakeLists) -> None:
    ollama_gone = '[providers.ollama]\nbase_url = "http://127.0.0.1:9"\n'
    async with ScriptedServer(models=("m1", "m2")) as server:
        found = make_targets(ollama_gone + server_at(server.port), OPENAI_API_KEY="k" * 20)
        mine = make_lists(found)

        async def choice(**wanted: str) -> Choice:
            return await first_model(Wanted(**wanted), found, mine)

        assert await choice(provider="mine", model="m9") == Choice("mine", "m9")
        assert await choice(provider="mine") == Choice("mine", "m1")
        assert await choice(last_provider="mine", last_model="m2") == Choice("mine", "m2")
        keyed = await choice()
        assert (keyed.provider, keyed.model) == ("openai", None)
        assert "OpenAI" in keyed.reason
        assert (await choice(last_provider="gone", last_model="x")).provider == "openai"
    bare = make_targets(ollama_gone)
    assert await first_model(Wanted(), bare, make_lists(bare)) == Choice("guide", "manual")


async def test_a_local_ollama_is_found_by_itself(make_targets: MakeTargets, make_lists: MakeLists) -> None:
    async with ScriptedServer() as server:
        server.routes["/api/tags"] = lambda _: whole({"models": [{"name": "llama3", "model": "llama3"}]})
        found = make_targets(OLLAMA_HOST=f"127.0.0.1:{server.port}")
        assert await first_model(Wanted(), found, make_lists(found)) == Choice("ollama", "llama3")
        server.routes["/api/tags"] = lambda _: whole({"models": []})
        empty = await first_model(Wanted(), found, make_lists(found))
    assert (empty.provider, empty.model) == ("ollama", None)
    assert "ollama pull" in empty.reason


def test_a_model_may_be_written_with_its_provider(make_targets: MakeTargets, make_lists: MakeLists) -> None:
    found = make_targets()
    assert split_model("ollama/llama3", found) == ("ollama", "llama3")
    assert split_model("meta-llama/Llama-3", found) == (None, "meta-llama/Llama-3")
    assert split_model("llama3", found) == (None, "llama3")
    assert split_model("openrouter/openai/gpt", found) == ("openrouter", "openai/gpt")


async def test_a_refused_key_is_hidden_and_asked_for_again(
    make_targets: MakeTargets, make_lists: MakeLists, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    key.write_text("old-key")
    async with ScriptedServer(models=("m",)) as server:
        settings = f'key_cmd = ["cat", "{key}"]\nheaders = {{ X-Team = "team-canary" }}\n'
        mine = make_lists(make_targets(server_at(server.port) + settings))
        listed = server.routes["/v1/models"]

        def answer(request: SeenRequest) -> Script:
            if request.headers["authorization"] == "Bearer new-key":
                return listed(request)
            return whole({"error": {"message": "old-key of team-canary is wrong"}}, status=401)

        server.routes["/v1/models"] = answer
        refused = (await mine.fetch("mine")).error
        assert refused is not None
        assert "[hidden] of [hidden] is wrong" in refused.message
        key.write_text("new-key")
        assert (await mine.fetch("mine")).source == "live"
