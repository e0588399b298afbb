"""Spans and metrics of turns, named as the semantic conventions of OpenTelemetry for generative AI have it.

The only module that knows the library, imported on use. A turn is an `invoke_agent` span; below it each request is
a `chat` span and each tool an `execute_tool` span. Names: github.com/open-telemetry/semantic-conventions-genai.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Mapping, Sequence

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import Histogram
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    MetricExportResult,
    MetricReader,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, set_span_in_context

from chatterm import __version__
from chatterm.core.messages import Message
from chatterm.core.performance import AttemptRecord
from chatterm.core.tools import ToolOutcome, ToolRun
from chatterm.core.turn import Outcome, Turn

Value = str | int | float | bool | Sequence[str]

EXPORT_SECONDS = 5.0
"""How long the collector may take to take a batch."""
MOST_TURNS = 1000
"""Turns whose end is not known yet; records of the oldest are forgotten beyond."""
CONTENT_CHARACTERS = 50_000
"""How much of a prompt or a reply is sent, where that is wanted."""

DURATION_BOUNDS = [0.01 * 2**n for n in range(14)]
TOKEN_BOUNDS = [1.0 * 4**n for n in range(14)]
FIRST_CHUNK_BOUNDS = [
    0.001,
    0.005,
    0.01,
    0.02,
    0.04,
    0.06,
    0.08,
    0.1,
    0.25,
    0.5,
    0.75,
    1.0,
    2.5,
    5.0,
    7.5,
    10.0,
]

_PROVIDERS = {
    "gemini": "gcp.gemini",
    "xai": "x_ai",
    "mistral": "mistral_ai",
    "azure": "azure.ai.openai",
}
"""Names of the conventions, where they are others than ours."""

_SILENT = ("opentelemetry", "urllib3")
"""Loggers whose complaints about a collector would otherwise be printed over the screen."""


class _Spans(OTLPSpanExporter):
    refused: Callable[[], None]

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = super().export(spans)
        if result is not SpanExportResult.SUCCESS:
            self.refused()
        return result


class _Metrics(OTLPMetricExporter):
    refused: Callable[[], None]

    def export(
        self, metrics_data: MetricsData, timeout_millis: float | None = 10_000, **kwargs: object
    ) -> MetricExportResult:
        result = super().export(metrics_data, timeout_millis, **kwargs)  # pyright: ignore[reportUnknownMemberType]  # its kwargs have no type
        if result is not MetricExportResult.SUCCESS:
            self.refused()
        return result


def otlp_writer(address: str, refused: Callable[[], None], *, with_content: bool) -> TelemetryWriter:
    """A writer that sends to the collector by OTLP over HTTP; OTEL_EXPORTER_OTLP_HEADERS and the like are honoured.

    `refused` is called, on a thread of the library, whenever the collector did not take something.
    """
    for name in _SILENT:
        logging.getLogger(name).addHandler(logging.NullHandler())
        logging.getLogger(name).propagate = False
    base = address.rstrip("/")
    spans = _Spans(endpoint=f"{base}/v1/traces", timeout=EXPORT_SECONDS)
    metrics = _Metrics(endpoint=f"{base}/v1/metrics", timeout=EXPORT_SECONDS)
    spans.refused = metrics.refused = refused
    return TelemetryWriter(
        BatchSpanProcessor(spans), PeriodicExportingMetricReader(metrics), with_content=with_content
    )


class TelemetryWriter:
    """Makes spans and metrics of records and ended turns; a record waits for the end of its turn."""

    def __init__(self, processor: SpanProcessor, reader: MetricReader, *, with_content: bool = False) -> None:
        named = {} if "OTEL_SERVICE_NAME" in os.environ else {"service.name": "chatterm"}
        resource = Resource.create({**named, "service.version": __version__})
        self._traces = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._traces.add_span_processor(processor)
        self._tracer = self._traces.get_tracer("chatterm", __version__)
        self._meters = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
        meter = self._meters.get_meter("chatterm", __version__)

        def histogram(name: str, unit: str, meaning: str, bounds: list[float]) -> Histogram:
            return meter.create_histogram(name, unit, meaning, explicit_bucket_boundaries_advisory=bounds)

        self._duration = histogram(
            "gen_ai.client.operation.duration", "s", "How long requests took.", DURATION_BOUNDS
        )
        self._tokens = histogram("gen_ai.client.token.usage", "{token}", "Tokens in and out.", TOKEN_BOUNDS)
        self._first_chunk = histogram(
            "gen_ai.client.operation.time_to_first_chunk", "s", "Time to the first piece.", FIRST_CHUNK_BOUNDS
        )
        self._tool_duration = histogram(
            "gen_ai.execute_tool.duration", "s", "How long tools took.", DURATION_BOUNDS
        )
        self._records: dict[str, list[AttemptRecord]] = {}
        self._with_content = with_content

    def take(self, record: AttemptRecord) -> None:
        """Count a record, and keep it until its turn ends."""
        self._measure(record)
        self._records.setdefault(record.turn_id, []).append(record)
        if len(self._records) > MOST_TURNS:
            del self._records[next(iter(self._records))]

    def end_turn(self, turn: Turn, ended_at: float) -> None:
        """Write the spans of a turn that ended at so many seconds since 1970."""
        if records := self._records.pop(turn.id, []):  # else nothing was sent
            self._write_turn(turn, ended_at, records)

    def close(self) -> None:
        """Send what is left, both at once as far as that goes."""
        self._traces.shutdown()
        self._meters.shutdown()

    # ---- metrics -----------------------------------------------------------------------------

    def _measure(self, record: AttemptRecord) -> None:
        of = _of(record)
        if record.latency_seconds is not None:
            self._duration.record(record.latency_seconds, of | _error_of(record))
        if record.ttft_seconds is not None:
            self._first_chunk.record(record.ttft_seconds, of)
        for kind, tokens in (("input", record.input_tokens), ("output", record.output_tokens)):
            if tokens is not None:
                self._tokens.record(tokens, of | {"gen_ai.token.type": kind})

    # ---- spans -------------------------------------------------------------------------------

    def _write_turn(self, turn: Turn, ended_at: float, records: list[AttemptRecord]) -> None:
        span = self._tracer.start_span(
            "invoke_agent chatterm",
            kind=SpanKind.INTERNAL,
            start_time=_nanoseconds(min(record.at for record in records)),
            attributes=_known(self._of_turn(turn, records[-1])),
        )
        for record in records:
            self._write_attempt(span, record)
        # The rounds of a reply that is gone on with are counted on, those of the requests are not.
        rounds = sorted({run.round for run in turn.tool_runs if run.seconds})
        called = [record for record in records if record.tool_seconds]
        asked = dict(zip(reversed(rounds), reversed(called), strict=False))
        for run in turn.tool_runs:
            if run.round in asked:  # else none ran, or it was written with the turn that is gone on with
                self._write_tool(span, run, asked[run.round])
        if turn.outcome in (Outcome.FAILED, Outcome.INTERRUPTED):
            span.set_status(Status(StatusCode.ERROR))
        span.end(_nanoseconds(ended_at))

    def _write_attempt(self, turn: Span, record: AttemptRecord) -> None:
        span = self._tracer.start_span(
            f"chat {record.model}",
            set_span_in_context(turn),
            SpanKind.CLIENT,
            start_time=_nanoseconds(record.at),
            attributes=_known(_of_attempt(record)),
        )
        if record.error_kind:
            span.set_status(Status(StatusCode.ERROR))
        span.end(_nanoseconds(record.at + (record.latency_seconds or 0.0)))

    def _write_tool(self, turn: Span, run: ToolRun, asked: AttemptRecord) -> None:
        if run.began is None or run.seconds is None:
            return  # it never ran
        began = asked.at + (asked.latency_seconds or 0.0) + run.began
        of: dict[str, Value] = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": run.name}
        failed = run.outcome not in (ToolOutcome.OK, ToolOutcome.CANCELLED)
        error: dict[str, Value] = {"error.type": run.outcome.value} if failed else {}
        span = self._tracer.start_span(
            f"execute_tool {run.name}",
            set_span_in_context(turn),
            SpanKind.INTERNAL,
            start_time=_nanoseconds(began),
            attributes={**of, **error, "gen_ai.tool.call.id": run.call_id, "gen_ai.tool.type": "function"},
        )
        if failed:
            span.set_status(Status(StatusCode.ERROR))
        span.end(_nanoseconds(began + run.seconds))
        self._tool_duration.record(run.seconds, {**of, **error})

    def _of_turn(self, turn: Turn, last: AttemptRecord) -> dict[str, Value | None]:
        content: dict[str, Value | None] = {}
        if self._with_content:
            content = {
                "gen_ai.input.messages": _messages(turn.prompt),
                "gen_ai.output.messages": _messages(turn.reply),
                "gen_ai.system_instructions": _text_parts(turn.system) if turn.system else None,
            }
        return {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": "chatterm",
            "gen_ai.provider.name": _provider(last),
            "gen_ai.request.model": turn.model,
            "gen_ai.conversation.id": turn.conversation_id,
            "chatterm.operation": last.operation,
            "chatterm.outcome": turn.outcome.value if turn.outcome is not None else None,
            "error.type": turn.error.kind if turn.error is not None else None,
            **content,
        }


def _of(record: AttemptRecord) -> dict[str, Value]:
    """What spans and metrics of a request share."""
    # Only a host with a colon at the right place has a port; an IPv6 address is in brackets.
    address, _, port = record.host.rpartition(":") if record.host[-1:].isdigit() else (record.host, "", "")
    has_port = bool(address) and port.isdecimal()
    return _known(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": _provider(record),
            "gen_ai.request.model": record.model,
            "server.address": (address if has_port else record.host).strip("[]") or None,
            "server.port": int(port) if has_port else None,
        }
    )


def _of_attempt(record: AttemptRecord) -> dict[str, Value | None]:
    return {
        **_of(record),
        **_error_of(record),
        "gen_ai.conversation.id": record.conversation_id,
        "gen_ai.response.finish_reasons": [record.stop_reason] if record.stop_reason else None,
        "gen_ai.response.time_to_first_chunk": record.ttft_seconds,
        "gen_ai.usage.input_tokens": record.input_tokens,
        "gen_ai.usage.output_tokens": record.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": record.cache_read_tokens,
        "gen_ai.usage.cache_creation.input_tokens": record.cache_write_tokens,
        "gen_ai.usage.reasoning.output_tokens": record.reasoning_tokens,
        "chatterm.outcome": record.outcome,
        "chatterm.attempt": record.attempt,
        "chatterm.round": record.round,
        "chatterm.retries": record.retries,
        "chatterm.fallback_from": record.fallback_from or None,
        "chatterm.cost_dollars": record.cost_dollars,
        "chatterm.cost_is_estimate": record.cost_is_estimate if record.cost_dollars is not None else None,
        "chatterm.reused_connection": record.reused_connection,
        "chatterm.tokens_per_second": record.tokens_per_second,
    }


def _error_of(record: AttemptRecord) -> dict[str, Value]:
    return {"error.type": record.error_kind} if record.error_kind else {}


def _provider(record: AttemptRecord) -> str:
    return _PROVIDERS.get(record.provider, record.provider)


def _known(attributes: Mapping[str, Value | None]) -> dict[str, Value]:
    return {name: value for name, value in attributes.items() if value is not None}


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1e9)


def _messages(message: Message) -> str:
    return json.dumps([{"role": message.role, "parts": _parts(message.text)}], ensure_ascii=False)


def _text_parts(text: str) -> str:
    return json.dumps(_parts(text), ensure_ascii=False)


def _parts(text: str) -> list[dict[str, str]]:
    return [{"type": "text", "content": text[:CONTENT_CHARACTERS]}]
