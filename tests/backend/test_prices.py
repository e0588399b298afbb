"""What a request cost: the provider's word, prices for sizes and caches, and what nobody can tell."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatterm.backend.model_facts import merged, read_table
from chatterm.backend.prices import FREE, UNKNOWN, Cost, cost_of, is_free
from chatterm.backend.providers.base import Endpoint, ModelInfo
from chatterm.config.model import ModelSettings
from chatterm.core.usage import Usage

PLAIN = ModelInfo(provider="p", id="m", price_input=2.0, price_output=10.0)
CACHED = replace(PLAIN, price_cache_read=0.2, price_cache_write=2.5)
DEARER = replace(CACHED, dearer_above_tokens=1000, dearer_prices=(4.0, 15.0, 0.4, 5.0))
NOTHING = ModelInfo(provider="p", id="m")


@pytest.mark.parametrize(
    ("usage", "facts", "dollars"),
    [
        (Usage(input=1_000_000, output=0), PLAIN, 2.0),
        (Usage(input=0, output=1_000_000), PLAIN, 10.0),
        (Usage(input=1000, output=100), PLAIN, 0.003),
        (Usage(input=1000, output=100, reasoning=90), PLAIN, 0.003),
        (Usage(input=1000, output=0, cache_read=1000), PLAIN, 0.002),
        (Usage(input=1000, output=0, cache_read=1000), CACHED, 0.0002),
        (Usage(input=1000, output=0, cache_read=600, cache_write=300), CACHED, 0.00107),
        (Usage(input=100, output=0, cache_read=600), CACHED, 0.00012),
        (Usage(input=1000, output=100), DEARER, 0.003),
        (Usage(input=1001, output=100), DEARER, 0.005504),
        (Usage(input=2000, output=0, cache_read=1000, cache_write=1000), DEARER, 0.0054),
    ],
)
def test_tokens_times_prices(usage: Usage, facts: ModelInfo, dollars: float) -> None:
    cost = cost_of(usage, facts)
    assert cost.is_estimate
    assert cost.dollars == pytest.approx(dollars, rel=1e-12)


@pytest.mark.parametrize(
    ("service", "model", "usage", "dollars"),
    # What the package that the table is made of makes of the same tokens.
    [
        ("openai", "gpt-5.5", Usage(input=10_000, output=2_000, cache_read=4_000), 0.092),
        ("openai", "gpt-5.5", Usage(input=300_000, output=2_000, cache_read=4_000), 3.054),
        (
            "anthropic",
            "claude-sonnet-4-5",
            Usage(input=10_000, output=2_000, cache_read=4_000, cache_write=1_000),
            0.04995,
        ),
        ("anthropic", "claude-sonnet-4-5", Usage(input=250_000, output=2_000, cache_write=1_000), 1.5465),
        ("gemini", "gemini-2.5-pro", Usage(input=250_000, output=2_000), 0.655),
        ("groq", "openai/gpt-oss-120b", Usage(input=10_000, output=2_000), 0.0027),
    ],
)
def test_prices_of_the_table(service: str, model: str, usage: Usage, dollars: float) -> None:
    facts = merged(ModelInfo(provider=service, id=model), ModelSettings(), read_table().find(service, model))
    assert cost_of(usage, facts.info).dollars == pytest.approx(dollars, rel=1e-9)


def test_every_model_of_the_table_that_becomes_dearer_says_how_much() -> None:
    rows = [
        row for service in read_table().services.values() for row in service.models if row.dearer_above_tokens
    ]
    assert len(rows) > 20
    for row in rows:
        assert row.dearer_prices is not None, row
        assert row.price_input is not None and (row.dearer_prices[0] or 0) >= row.price_input, row


def test_the_provider_knows_best() -> None:
    assert cost_of(Usage(input=10, output=10, cost=0.5), PLAIN) == Cost(0.5, is_estimate=False)
    assert cost_of(Usage(cost=0.0), PLAIN, free=True) == Cost(0.0, is_estimate=False)
    assert cost_of(Usage(cost=0.25), NOTHING) == Cost(0.25)


@pytest.mark.parametrize(
    ("usage", "facts"),
    [
        (Usage(), PLAIN),
        (Usage(input=10), PLAIN),
        (Usage(output=10), PLAIN),
        (Usage(input=10, output=10), NOTHING),
        (Usage(input=10, output=10), replace(PLAIN, price_output=None)),
        (Usage(input=10, output=10), replace(PLAIN, price_input=-1.0)),
        (Usage(input=-10, output=10), PLAIN),
        (Usage(input=2000, output=10), replace(DEARER, dearer_prices=None)),
        (Usage(input=10**300, output=10**300), replace(PLAIN, price_input=1e200)),
        (Usage(input="10", output=10), PLAIN),  # type: ignore[arg-type]  # what is reported may be anything
    ],
)
def test_what_nobody_can_tell(usage: Usage, facts: ModelInfo) -> None:
    assert cost_of(usage, facts) == UNKNOWN


@pytest.mark.parametrize("cost", [-1.0, math.nan, math.inf, "1", True])
def test_a_figure_that_is_none_is_passed_over(cost: float) -> None:
    assert cost_of(Usage(input=1_000_000, output=0, cost=cost), PLAIN) == Cost(2.0, is_estimate=True)


def test_free_is_only_what_is_certain() -> None:
    here = Endpoint(provider="ollama", base_url="http://127.0.0.1:11434", is_local=True)
    assert is_free(here, "llama3") and is_free(here, "cloudy:8b") and is_free(here, "my-cloud:8b")
    assert not is_free(here, "gpt-oss:120b-cloud") and not is_free(here, "kimi-k2.5:cloud")
    assert not is_free(replace(here, api_key="k"), "llama3")
    assert not is_free(replace(here, is_local=False), "llama3")
    assert cost_of(Usage(), NOTHING, free=True) == FREE
    assert Cost(0.0, is_estimate=False) == FREE
    priced = cost_of(Usage(input=1_000_000, output=0), PLAIN, free=True)
    assert priced == Cost(2.0, is_estimate=True), "who names a price for a model here means it"


tokens = st.integers(0, 10**9)
prices = st.floats(0, 1000)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    given_tokens = draw(tokens)
    read = draw(st.integers(0, given_tokens))
    written = draw(st.integers(0, given_tokens - read))
    return Usage(input=given_tokens, output=draw(tokens), cache_read=read, cache_write=written)


@st.composite
def models(draw: st.DrawFn) -> ModelInfo:
    price_input = draw(prices)
    return replace(
        NOTHING,
        price_input=price_input,
        price_output=draw(prices),
        price_cache_read=draw(st.none() | st.floats(0, price_input)),
        price_cache_write=draw(st.none() | prices),
    )


def dollars_of(usage: Usage, facts: ModelInfo) -> float:
    dollars = cost_of(usage, facts).dollars
    assert dollars is not None and dollars >= 0 and math.isfinite(dollars)
    return dollars


@settings(max_examples=60)
@given(usages(), usages(), models())
def test_two_requests_cost_what_they_cost_together(one: Usage, other: Usage, facts: ModelInfo) -> None:
    names = ("input", "output", "cache_read", "cache_write")
    both = Usage(**{name: getattr(one, name) + getattr(other, name) for name in names})
    assert dollars_of(both, facts) == pytest.approx(
        dollars_of(one, facts) + dollars_of(other, facts), abs=1e-9
    )


@settings(max_examples=60)
@given(usages(), models(), st.integers(1, 10**6))
def test_more_tokens_never_cost_less(usage: Usage, facts: ModelInfo, more: int) -> None:
    least = dollars_of(usage, facts)
    assert usage.input is not None and usage.output is not None
    assert dollars_of(replace(usage, input=usage.input + more), facts) >= least
    assert dollars_of(replace(usage, output=usage.output + more), facts) >= least


@settings(max_examples=60)
@given(usages(), models())
def test_reading_from_the_cache_never_costs_more(usage: Usage, facts: ModelInfo) -> None:
    without = replace(usage, input=usage.input, cache_read=0)
    assert dollars_of(usage, facts) <= dollars_of(without, facts) * (1 + 1e-9) + 1e-12


@settings(max_examples=60)
@given(usages(), models(), tokens)
def test_a_long_prompt_costs_the_dearer_prices_for_all_of_it(
    usage: Usage, facts: ModelInfo, above: int
) -> None:
    twice = tuple(None if price is None else 2 * price for price in (facts.price_input, facts.price_output))
    assert facts.price_input is not None and facts.price_output is not None
    cheap = replace(facts, price_cache_read=None, price_cache_write=None)
    stepped = replace(cheap, dearer_above_tokens=above, dearer_prices=(*twice, None, None))
    assert usage.input is not None
    factor = 2 if usage.input > above else 1
    assert dollars_of(usage, stepped) == pytest.approx(factor * dollars_of(usage, cheap))
