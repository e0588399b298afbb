"""`chatterm models` as scripts use it."""

from __future__ import annotations

import json
import subprocess

from tests.doubles.server import ScriptedServer
from tests.doubles.server_replies import whole
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
