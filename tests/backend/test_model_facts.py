"""What is known of models: lists, settings, and the table that comes along."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from importlib import resources

import pytest

from chatterm.backend.model_facts import KnownModels, TableRow, means, merged, read_table
from chatterm.backend.providers.base import ModelInfo
from chatterm.config.model import ModelSettings
from tests.backend.conftest import MakeLists, MakeTargets
from tests.cpu_time import within
from tests.doubles.server import ScriptedServer
from tests.doubles.server_replies import whole

ROW = TableRow([], 1000, 2.0, 8.0, 0.5, 2.5, 500)


def test_the_table_says_where_it_is_from() -> None:
    stamp = read_table().stamp
    assert stamp.package == "genai-prices"
    assert stamp.version and stamp.source.startswith("https://")
    assert date.fromisoformat(stamp.made_on) >= date(2026, 11, 21)
    assert stamp.licence == "MIT"
    assert "Permission is hereby granted" in stamp.licence_text and "Pydantic" in stamp.licence_text


def test_the_table_is_small_and_soon_read() -> None:
    assert len(resources.files("chatterm.backend").joinpath("model_facts.json").read_bytes()) < 300_000
    assert within(0.015, read_table) is None


def test_the_table_is_sound() -> None:
    table = read_table()
    for name, service in table.services.items():
        assert service.models, name
        for row in service.models:
            assert row.context_tokens is None or row.context_tokens > 0
            prices = (row.price_input, row.price_output, row.price_cache_read, row.price_cache_write)
            assert all(price is None or 0 <= price < 2000 for price in prices), row
        assert all(other in table.services for other in service.beyond)
        assert table.find(name, "no-model-is-called-this-\n") is None


@pytest.mark.parametrize(
    ("service", "model", "context", "price_input"),
    [
        ("openai", "gpt-4o", 128_000, 2.5),
        ("openai", "gpt-4o-2024-08-06", 128_000, 2.5),
        ("openai", "gpt-5.5", 1_000_000, 5.0),
        ("anthropic", "claude-sonnet-4-5-20250929", 200_000, 3.0),
        ("azure", "GPT-4o", 128_000, 2.5),
        ("perplexity", "sonar-pro", 200_000, 3.0),
    ],
)
def test_models_of_the_table(service: str, model: str, context: int, price_input: float) -> None:
    row = read_table().find(service, model)
    assert row is not None
    assert (row.context_tokens, row.price_input) == (context, price_input)


def test_a_date_without_dashes_means_the_same_model() -> None:
    table = read_table()
    assert table.find("openai", "gpt-4o-20240806") == table.find("openai", "gpt-4o-2024-08-06") is not None
    assert table.find("nobody", "gpt-4o") is None


@pytest.mark.parametrize(
    ("rule", "yes", "no"),
    [
        (["equals", "a"], "a", "ab"),
        (["starts", "a"], "ab", "ba"),
        (["ends", "a"], "ba", "ab"),
        (["contains", "a"], "bab", "b"),
        (["regex", "^a\\d$"], "a1", "a12"),
        (["or", ["equals", "a"], ["equals", "b"]], "b", "c"),
        (["and", ["starts", "a"], ["ends", "b"]], "axb", "ax"),
    ],
)
def test_rules(rule: list[object], yes: str, no: str) -> None:
    assert means(rule, yes)
    assert not means(rule, no)
    assert not means(["unheard", yes], yes)


def test_the_provider_comes_first_then_the_settings_then_the_table() -> None:
    listed = ModelInfo(provider="p", id="m", context_tokens=3, images=False)
    facts = merged(listed, ModelSettings(context_tokens=9, output_tokens=5, images=True), ROW)
    assert (facts.info.context_tokens, facts.info.output_tokens, facts.info.images) == (3, 5, False)
    assert (facts.info.price_input, facts.info.price_cache_read) == (2.0, 0.5)
    assert facts.info.tools is None
    assert facts.sources == {
        "context_tokens": "provider",
        "images": "provider",
        "output_tokens": "settings",
        "price_input": "table",
        "price_output": "table",
        "price_cache_read": "table",
        "price_cache_write": "table",
        "dearer_above_tokens": "table",
    }


def test_a_price_of_the_settings_has_no_cache_prices_of_the_table() -> None:
    facts = merged(ModelInfo(provider="p", id="m"), ModelSettings(price_input=1.0, price_output=0.0), ROW)
    assert (facts.info.price_input, facts.info.price_output) == (1.0, 0.0)
    assert (facts.info.price_cache_read, facts.info.dearer_above_tokens) == (None, None)


async def test_the_table_is_read_when_it_is_asked_for() -> None:
    known, settings = KnownModels(), ModelSettings()
    assert known.facts_of("openai", "", "gpt-4o", settings, "openai").info.context_tokens is None
    await known.load()
    assert known.facts_of("openai", "", "gpt-4o", settings, "openai").info.context_tokens == 128_000
    assert known.facts_of("openai", "", "gpt-4o", settings, None).info.context_tokens is None


def test_nothing_is_read_at_import() -> None:
    code = (
        "import sys\n"
        "sys.addaudithook(lambda name, given: print(given[0])"
        " if name == 'open' and str(given[0]).endswith('model_facts.json') else None)\n"
        "import chatterm.backend.model_facts, chatterm.backend.models\n"
        "chatterm.backend.model_facts.read_table()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) == 1  # by the last line of it


async def test_the_table_holds_only_at_the_services_own_address(make_targets: MakeTargets) -> None:
    own = make_targets()
    await own.known.load()
    assert own.facts_of("openai", "gpt-4o").info.price_input == 2.5
    assert own.facts_of("gemini", "gemini-2.5-pro").info.price_input is not None
    assert own.facts_of("nobody", "gpt-4o").info.price_input is None
    elsewhere = make_targets('[providers.openai]\nbase_url = "http://127.0.0.1:9/v1"\n')
    await elsewhere.known.load()
    assert elsewhere.facts_of("openai", "gpt-4o").info.price_input is None


async def test_a_target_knows_the_longest_answer_as_soon_as_a_list_has_told_it(
    make_targets: MakeTargets, make_lists: MakeLists
) -> None:
    async with ScriptedServer() as server:
        server.routes["/v1/models"] = lambda _: whole({"data": [{"id": "m", "max_output_tokens": 4096}]})
        targets = make_targets(f'[providers.mine]\nbase_url = "http://127.0.0.1:{server.port}/v1"\n')
        target, lists = targets.resolve("mine", "m"), make_lists(targets)
        assert target.max_output_tokens is None
        await lists.fetch("mine")
        assert target.max_output_tokens == 4096
    again = make_targets(f'[providers.mine]\nbase_url = "http://127.0.0.1:{server.port}/v1"\n')
    await make_lists(again).prepare("mine")  # from what was kept
    assert again.resolve("mine", "m").max_output_tokens == 4096


async def test_what_is_joined_is_joined_again_when_any_of_it_changes() -> None:
    known = KnownModels()

    def facts(settings: ModelSettings) -> tuple[int | None, int | None]:
        info = known.facts_of("openai", "a", "gpt-4o-mini", settings, "openai").info
        return info.context_tokens, info.output_tokens

    own = ModelSettings(output_tokens=7)
    assert facts(own) == (None, 7)
    await known.load()
    from_table, _ = facts(own)
    assert from_table is not None
    known.learn("openai", "a", [ModelInfo(provider="openai", id="gpt-4o-mini", context_tokens=5)])
    assert facts(own) == (5, 7)
    assert facts(ModelSettings(output_tokens=8)) == (5, 8)
    assert facts(own) == (5, 7)
