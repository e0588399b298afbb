"""Every test runs as a new user: own home, no keys, no proxies, a fixed locale."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says more of what else the machine does than of the code.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("chatterm", _PATIENT)
# Where a result decides, the same examples each time; elsewhere new ones are looked for.
settings.register_profile("chatterm-ci", _PATIENT, derandomize=True, database=None)
settings.load_profile("chatterm-ci" if os.environ.get("CI") else "chatterm")

_LEAKS = (
    "_API_KEY",
    "_PROXY",
    "_proxy",
    "OPENAI_",
    "OLLAMA_",
    "CHATTERM_",
    "XDG_",
    "NO_COLOR",
    "EDITOR",
    "VISUAL",
    "TEXTUAL",
    "SSL_CERT",
    "ESCDELAY",
    "TMUX",
    "STY",
)


def pytest_configure() -> None:
    """Undo what a shell does that runs the tests in the background: every program that a test starts inherits it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_auto_num_workers() -> int:
    """One worker more than there are cores: the tests wait for programs and sockets about a third of their time."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture(autouse=True)
def new_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty home folder, and an environment in which nothing of the machine shows."""
    for name in list(os.environ):
        if any(leak in name for leak in _LEAKS):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("CHATTERM_HOME", str(home / "chatterm"))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    yield home
