"""Model lists: live, kept, and never in the way."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from chatterm.backend.first_model import Choice, Wanted, first_model, split_model
from tests.backend.conftest import MakeLists, MakeTargets
from tests.doubles.server import ScriptedServer, SeenRequest
from tests.doubles.server_replies import Hang, Script, whole

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


def ollama_at(server: ScriptedServer) -> None:
    names = ["llama3:latest", "qwen3:8b"]
    server.routes["/api/tags"] = lambda _: whole({"models": [{"model": name, "size": 5} for name in names]})
    loaded = {"model": "qwen3:8b", "size": 60, "size_vram": 45}
    server.routes["/api/ps"] = lambda _: whole({"models": [loaded]})
    about = {"general.architecture": "llama", "llama.context_length": 4096}
    server.routes["/api/show"] = lambda _: whole(
        {"model_info": about, "capabilities": ["completion", "tools"]}
    )


async def test_ollama_is_asked_for_what_is_loaded_and_how_long_contexts_are(
    make_targets: MakeTargets, make_lists: MakeLists
) -> None:
    async with ScriptedServer() as server:
        ollama_at(server)
        lists = make_lists(make_targets(OLLAMA_HOST=f"127.0.0.1:{server.port}"))
        llama, qwen = (await lists.fetch("ollama")).models
        assert (llama.context_tokens, llama.tools, llama.loaded, llama.memory_bytes) == (
            4096,
            True,
            False,
            None,
        )
        assert (qwen.loaded, qwen.memory_bytes, qwen.gpu_bytes) == (True, 60, 45)
        kept = (await lists.cached("ollama")).models[1]
        assert (kept.context_tokens, kept.tools) == (4096, True)
        assert (kept.loaded, kept.memory_bytes, kept.gpu_bytes) == (None, None, None)  # that was then
        server.routes["/api/ps"] = server.routes["/api/show"] = lambda _: whole("no", status=500)
        bare = await lists.fetch("ollama")
        assert (bare.source, bare.error, [model.loaded for model in bare.models]) == (
            "live",
            None,
            [None, None],
        )


async def test_details_that_do_not_come_hold_up_no_list(
    make_targets: MakeTargets, make_lists: MakeLists, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatterm.backend.models.DETAILS_SECONDS", 0.05)
    async with ScriptedServer() as server:
        ollama_at(server)
        server.routes["/api/ps"] = server.routes["/api/show"] = lambda _: [Hang()]
        known = await make_lists(make_targets(OLLAMA_HOST=f"127.0.0.1:{server.port}")).fetch("ollama")
    assert (known.source, len(known.models), known.models[0].loaded) == ("live", 2, None)


async def test_a_name_that_the_kept_list_does_not_have_is_doubted(
    make_targets: MakeTargets, make_lists: MakeLists
) -> None:
    async with ScriptedServer(models=("gpt-4o", "gpt-4o-mini", "o3")) as server:
        targets = make_targets(server_at(server.port))
        lists = make_lists(targets)
        assert await lists.doubt("mine", "gpt-4oo") is None  # nothing is known yet
        await lists.fetch("mine")
        assert await lists.doubt("mine", "gpt-4o") is None
        told = await lists.doubt("mine", "gtp-4o")
        assert told is not None
        assert told.startswith("'gtp-4o' is not in mine's list of 3 models. Nearest: gpt-4o.")
        assert "\x1b" not in (await lists.doubt("mine", "\x1b[31m") or "")
        assert await lists.doubt("guide", "other") is None
        address, old = targets.address("mine"), datetime(2026, 1, 1, tzinfo=UTC)
        await lists._cache.put_model_list("mine", address, old, b'[{"provider":"mine","id":"gpt-4o"}]')
        assert "list of 1 models (asked 2026-01-01)" in (await lists.doubt("mine", "x") or "")


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
