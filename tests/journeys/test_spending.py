"""What the real program makes of costs: a budget that holds, figures for other programs, a collector."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import urllib.error
import urllib.request

import pytest

from tests.doubles.collector import collecting
from tests.doubles.server import ScriptedServer
from tests.journeys.program import CHATTERM, Home

SETTINGS = """
[budget]
day_dollars = 2.0
[providers.mine]
base_url = "{url}"
[providers.mine.models."scripted-model"]
price_input = 100000.0
price_output = 0.0
"""
ASK = ("ask", "-m", "mine/scripted-model", "hello")


def test_ask_holds_to_the_budget_of_the_day_and_tells_other_programs(
    home: Home, server: ScriptedServer
) -> None:
    home.write_settings(SETTINGS.format(url=server.base_url("openai")))
    for _ in range(2):  # 11 tokens in, $1.10
        server.reply_text("The reply.")
        assert home.run(*ASK) == (0, "The reply.\n", "")
    refused = home.run(*ASK)
    assert (refused.status, refused.output) == (5, "")
    assert "The budget is used up: ~$2.20 of the $2.00 for today are spent." in refused.errors
    assert len(server.chats) == 2 and len(home.stored()) == 2

    with subprocess.Popen(
        [*CHATTERM, "serve", "--metrics", "--port", "0"],
        env=home.environ(),
        stderr=subprocess.PIPE,
        text=True,
    ) as serving:
        assert serving.stderr is not None
        try:
            told = serving.stderr.readline()
            address = re.search(r"http://[0-9.:]+", told)
            assert address is not None, told
            token = (home.path / "state" / "metrics-token").read_text().strip()
            assert token not in told + serving.stderr.readline()

            def get(path: str, bearer: str) -> bytes:
                request = urllib.request.Request(
                    address[0] + path, headers={"Authorization": f"Bearer {bearer}"}
                )
                with urllib.request.urlopen(request, timeout=10) as response:
                    return response.read()

            performance = json.loads(get("/metrics/performance?last_n=10", token))
            assert performance["total"]["turns"] == 2
            assert performance["total"]["cost_dollars"] == pytest.approx(2.2)
            metrics = get("/metrics", token)
            assert b'chatterm_tokens_total{provider="mine",model="scripted-model",type="input"} 22' in metrics
            assert b'operation="ask",outcome="complete",error=""} 2' in metrics
            with pytest.raises(urllib.error.HTTPError) as denied:
                get("/metrics", "wrong")
            assert denied.value.code == 401
            denied.value.close()
            serving.send_signal(signal.SIGINT)
            assert serving.wait(10) == 130
        finally:
            serving.kill()


def test_a_collector_gets_what_ask_did_before_it_ends(home: Home, server: ScriptedServer) -> None:
    with collecting() as collector:
        home.write_settings(
            f'[otel]\nendpoint = "{collector.address}"\n' + SETTINGS.format(url=server.base_url("openai"))
        )
        server.reply_text("The reply.", delay_seconds=0.1)
        assert home.run(*ASK) == (0, "The reply.\n", "")
    assert sorted(collector.spans) == ["chat scripted-model", "invoke_agent chatterm"]
    assert "gen_ai.client.token.usage" in collector.metrics
    assert b"hello" not in collector.bodies and b"The reply" not in collector.bodies


def test_serve_without_metrics_says_what_there_is(home: Home) -> None:
    ended = home.run("serve")
    assert ended.status == 2 and "--metrics" in ended.errors
