"""What every journey has: a new user, and a scripted server to talk to."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doubles.server import ScriptedServer
from tests.doubles.terminal import Terminal
from tests.journeys.program import Home


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The journeys are marked, and need a Linux terminal."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.pty)
            if sys.platform != "linux":
                item.add_marker(pytest.mark.skip(reason="the pseudo-terminal double is for Linux"))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A user who never started the program before."""
    return Home(tmp_path / "chatterm")


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A server on a thread."""
    with ScriptedServer.in_thread(models=("scripted-model", "llama3")) as running:
        yield running


@pytest.fixture
def openai(home: Home, server: ScriptedServer) -> Iterator[Terminal]:
    """The program, started against the server's OpenAI format and ready for a prompt."""
    with home.start("--base-url", server.base_url("openai"), "-m", "scripted-model") as terminal:
        terminal.wait_for("/ scripted-model")
        yield terminal
