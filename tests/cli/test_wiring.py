"""What the engine does with the settings."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatterm.backend.reporting.performance_log import LOG_NAME, read_log
from chatterm.cli.crash import CrashLog
from chatterm.cli.performance_wiring import build_performance
from chatterm.cli.start_options import StartOptions
from chatterm.cli.start_settings import read_settings
from chatterm.cli.wiring import Engine, build_engine
from chatterm.core.errors import BudgetReachedError
from chatterm.store.database import Database
from tests.store.test_performance import record


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


@pytest.mark.parametrize("name", ["chatterm.db", None], ids=["saved", "unsaved"])
async def test_what_a_request_cost_counts_for_the_budget_at_once(tmp_path: Path, name: str | None) -> None:
    (tmp_path / "config.toml").write_text("[budget]\nday_dollars = 1.0\n")
    paths, loaded = read_settings(StartOptions(), {"CHATTERM_HOME": str(tmp_path)})
    database = Database(tmp_path / name if name is not None else None)
    service = build_performance(paths, database, loaded)
    await service.budget.require("c")
    service.performance.give(record(1, at=time.time(), cost_dollars=1.5))
    with pytest.raises(BudgetReachedError):
        service.budget.require_more("c")
    assert (await service.store.spent_in("c")).dollars == 1.5
    service.close(5)
    if name is not None:
        assert [
            each and each.id for each in read_log((paths.state / LOG_NAME).read_bytes().splitlines())
        ] == ["r1"]
    assert (service.log is None) == (name is None) and database.close(5)
