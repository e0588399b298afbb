"""Rules choose the model: which one fires, why the others do not, and that no pattern holds anything up."""

from __future__ import annotations

import pytest

from chatterm.backend.model_facts import read_table
from chatterm.backend.providers.base import ModelInfo
from chatterm.backend.routing.default_rules import CODING, QUICK_MODELS, SEARCHING, Found, default_rules
from chatterm.backend.routing.rules import (
    DECIDE_SECONDS,
    Route,
    RouteFacts,
    decide,
    describe,
    prefix_of,
    verdicts,
    without_prefix,
)
from chatterm.config.model import RoutingRule
from chatterm.core.messages import ImagePart, Part
from tests.backend.routed_prompts import CODE, IMAGE, OWN, PROMPTS, QUICK, RECENT, UNSEEN
from tests.cpu_time import within

PICTURE = ImagePart(media_type="image/png", sha256="0" * 64)


def facts(model: str) -> RouteFacts:
    return {
        "keyless": RouteFacts(missing="there is no key for keyless"),
        "local": RouteFacts(is_local=True),
        "cheap": RouteFacts(price=0.5),
        "dear": RouteFacts(price=75.0),
    }.get(model, RouteFacts())


def taken(prompt: str, *rules: RoutingRule, parts: tuple[Part, ...] = ()) -> str | None:
    route = decide(prompt, parts, rules, facts)
    return route.model if route else None


# ---- single conditions ---------------------------------------------------------------------


def test_no_rule_chooses_nothing() -> None:
    assert decide("hello", (), (), facts) is None


def test_a_rule_without_conditions_takes_all_and_the_first_wins() -> None:
    assert taken("x", RoutingRule(model="a"), RoutingRule(model="b")) == "a"


@pytest.mark.parametrize(
    ("rule", "yes", "no"),
    [
        (RoutingRule(model="m", pattern=r"\bwetter\b"), "Das WETTER heute", "Wetterhahn"),
        (RoutingRule(model="m", shortest=5), "12345", "1234"),
        (RoutingRule(model="m", longest=5), "12345", "123456"),
        (RoutingRule(model="m", prefix="/fast"), "/fast what is it", "/faster what is it"),
        (RoutingRule(model="m", code=True), "```\nx\n```", "hello"),
        (RoutingRule(model="m", code=False), "hello", "```\nx\n```"),
        (RoutingRule(model="m", recent=True), "What are the latest news?", "What is news?"),
        (RoutingRule(model="m", recent=False), "hello", "What are the latest news?"),
        (RoutingRule(model="m", longest=9, pattern="a"), "banana", "banana and apple"),
    ],
)
def test_conditions_of_the_prompt(rule: RoutingRule, yes: str, no: str) -> None:
    assert taken(yes, rule) == "m"
    assert taken(no, rule) is None


def test_conditions_of_attachments() -> None:
    assert taken("x", RoutingRule(model="m", image=True), parts=(PICTURE,)) == "m"
    assert taken("x", RoutingRule(model="m", image=True)) is None
    assert taken("x", RoutingRule(model="m", image=False)) == "m"


def test_conditions_of_the_model() -> None:
    assert taken("x", RoutingRule(model="cheap", most_price=1)) == "cheap"
    assert taken("x", RoutingRule(model="dear", most_price=1)) is None
    assert taken("x", RoutingRule(model="unknown", most_price=1)) is None
    assert taken("x", RoutingRule(model="local", most_price=0)) == "local"
    assert taken("x", RoutingRule(model="local", local_only=True)) == "local"
    assert taken("x", RoutingRule(model="cheap", local_only=True)) is None


def test_a_rule_whose_model_has_no_key_is_passed_over() -> None:
    assert taken("x", RoutingRule(model="keyless"), RoutingRule(model="b")) == "b"


def test_the_reason_is_that_of_the_rule_or_what_held() -> None:
    named = RoutingRule(model="m", name="it is short", longest=9)
    assert decide("x", (), [named], facts) == Route("m", "it is short")
    route = decide("/fast x", (), [RoutingRule(model="m", prefix="/fast", longest=9)], facts)
    assert route == Route("m", "it begins with /fast and it has 7 characters", "/fast")


def test_each_rule_tells_what_holds_and_what_does_not() -> None:
    rules = [RoutingRule(model="dear", most_price=1, longest=9), RoutingRule(model="m", image=True)]
    first, second = verdicts("hello", (), rules, facts)
    assert first.holds == ("it has 5 characters",) and not first.fires
    assert first.fails == ("dear costs $75 for a million tokens",)
    assert second.fails == ("it has no image",)
    assert [describe(rule) for rule in rules] == [
        "at most 9 characters, model for at most $1",
        "has an image",
    ]


def test_a_prefix_is_a_whole_word_and_is_not_sent() -> None:
    rules = [RoutingRule(model="m", prefix="/fast")]
    assert prefix_of("/fast", rules) == prefix_of("/fast\nx", rules) == "/fast"
    assert prefix_of("/faster x", rules) == prefix_of("x /fast", rules) == ""
    assert without_prefix("/fast  what?", "/fast") == "what?"


# ---- hostile input -------------------------------------------------------------------------


@pytest.mark.parametrize("pattern", ["(", "(?P<", "a{99999999999}", "[z-a]", "(" * 400])
def test_a_broken_pattern_does_not_fire_and_says_so(pattern: str) -> None:
    rule = RoutingRule(model="m", pattern=pattern)
    (verdict,) = verdicts("aaa", (), [rule], facts)
    assert not verdict.fires and "is no regular expression" in verdict.fails[0]


HOSTILE = ["(a+)+$", "(a|aa)+$", ".*.*.*.*x", "(?:a?){400}b"]


@pytest.mark.parametrize("pattern", HOSTILE)
def test_a_hostile_pattern_is_broken_off(pattern: str) -> None:
    rule = RoutingRule(model="m", pattern=pattern)
    (verdict,) = verdicts("a" * 6000 + "b!", (), [rule], facts)
    assert verdict.fails == (f"/{pattern}/ takes too long",)


def test_many_hostile_patterns_together_take_bounded_time() -> None:
    rules = [RoutingRule(model="m", pattern=f"{HOSTILE[0]}{number}") for number in range(200)]
    prompt = "a" * 6000 + "b!"
    assert within(4 * DECIDE_SECONDS, lambda: decide(prompt, (), rules, facts)) is None


@pytest.mark.parametrize(
    "prompt",
    [
        "a" * 200_000,
        "today " * 40_000,
        "'" * 100_000,
        "what is " * 20_000,
        "select " * 20_000,
        "(" * 100_000,
        "for a in " * 20_000,
        "latest\n" * 20_000,
        "\n  a" * 30_000,
        "</" * 50_000,
        "this: " * 20_000,
    ],
    ids=lambda prompt: repr(prompt[:12]),
)
def test_no_prompt_holds_up_the_default_rules(prompt: str) -> None:
    rules = default_rules(ALL)
    assert within(4 * DECIDE_SECONDS, lambda: decide(prompt, (), rules, facts)) is None


# ---- the default rules ---------------------------------------------------------------------

LOCAL = (
    ModelInfo(provider="ollama", id="big", size_bytes=40),
    ModelInfo(provider="ollama", id="small", size_bytes=4),
    ModelInfo(provider="ollama", id="nomic-embed", size_bytes=1),
    ModelInfo(provider="ollama", id="seer", images=True, size_bytes=20),
)
ALL = Found(keyed=lambda _: True, listed=(), local=LOCAL, own="openai/gpt-5.5")
KINDS = {
    "ollama/seer": IMAGE,
    "perplexity/sonar": RECENT,
    "anthropic/claude-sonnet-5-5": CODE,
    "ollama/small": QUICK,
}


def kind(prompt: str, found: Found = ALL) -> str:
    parts = (PICTURE,) if "[image]" in prompt else ()
    route = decide(prompt.replace("[image]", "").strip(), parts, default_rules(found), facts)
    return KINDS[route.model] if route else OWN


def test_the_default_rules_do_what_a_person_would() -> None:
    wrong = [(prompt, wanted, kind(prompt)) for prompt, wanted in PROMPTS if kind(prompt) != wanted]
    assert len(PROMPTS) == 80
    assert len(wrong) <= 4, wrong


def test_they_do_passably_with_prompts_that_nobody_had_in_mind_and_seldom_search_for_nothing() -> None:
    wrong = [(prompt, wanted, kind(prompt)) for prompt, wanted in UNSEEN if kind(prompt) != wanted]
    assert len(wrong) <= len(UNSEEN) / 4, wrong
    assert len([got for _, _, got in wrong if got == RECENT]) <= 1


def test_who_has_nothing_gets_no_rules() -> None:
    assert default_rules(Found(keyed=lambda _: False, listed=(), local=(), own="guide/manual")) == ()


def test_rules_are_made_of_the_keys_that_there_are() -> None:
    keys = {"openrouter", "groq", "deepseek"}
    listed = (
        ModelInfo(provider="nokey", id="v", images=True),
        ModelInfo(provider="groq", id="v", images=True),
    )
    found = Found(keyed=keys.__contains__, listed=listed, local=(), own="groq/x")
    assert [rule.model for rule in default_rules(found)] == [
        "groq/v",
        "deepseek/deepseek-chat",
        "openrouter/perplexity/sonar",
        "groq/llama-3.1-8b-instant",
    ]


def test_a_model_that_takes_images_keeps_them_and_a_local_one_the_quick_questions() -> None:
    own = Found(
        keyed=lambda _: False,
        listed=(),
        local=LOCAL,
        own="ollama/big",
        own_takes_images=True,
        own_is_local=True,
    )
    rules = default_rules(own)
    assert {rule.name: rule.model for rule in rules} == {
        "it has an image": "ollama/big",
        "it is a quick question": "ollama/big",
    }


def test_a_local_model_for_code_serves_where_no_key_is_there() -> None:
    coder = ModelInfo(provider="ollama", id="qwen3-coder", size_bytes=9)
    found = Found(
        keyed=lambda _: False, listed=(), local=(coder,), own="ollama/qwen3-coder", own_is_local=True
    )
    assert next(rule for rule in default_rules(found) if rule.code).model == "ollama/qwen3-coder"


def test_the_models_named_by_default_are_known() -> None:
    table = read_table()
    for name in (*SEARCHING[:1], *CODING, *QUICK_MODELS):
        provider, _, model = name.partition("/")
        assert table.find(provider, model) is not None, name
