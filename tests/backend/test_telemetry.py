"""Telemetry: spans and metrics by the conventions, nothing of what was said, and no turn that waits for it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from chatterm.backend.reporting import telemetry_writer
from chatterm.backend.reporting.telemetry import MOST_WAITING, Telemetry, open_telemetry
from chatterm.backend.reporting.telemetry_writer import CONTENT_CHARACTERS, TelemetryWriter
from chatterm.config.model import OtelSettings
from chatterm.core.errors import ConfigError, RateLimitedError
from chatterm.core.messages import Message, TextPart
from chatterm.core.performance import AttemptRecord
from chatterm.core.tools import ToolOutcome, ToolRun
from chatterm.core.turn import Outcome, Turn
from tests.cpu_time import within
from tests.doubles.collector import Collector, collecting

BEGAN = 1_795_000_000.0
PROMPT, ANSWER, SYSTEM = "a secret question", "a secret answer", "a secret manner"

RECORD = AttemptRecord(
    id="r",
    at=BEGAN,
    conversation_id="c",
    turn_id="t",
    operation="chat",
    provider="gemini",
    model="gemini-4",
    host="generativelanguage.googleapis.com",
    attempt=1,
    round=0,
    success=True,
    outcome="complete",
    stop_reason="end_turn",
    latency_seconds=2.5,
    ttft_seconds=0.3,
    input_tokens=1000,
    output_tokens=50,
    cache_read_tokens=800,
    reasoning_tokens=20,
    cost_dollars=0.004,
    cost_is_estimate=True,
)
TURN = Turn(
    id="t",
    conversation_id="c",
    prompt=Message(role="user", parts=(TextPart(PROMPT),)),
    reply=Message(role="assistant", parts=(TextPart(ANSWER),)),
    provider="gemini",
    model="gemini-4",
    system=SYSTEM,
    outcome=Outcome.COMPLETE,
)


class Written:
    """A writer whose spans and metrics stay in memory."""

    def __init__(self, *, with_content: bool = False) -> None:
        self._exporter, self._reader = InMemorySpanExporter(), InMemoryMetricReader()
        self.writer = TelemetryWriter(
            SimpleSpanProcessor(self._exporter), self._reader, with_content=with_content
        )

    def turn(self, turn: Turn, *records: AttemptRecord, ended_at: float = BEGAN + 10) -> None:
        for record in records:
            self.writer.take(record)
        self.writer.end_turn(turn, ended_at)

    @property
    def spans(self) -> dict[str, ReadableSpan]:
        return {span.name: span for span in self._exporter.get_finished_spans()}

    def points(self, name: str) -> list[tuple[Mapping[str, Any], Any]]:
        data = self._reader.get_metrics_data()
        assert data is not None
        return [
            (dict(point.attributes or {}), point)
            for each in data.resource_metrics
            for scope in each.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]


def test_a_turn_is_a_span_with_its_requests_below_it() -> None:
    written = Written()
    failed = replace(RECORD, success=False, outcome="failed", error_kind="RateLimited", latency_seconds=0.2)
    again = replace(RECORD, at=BEGAN + 1, attempt=2, retries=1, model="other")
    written.turn(TURN, failed, again)
    turn, first, second = (
        written.spans[name] for name in ("invoke_agent chatterm", "chat gemini-4", "chat other")
    )
    assert (turn.kind, first.kind) == (SpanKind.INTERNAL, SpanKind.CLIENT)
    assert (turn.start_time, turn.end_time) == (BEGAN * 1e9, (BEGAN + 10) * 1e9)
    assert (first.start_time, first.end_time) == (BEGAN * 1e9, round((BEGAN + 0.2) * 1e9))
    for child in (first, second):
        assert child.parent is not None and turn.context is not None
        assert child.parent.span_id == turn.context.span_id
    assert first.status.status_code is StatusCode.ERROR and second.status.status_code is StatusCode.UNSET
    assert turn.attributes is not None and turn.attributes["gen_ai.operation.name"] == "invoke_agent"
    assert first.attributes is not None and first.attributes["error.type"] == "RateLimited"
    assert second.attributes is not None
    assert dict(second.attributes) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "gcp.gemini",
        "gen_ai.request.model": "other",
        "gen_ai.conversation.id": "c",
        "gen_ai.response.finish_reasons": ("end_turn",),
        "gen_ai.response.time_to_first_chunk": 0.3,
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": 50,
        "gen_ai.usage.cache_read.input_tokens": 800,
        "gen_ai.usage.reasoning.output_tokens": 20,
        "server.address": "generativelanguage.googleapis.com",
        "chatterm.outcome": "complete",
        "chatterm.attempt": 2,
        "chatterm.round": 0,
        "chatterm.retries": 1,
        "chatterm.cost_dollars": 0.004,
        "chatterm.cost_is_estimate": True,
    }


@pytest.mark.parametrize(
    ("host", "address", "port"),
    [
        ("127.0.0.1:11434", "127.0.0.1", 11434),
        ("[::1]:8080", "::1", 8080),
        ("[::1]", "::1", None),
        ("api.example", "api.example", None),
        ("", None, None),
    ],
)
def test_the_server_of_a_request(host: str, address: str | None, port: int | None) -> None:
    written = Written()
    written.turn(TURN, replace(RECORD, host=host))
    attributes = written.spans["chat gemini-4"].attributes or {}
    assert (attributes.get("server.address"), attributes.get("server.port")) == (address, port)


def test_a_tool_is_a_span_in_the_round_that_called_it() -> None:
    written = Written()
    runs = (
        ToolRun(call_id="1", name="read_file", round=0, outcome=ToolOutcome.OK, began=0.5, seconds=0.25),
        ToolRun(
            call_id="2", name="run_command", round=0, outcome=ToolOutcome.TIMED_OUT, began=0.0, seconds=1.0
        ),
        ToolRun(call_id="3", name="denied", round=0, outcome=ToolOutcome.DENIED),
    )
    called = replace(RECORD, tool_seconds=1.0)
    written.turn(replace(TURN, tool_runs=runs), called, replace(RECORD, at=BEGAN + 5, round=1))
    read, run = written.spans["execute_tool read_file"], written.spans["execute_tool run_command"]
    assert (read.start_time, read.end_time) == ((BEGAN + 3) * 1e9, (BEGAN + 3.25) * 1e9)
    assert run.status.status_code is StatusCode.ERROR
    assert run.attributes is not None and run.attributes["error.type"] == "timed_out"
    assert run.attributes["gen_ai.tool.call.id"] == "2"
    assert "execute_tool denied" not in written.spans, "it never ran"
    assert len(written.points("gen_ai.execute_tool.duration")) == 2


def test_the_tools_of_a_reply_that_is_gone_on_with_are_written_once() -> None:
    written = Written()
    runs = tuple(
        ToolRun(call_id=name, name=name, round=number, outcome=ToolOutcome.OK, began=0.5, seconds=0.25)
        for number, name in enumerate(("before", "now", "then"))
    )
    requests = (
        replace(RECORD, tool_seconds=0.25),
        replace(RECORD, at=BEGAN + 5, round=1, success=False, outcome="failed"),
        replace(RECORD, at=BEGAN + 6, round=1, tool_seconds=0.25),
        replace(RECORD, at=BEGAN + 10, round=2),
    )
    written.turn(replace(TURN, tool_runs=runs), *requests)
    starts = {name: span.start_time for name, span in written.spans.items() if name.startswith("execute")}
    assert starts == {"execute_tool now": (BEGAN + 3) * 1e9, "execute_tool then": (BEGAN + 9) * 1e9}


def test_metrics_are_counted_with_each_request() -> None:
    written = Written()
    written.turn(TURN, RECORD, replace(RECORD, latency_seconds=None, ttft_seconds=None, output_tokens=None))
    ((of, duration),) = written.points("gen_ai.client.operation.duration")
    assert (duration.count, duration.sum) == (1, 2.5)
    assert of["gen_ai.provider.name"] == "gcp.gemini" and "error.type" not in of
    ((_, first),) = written.points("gen_ai.client.operation.time_to_first_chunk")
    assert first.sum == 0.3
    tokens = {
        of["gen_ai.token.type"]: (p.count, p.sum) for of, p in written.points("gen_ai.client.token.usage")
    }
    assert tokens == {"input": (2, 2000), "output": (1, 50)}


def test_what_failed_says_so() -> None:
    written = Written()
    error = RateLimitedError("slow down")
    written.turn(
        replace(TURN, outcome=Outcome.FAILED, error=error),
        replace(RECORD, success=False, outcome="failed", error_kind="RateLimited"),
    )
    turn = written.spans["invoke_agent chatterm"]
    assert turn.status.status_code is StatusCode.ERROR
    assert turn.attributes is not None and turn.attributes["error.type"] == "RateLimited"
    ((of, _),) = written.points("gen_ai.client.operation.duration")
    assert of["error.type"] == "RateLimited"


@pytest.mark.parametrize("outcome", [Outcome.CANCELLED, Outcome.WITHDRAWN])
def test_what_the_user_stopped_is_no_error(outcome: Outcome) -> None:
    written = Written()
    record = replace(RECORD, success=False, outcome=outcome.value, stop_reason="")
    written.turn(replace(TURN, outcome=outcome), record)
    assert [span.status.status_code for span in written.spans.values()] == [StatusCode.UNSET] * 2
    assert not any("error.type" in (span.attributes or {}) for span in written.spans.values())


def test_a_turn_for_which_nothing_was_sent_is_none() -> None:
    written = Written()
    written.turn(TURN)
    assert written.spans == {}


def test_a_turn_is_written_once() -> None:
    written = Written()
    written.turn(TURN, RECORD)
    written.turn(TURN)
    assert len(written._exporter.get_finished_spans()) == 2


def test_of_turns_whose_end_never_comes_the_oldest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telemetry_writer, "MOST_TURNS", 2)
    written = Written()
    for name in ("t1", "t2", "t3"):
        written.writer.take(replace(RECORD, turn_id=name))
    written.turn(replace(TURN, id="t1"))
    assert written.spans == {}
    written.turn(replace(TURN, id="t2"))
    assert len(written.spans) == 2


def test_nothing_of_what_was_said_goes_out_unless_it_is_asked_for() -> None:
    written = Written()
    written.turn(TURN, RECORD)
    everything = " ".join(span.to_json() for span in written.spans.values())
    assert "secret" not in everything and "chatterm.cost_dollars" in everything
    told = Written(with_content=True)
    told.turn(TURN, RECORD)
    attributes = told.spans["invoke_agent chatterm"].attributes or {}
    prompt = json.loads(str(attributes["gen_ai.input.messages"]))
    assert prompt == [{"role": "user", "parts": [{"type": "text", "content": PROMPT}]}]
    assert ANSWER in str(attributes["gen_ai.output.messages"])
    assert SYSTEM in str(attributes["gen_ai.system_instructions"])


def test_so_much_of_a_text_goes_out_and_no_more() -> None:
    told = Written(with_content=True)
    long = Message(role="user", parts=(TextPart("x" * (CONTENT_CHARACTERS + 1)),))
    told.turn(replace(TURN, prompt=long), RECORD)
    attributes = told.spans["invoke_agent chatterm"].attributes or {}
    [prompt] = json.loads(str(attributes["gen_ai.input.messages"]))
    assert prompt["parts"] == [{"type": "text", "content": "x" * CONTENT_CHARACTERS}]


@pytest.mark.parametrize(("own", "name"), [(None, "chatterm"), ("a-name", "a-name")])
def test_the_service_has_the_name_that_the_user_gave_it(
    monkeypatch: pytest.MonkeyPatch, own: str | None, name: str
) -> None:
    monkeypatch.delenv("OTEL_SERVICE_NAME", raising=False)
    if own is not None:
        monkeypatch.setenv("OTEL_SERVICE_NAME", own)
    written = Written()
    written.turn(TURN, RECORD)
    assert {span.resource.attributes["service.name"] for span in written.spans.values()} == {name}


# ---- the thread --------------------------------------------------------------------------------------


class Slow:
    """A writer that stands still until it is let go, as with a collector that hangs."""

    def __init__(self) -> None:
        self.go, self.taken = threading.Event(), list[object]()

    def take(self, record: AttemptRecord) -> None:
        assert self.go.wait(30)
        self.taken.append(record)

    def end_turn(self, turn: Turn, ended_at: float) -> None:
        self.taken.append(turn)

    def close(self) -> None:
        self.taken.append("closed")


def test_a_collector_that_hangs_holds_up_nothing_and_costs_bounded_memory() -> None:
    slow = Slow()
    telemetry = Telemetry(lambda _: slow)
    for _ in range(MOST_WAITING + 100):
        telemetry.take(RECORD)
    assert telemetry.lost >= 99
    assert within(0.05, lambda: telemetry.take(RECORD)) is None
    telemetry.end()
    began = time.monotonic()
    assert not telemetry.join(0.1)
    assert time.monotonic() - began < 5
    slow.go.set()
    assert telemetry.join(30)
    assert slow.taken[-1] == "closed"
    telemetry.take(RECORD)
    telemetry.end()
    assert telemetry._queue.empty(), "nobody would take it any more"


def test_a_library_that_fails_costs_nothing() -> None:
    def make(refused: Callable[[], None]) -> Slow:
        raise ImportError("no such library")

    telemetry = Telemetry(make, "here")
    assert telemetry.join(30)
    assert isinstance(telemetry.problem, ImportError)
    told = list[str]()
    telemetry.tell = told.append
    telemetry.take(RECORD)
    telemetry.take(RECORD)
    assert told == ["Nothing more is sent to the collector here: telemetry failed."]
    telemetry.turn_ended(TURN)
    telemetry.end()


# ---- a collector -------------------------------------------------------------------------------------


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as kept:
        yield kept


def test_a_collector_gets_it_at_the_end(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-team=blue")
    telemetry = open_telemetry(OtelSettings(endpoint=f"http://127.0.0.1:{collector.port}/"))
    assert telemetry is not None
    telemetry.take(RECORD)
    telemetry.turn_ended(TURN)
    telemetry.end()
    assert telemetry.join(30) and telemetry.problem is None
    assert sorted(collector.spans) == ["chat gemini-4", "invoke_agent chatterm"]
    assert "gen_ai.client.operation.duration" in collector.metrics
    assert {headers["x-team"] for headers in collector.headers} == {"blue"}
    assert b"secret" not in collector.bodies and b"gemini-4" in collector.bodies


@pytest.mark.parametrize("refused", ["/v1/traces", "/v1/metrics"])
def test_a_collector_that_does_not_take_something_is_told_of_once(collector: Collector, refused: str) -> None:
    collector.refused = refused
    telemetry = open_telemetry(OtelSettings(endpoint=collector.address))
    assert telemetry is not None
    told = list[str]()
    telemetry.tell = told.append
    telemetry.take(RECORD)
    telemetry.turn_ended(TURN)
    telemetry.end()
    assert telemetry.join(30) and told == []
    telemetry.take(RECORD)
    telemetry.take(RECORD)
    assert told == ["The collector 127.0.0.1 does not take what is measured: see [otel] endpoint."]


def test_a_collector_that_is_not_there_is_not_complained_of_on_the_screen() -> None:
    code = (
        "from chatterm.backend.reporting.telemetry import open_telemetry\n"
        "from chatterm.config.model import OtelSettings\n"
        "from tests.backend.test_telemetry import RECORD, TURN\n"
        "t = open_telemetry(OtelSettings(endpoint='http://127.0.0.1:9'))\n"
        "t.take(RECORD); t.turn_ended(TURN); t.end(); print(t.join(0.3))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr == "" and done.stdout.strip() in ("True", "False")


# ---- settings ----------------------------------------------------------------------------------------


def test_without_an_endpoint_there_is_nothing() -> None:
    assert open_telemetry(OtelSettings()) is None


@pytest.mark.parametrize(
    ("endpoint", "content", "reason"),
    [
        ("ftp://collector", False, "scheme"),
        ("http://user:pass@collector:4318", False, "user name"),
        ("http://collector:4318", True, "unencrypted"),
    ],
)
def test_a_collector_that_cannot_be_used_is_told_of(endpoint: str, content: bool, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason) as caught:
        open_telemetry(OtelSettings(endpoint=endpoint, content=content))
    assert "pass" not in caught.value.message.split("password")[0]


def test_the_library_is_not_imported_before_it_is_needed() -> None:
    code = (
        "import sys, chatterm.backend.reporting.telemetry\n"
        "print([name for name in sys.modules if name.startswith(('opentelemetry.', 'requests', 'google'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
