"""What the engine does with the settings."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatterm.cli.crash import CrashLog
from chatterm.cli.start_options import StartOptions
from chatterm.cli.start_settings import read_settings
from chatterm.cli.wiring import Engine, build_engine


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    (tmp_path / "config.toml").write_text(
        'system = "Be brief."\n[providers.mine]\nbase_url = "http://127.0.0.1:9/v1"\napi_key_env = "WORK"\n'
    )
    environ = {"CHATTERM_HOME": str(tmp_path), "WORK": "the-work-key"}
    logger = logging.getLogger("chatterm")
    before = (list(logger.handlers), logger.propagate)
    engine = build_engine(*read_settings(StartOptions(), environ), environ)
    yield engine
    logger.handlers, logger.propagate = before
    assert engine.database.close(5)


def test_the_system_prompt_of_the_settings_is_for_new_conversations(engine: Engine) -> None:
    assert engine.new_session(None, (), None).system == "Be brief."
    assert engine.new_session(None, (), "Be long.").system == "Be long."
    assert engine.new_session("an-older-one", (), None).system is None
    assert engine.new_session("an-older-one", (), "Be long.").system == "Be long."


def test_a_crash_report_leaves_out_what_the_settings_name(engine: Engine) -> None:
    (log,) = (handler for handler in logging.getLogger("chatterm").handlers if isinstance(handler, CrashLog))
    assert log.secrets() == ["the-work-key"]
    assert engine.targets.keys.secrets() == ["the-work-key"]
