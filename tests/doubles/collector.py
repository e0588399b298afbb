"""A collector of OpenTelemetry on loopback: takes OTLP over HTTP and keeps what came."""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, cast

from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

_TRACES: Any = trace_service_pb2
_METRICS: Any = metrics_service_pb2


@dataclass
class Collector:
    """What came: the names of spans and metrics, and the headers and bodies of the requests; what goes to the path
    `refused` is not taken."""

    port: int = 0
    headers: list[Mapping[str, str]] = field(default_factory=list[Mapping[str, str]])
    spans: list[str] = field(default_factory=list[str])
    metrics: list[str] = field(default_factory=list[str])
    bodies: bytes = b""
    refused: str = ""

    @property
    def address(self) -> str:
        """Where it is, as a setting has it."""
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def collecting() -> Generator[Collector]:
    """A collector that runs meanwhile."""
    kept = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.headers.append(dict(self.headers))
            kept.bodies += body
            if self.path == "/v1/traces":
                for sent in _TRACES.ExportTraceServiceRequest.FromString(body).resource_spans:
                    kept.spans += [span.name for scope in sent.scope_spans for span in scope.spans]
            elif self.path == "/v1/metrics":
                for sent in _METRICS.ExportMetricsServiceRequest.FromString(body).resource_metrics:
                    kept.metrics += [each.name for scope in sent.scope_metrics for each in scope.metrics]
            self.send_response(404 if self.path == kept.refused else 200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        kept.port = cast("tuple[str, int]", server.server_address)[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield kept
        finally:
            server.shutdown()
            thread.join()
