"""`chatterm models` as scripts use it."""

from __future__ import annotations

import json
import subprocess

from tests.doubles.server import ScriptedServer
from tests.doubles.server_replies import ndjson, stream, whole
from tests.journeys.program import CHATTERM, Home

NAME = "odd\x9b31m\u202e\u2028é"


def test_json_holds_no_control_codes(home: Home, server: ScriptedServer) -> None:
    server.routes["/v1/models"] = lambda _: whole({"data": [{"id": NAME}]})
    done = subprocess.run(
        [*CHATTERM, "models", "--json", "--base-url", server.base_url("openai"), "--provider", "custom"],
        env=home.environ(),
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.isascii()
    assert [model["id"] for model in json.loads(done.stdout)] == [NAME]


def test_an_error_repeats_no_key(home: Home, server: ScriptedServer) -> None:
    home.write_settings(
        f'[providers.mine]\nbase_url = "{server.base_url("openai")}"\nkey_cmd = ["echo", "from-a-command"]\n'
        'headers = { X-Team = "team-canary" }\n'
    )
    server.routes["/v1/models"] = lambda _: whole(
        {"error": {"message": "Incorrect key from-a-command of team-canary"}}, status=400
    )
    done = subprocess.run(
        [*CHATTERM, "models", "--provider", "mine"],
        env=home.environ(),
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 4
    assert "Incorrect key [hidden] of [hidden]" in done.stderr


def run(home: Home, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*CHATTERM, *arguments],
        env=home.environ() | variables,
        capture_output=True,
        check=False,
        text=True,
        stdin=subprocess.DEVNULL,
    )


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
    done = run(home, "models", "--provider", "ollama", **where)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split("\t") for line in done.stdout.splitlines()] == [
        ["ollama/llama3:latest", "8k", "-", "-", "free", "1.0 GB", "-", "-", "fast"],
        ["ollama/qwen3:8b", "-", "-", "-", "-", "1.0 GB", "-", "-", "-"],
        ["ollama/not-there", "-", "-", "-", "-", "-", "-", "-", "big"],
    ]
    (first, *_) = json.loads(run(home, "models", "--provider", "ollama", "--json", **where).stdout)
    assert first["sources"]["context_tokens"] == "settings"
    assert first["sources"]["size_bytes"] == "provider"
    assert (first["aliases"], first["context_tokens"], first["tools"]) == (["fast"], 8192, None)


def test_a_kept_list_is_told_with_its_age_and_left_out_of_a_refreshed_one(home: Home) -> None:
    with ScriptedServer.in_thread(models=("m1",)) as server:
        home.write_settings(f'[providers.mine]\nbase_url = "{server.base_url("openai")}"\n')
        assert run(home, "models", "--provider", "mine").stdout.startswith("mine/m1\t")
    done = run(home, "models", "--provider", "mine")
    assert done.stdout.startswith("mine/m1\t")
    assert "These are the models of the last time, just now." in done.stderr
    assert done.returncode == 4
    done = run(home, "models", "--provider", "mine", "--refresh")
    assert (done.returncode, done.stdout) == (4, "")
    assert "last time" not in done.stderr
    assert run(home, "models", "--refresh", "--offline").returncode == 2


def test_a_name_that_is_not_listed_is_told_on_stderr_and_asked_for(
    home: Home, server: ScriptedServer
) -> None:
    home.write_settings(f'[providers.mine]\nbase_url = "{server.base_url("openai")}"\n')
    run(home, "models", "--provider", "mine")
    done = run(home, "ask", "-m", "mine/lama3", "hello")
    assert done.returncode == 0
    assert "'lama3' is not in mine's list of 2 models. Nearest: llama3." in done.stderr
    assert done.stdout.strip()
    assert server.chats[-1].json["model"] == "lama3"
    assert "not in" not in run(home, "ask", "-m", "mine/llama3", "hello").stderr


PULLED = [
    {"status": "pulling manifest"},
    {"status": "pulling 8eeb", "total": 2 * 10**9, "completed": 10**9},
    {"status": "pulling 8eeb", "total": 2 * 10**9, "completed": 15 * 10**8},
    {"status": "success"},
]


def test_pulling_writes_a_line_for_each_step_into_a_pipe(home: Home, server: ScriptedServer) -> None:
    where = ollama(server)
    server.routes["/api/pull"] = lambda _: stream(map(ndjson, PULLED), content_type="application/x-ndjson")
    done = run(home, "models", "pull", "llama3", **where)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines() == ["pulling manifest", "pulling 8eeb (2.0 GB)", "success"]


def test_what_goes_wrong_is_one_line_and_the_next_step(home: Home, server: ScriptedServer) -> None:
    where = ollama(server)
    lines = [ndjson({"error": "pull model manifest: file does not exist"})]
    server.routes["/api/pull"] = lambda _: stream(lines, content_type="application/x-ndjson")
    done = run(home, "models", "pull", "nope", **where)
    assert (done.returncode, len(done.stderr.splitlines())) == (4, 2)
    assert "Ollama's library has no model 'nope'." in done.stderr
    done = run(home, "models", "pull", "llama3")
    assert (done.returncode, len(done.stderr.splitlines())) == (4, 2)
    assert "ollama serve" in done.stderr
    server.routes["/api/delete"] = lambda _: whole({"error": "model 'x' not found"}, status=404)
    done = run(home, "models", "rm", "x", "--yes", **where)
    assert (done.returncode, "chatterm models lists" in done.stderr) == (4, True)
    done = run(home, "models", "rm", "x", **where)
    assert (done.returncode, "--yes" in done.stderr) == (5, True)


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
