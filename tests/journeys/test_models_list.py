"""`chatterm models` as scripts use it."""

from __future__ import annotations

import json

from tests.doubles.server import ScriptedServer
from tests.doubles.server_replies import ndjson, stream, whole
from tests.journeys.program import Home

NAME = "odd\x9b31m\u202e\u2028é"


def test_json_holds_no_control_codes(home: Home, server: ScriptedServer) -> None:
    server.routes["/v1/models"] = lambda _: whole({"data": [{"id": NAME}]})
    done = home.run("models", "--json", "--base-url", server.base_url("openai"), "--provider", "custom")
    assert (done.status, done.errors) == (0, "")
    assert done.output.isascii()
    assert [model["id"] for model in json.loads(done.output)] == [NAME]


def test_an_error_repeats_no_key(home: Home, server: ScriptedServer) -> None:
    home.write_settings(
        f'[providers.mine]\nbase_url = "{server.base_url("openai")}"\nkey_cmd = ["echo", "from-a-command"]\n'
        'headers = { X-Team = "team-canary" }\n'
    )
    server.routes["/v1/models"] = lambda _: whole(
        {"error": {"message": "Incorrect key from-a-command of team-canary"}}, status=400
    )
    done = home.run("models", "--provider", "mine")
    assert done.status == 4
    assert "Incorrect key [hidden] of [hidden]" in done.errors


def ollama(server: ScriptedServer, *names: str) -> dict[str, str]:
    server.routes["/api/tags"] = lambda _: whole(
        {"models": [{"model": name, "size": 10**9} for name in names]}
    )
    server.routes["/api/ps"] = lambda _: whole({"models": []})
    server.routes["/api/show"] = lambda _: whole({"error": "not found"}, status=404)
    return {"OLLAMA_HOST": server.url.partition("://")[2]}


def test_a_piped_list_has_all_columns_and_the_aliases(home: Home, server: ScriptedServer) -> None:
    home.write_settings(
        '[aliases]\nfast = "ollama/llama3:latest"\nbig = "ollama/not-there"\n'
        '[providers.ollama.models."llama3:latest"]\ncontext_tokens = 8192\nprice_input = 0\nprice_output = 0\n'
    )
    where = ollama(server, "llama3:latest", "qwen3:8b")
    done = home.run("models", "--provider", "ollama", **where)
    assert (done.status, done.errors) == (0, "")
    assert [line.split("\t") for line in done.output.splitlines()] == [
        ["ollama/llama3:latest", "8k", "-", "-", "free", "1.0 GB", "-", "-", "fast"],
        ["ollama/qwen3:8b", "-", "-", "-", "-", "1.0 GB", "-", "-", "-"],
        ["ollama/not-there", "-", "-", "-", "-", "-", "-", "-", "big"],
    ]
    (first, *_) = json.loads(home.run("models", "--provider", "ollama", "--json", **where).output)
    assert first["sources"]["context_tokens"] == "settings"
    assert first["sources"]["size_bytes"] == "provider"
    assert (first["aliases"], first["context_tokens"], first["tools"]) == (["fast"], 8192, None)


def test_a_kept_list_is_told_with_its_age_and_left_out_of_a_refreshed_one(home: Home) -> None:
    with ScriptedServer.in_thread(models=("m1",)) as server:
        home.write_settings(f'[providers.mine]\nbase_url = "{server.base_url("openai")}"\n')
        assert home.run("models", "--provider", "mine").output.startswith("mine/m1\t")
    done = home.run("models", "--provider", "mine")
    assert done.output.startswith("mine/m1\t")
    assert "These are the models of the last time, just now." in done.errors
    assert done.status == 4
    done = home.run("models", "--provider", "mine", "--refresh")
    assert (done.status, done.output) == (4, "")
    assert "last time" not in done.errors
    assert home.run("models", "--refresh", "--offline").status == 2


def test_a_name_that_is_not_listed_is_told_on_stderr_and_asked_for(
    home: Home, server: ScriptedServer
) -> None:
    home.write_settings(f'[providers.mine]\nbase_url = "{server.base_url("openai")}"\n')
    home.run("models", "--provider", "mine")
    done = home.run("ask", "-m", "mine/lama3", "hello")
    assert done.status == 0
    assert "'lama3' is not in mine's list of 2 models. Nearest: llama3." in done.errors
    assert done.output.strip()
    assert server.chats[-1].json["model"] == "lama3"
    assert "not in" not in home.run("ask", "-m", "mine/llama3", "hello").errors


PULLED = [
    {"status": "pulling manifest"},
    {"status": "pulling 8eeb", "total": 2 * 10**9, "completed": 10**9},
    {"status": "pulling 8eeb", "total": 2 * 10**9, "completed": 15 * 10**8},
    {"status": "success"},
]


def test_pulling_writes_a_line_for_each_step_into_a_pipe(home: Home, server: ScriptedServer) -> None:
    where = ollama(server)
    server.routes["/api/pull"] = lambda _: stream(map(ndjson, PULLED), content_type="application/x-ndjson")
    done = home.run("models", "pull", "llama3", **where)
    assert (done.status, done.output) == (0, "")
    assert done.errors.splitlines() == ["pulling manifest", "pulling 8eeb (2.0 GB)", "success"]


def test_what_goes_wrong_is_one_line_and_the_next_step(home: Home, server: ScriptedServer) -> None:
    where = ollama(server)
    lines = [ndjson({"error": "pull model manifest: file does not exist"})]
    server.routes["/api/pull"] = lambda _: stream(lines, content_type="application/x-ndjson")
    done = home.run("models", "pull", "nope", **where)
    assert (done.status, len(done.errors.splitlines())) == (4, 2)
    assert "Ollama's library has no model 'nope'." in done.errors
    done = home.run("models", "pull", "llama3")
    assert (done.status, len(done.errors.splitlines())) == (4, 2)
    assert "ollama serve" in done.errors
    server.routes["/api/delete"] = lambda _: whole({"error": "model 'x' not found"}, status=404)
    done = home.run("models", "rm", "x", "--yes", **where)
    assert (done.status, "chatterm models lists" in done.errors) == (4, True)
    done = home.run("models", "rm", "x", **where)
    assert (done.status, "--yes" in done.errors) == (5, True)


def test_ctrl_c_stops_a_pull_that_shows_a_bar(home: Home, server: ScriptedServer) -> None:
    where = ollama(server)
    server.routes["/api/pull"] = lambda _: stream(
        map(ndjson, PULLED), content_type="application/x-ndjson", gates={2: "never"}
    )
    with home.start("models", "pull", "llama3", columns=80, **where) as terminal:
        terminal.wait_for("50 %  1.0 GB of 2.0 GB")
        terminal.send(b"\x03")
        assert terminal.wait_exit() == 130
        assert "Stopped; what is there of llama3 is kept." in terminal.text
    (request,) = [each for each in server.requests if each.path == "/api/pull"]
    server.wait_until(lambda: request.closed_at is not None)


def test_deleting_asks_on_a_terminal(home: Home, server: ScriptedServer) -> None:
    where = ollama(server)
    server.routes["/api/delete"] = lambda _: whole("")
    for answer, status in (("n", 130), ("y", 0)):
        with home.start("models", "rm", "llama3", **where) as terminal:
            terminal.wait_for("Delete 'llama3' from ollama? [y/N]")
            terminal.send(f"{answer}\r".encode())
            assert terminal.wait_exit() == status
    assert [each.json for each in server.requests if each.path == "/api/delete"] == [{"model": "llama3"}]
