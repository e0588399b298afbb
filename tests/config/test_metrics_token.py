"""The token of the metrics server: long, kept, and nobody else's."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from chatterm.config.metrics_token import find_token
from chatterm.core.errors import ConfigError


def test_it_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "state" / "metrics-token"
    token = find_token(file)
    assert len(token) == 43 and find_token(file) == token
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert find_token(tmp_path / "other") != token


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o622])
def test_a_file_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "token"
    find_token(file)
    file.chmod(mode)
    with pytest.raises(ConfigError, match="not yours alone"):
        find_token(file)


@pytest.mark.parametrize("text", ["", "short", "x" * 42, "x" * 44, "é" * 43, "x" * 43 + "\n\n"])
def test_a_file_without_a_token_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "token"
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(ConfigError, match="holds no token"):
        find_token(file)


def test_a_folder_that_cannot_be_made_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"cannot be (kept|read)"):
        find_token(tmp_path / "file" / "token")
