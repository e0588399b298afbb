"""An error that the program survives is kept in a file, and never printed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatterm.cli.crash import CrashLog, known_secrets

NAME = "chatterm.test"


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    logger = logging.getLogger("chatterm")
    before = (list(logger.handlers), logger.propagate)
    yield
    logger.handlers, logger.propagate = before


def test_an_error_goes_to_a_private_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    secrets: list[str] = []
    CrashLog(tmp_path, lambda: secrets).install()
    secrets.append("my-secret-key-1234")  # known since later than the start
    try:
        raise KeyError("it was my-secret-key-1234")
    except KeyError:
        logging.getLogger(NAME).exception("a turn failed")
    (report,) = tmp_path.glob("crash-*.txt")
    text = report.read_text()
    assert "KeyError" in text
    assert "my-secret-key-1234" not in text
    assert report.stat().st_mode & 0o777 == 0o600
    assert capfd.readouterr() == ("", "")


def test_the_rest_is_dropped(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    CrashLog(tmp_path).install()
    logging.getLogger(NAME).warning("odd")
    logging.getLogger(NAME).error("without a cause")
    assert list(tmp_path.glob("crash-*")) == []
    assert capfd.readouterr() == ("", "")


def test_what_the_engine_knows_is_not_told_either(tmp_path: Path) -> None:
    environ = {"LITELLM_MASTER_KEY": "master", "HOME": "/home/me"}
    assert known_secrets(environ) == ["master"]
    CrashLog(tmp_path, lambda: ["from-a-command"]).install()
    assert known_secrets(environ) == ["from-a-command", "master"]
