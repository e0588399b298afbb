"""The official SDK, loaded when the first server is used: over a second of work, so never on the event loop."""

from __future__ import annotations

import logging
from importlib import import_module

from chatterm.backend.daemon_thread import in_daemon_thread
from chatterm.core.errors import ToolError

MISSING = "the MCP library is not installed; run: pip install 'chatterm[mcp]'"

_LOGGERS = ("mcp", "client", "httpx2", "httpcore2")
"""Of the SDK and its HTTP client. They log what servers send, and whole addresses, to wherever logs go."""


async def load_sdk() -> None:
    """Import the SDK in the background. Raises `ToolError` with what to do where it is not installed."""
    await in_daemon_thread(_import, "mcp-sdk")


def _import() -> None:
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        for module in ("mcp.client.session", "mcp.client.streamable_http"):
            import_module(module)
    except ImportError:
        raise ToolError(MISSING) from None
