"""`chatterm serve`: figures for other programs, over HTTP on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

USUAL_PORT = 9464


def serve(
    *,
    metrics: Annotated[
        bool, typer.Option("--metrics", help="Serve figures on this machine.", show_default=False)
    ] = False,
    port: Annotated[
        int, typer.Option("--port", metavar="P", min=0, max=65_535, help="Port; 0 takes a free one.")
    ] = USUAL_PORT,
) -> None:
    """Serve figures to other programs on this machine, until Ctrl+C.

    /health, /metrics for Prometheus and /metrics/performance?last_n=100, with a token."""
    if not metrics:
        raise typer.BadParameter("the chat in a browser is not there yet; --metrics serves figures.")
    from chatterm.cli.serve_metrics import serve_metrics

    raise typer.Exit(serve_metrics(port))
