"""Fetching and deleting models of an Ollama."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

import pytest

from chatterm.backend.local_models import LocalModels
from chatterm.backend.providers.ollama_models import PullProgress
from chatterm.core.errors import ChattermError, ConfigError, ModelNotFoundError, TruncatedStreamError
from tests.backend.conftest import MakeTargets
from tests.doubles.server import ScriptedServer
from tests.doubles.server_replies import ndjson, stream, whole

KIND = "application/x-ndjson"


def local_models(make_targets: MakeTargets, port: int) -> LocalModels:
    return LocalModels(make_targets(OLLAMA_HOST=f"127.0.0.1:{port}"))


async def pulled(models: LocalModels, name: str) -> list[PullProgress]:
    return [progress async for progress in models.pull("ollama", name)]


async def test_pulling_tells_how_far_it_is(make_targets: MakeTargets) -> None:
    lines: list[Any] = [
        {"status": "pulling manifest"},
        {"status": "pulling 8eeb52dfb3bb", "digest": "sha256:8e", "total": 2000},
        {"status": "pulling 8eeb52dfb3bb", "digest": "sha256:8e", "total": 2000, "completed": 500},
        {"status": "success"},
    ]
    async with ScriptedServer() as server:
        server.routes["/api/pull"] = lambda _: stream(map(ndjson, lines), content_type=KIND)
        steps = await pulled(local_models(make_targets, server.port), "llama3")
        (request,) = [each for each in server.requests if each.path == "/api/pull"]
    assert (request.method, request.json) == ("POST", {"model": "llama3", "stream": True})
    assert [(step.status, step.percent) for step in steps] == [
        ("pulling manifest", None),
        ("pulling 8eeb52dfb3bb", 0),
        ("pulling 8eeb52dfb3bb", 25),
        ("success", None),
    ]


@pytest.mark.parametrize(
    ("said", "message", "kind"),
    [
        (
            "pull model manifest: file does not exist",
            "Ollama's library has no model 'nope'",
            ModelNotFoundError,
        ),
        ("write /models: no space left on device\x1b[2J", "no space left", ChattermError),
    ],
)
async def test_what_goes_wrong_in_pulling(
    make_targets: MakeTargets, said: str, message: str, kind: type[ChattermError]
) -> None:
    async with ScriptedServer() as server:
        lines = [ndjson({"status": "pulling manifest"}), ndjson({"error": said})]
        server.routes["/api/pull"] = lambda _: stream(lines, content_type=KIND)
        with pytest.raises(kind, match=message) as caught:
            await pulled(local_models(make_targets, server.port), "nope")
    assert caught.value.hint
    assert "\x1b" not in str(caught.value)


async def test_a_pull_that_breaks_off_is_no_success(make_targets: MakeTargets) -> None:
    async with ScriptedServer() as server:
        server.routes["/api/pull"] = lambda _: stream([ndjson({"status": "pulling"})], content_type=KIND)
        with pytest.raises(TruncatedStreamError, match="broke off"):
            await pulled(local_models(make_targets, server.port), "llama3")


async def test_leaving_a_pull_closes_its_connection(make_targets: MakeTargets) -> None:
    async with ScriptedServer() as server:
        lines = [ndjson({"status": "pulling manifest"}), ndjson({"status": "success"})]
        server.routes["/api/pull"] = lambda _: stream(lines, content_type=KIND, gates={1: "never"})
        async with aclosing(local_models(make_targets, server.port).pull("ollama", "llama3")) as steps:
            assert (await anext(steps)).status == "pulling manifest"
        (request,) = [each for each in server.requests if each.path == "/api/pull"]
        await server.until(lambda: request.closed_at is not None)


async def test_deleting(make_targets: MakeTargets) -> None:
    async with ScriptedServer() as server:
        models = local_models(make_targets, server.port)
        server.routes["/api/delete"] = lambda _: whole("")
        await models.remove("ollama", "llama3")
        (request,) = [each for each in server.requests if each.path == "/api/delete"]
        assert (request.method, request.json) == ("DELETE", {"model": "llama3"})
        server.routes["/api/delete"] = lambda _: whole({"error": "model 'x' not found"}, status=404)
        with pytest.raises(ModelNotFoundError, match="has no model 'x'") as caught:
            await models.remove("ollama", "x")
        assert "chatterm models" in caught.value.hint


async def test_without_an_ollama_the_next_step_is_told(make_targets: MakeTargets) -> None:
    models = local_models(make_targets, 9)
    for work in (pulled(models, "x"), models.remove("ollama", "x")):
        with pytest.raises(ChattermError, match=r"127\.0\.0\.1:9") as caught:
            await work
        assert "ollama serve" in caught.value.hint


async def test_other_providers_keep_no_models(make_targets: MakeTargets) -> None:
    models = LocalModels(
        make_targets('[providers.office]\nadapter = "ollama"\nbase_url = "http://127.0.0.1:9"\n')
    )
    assert models.keeps_models("office") and models.keeps_models("ollama")
    assert not models.keeps_models("openai") and not models.keeps_models("nobody")
    with pytest.raises(ConfigError, match="cannot be fetched"):
        await models.remove("openai", "x")
    with pytest.raises(ConfigError, match="no provider called"):
        await models.remove("nobody", "x")
