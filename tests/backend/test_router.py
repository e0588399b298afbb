"""The routing of a conversation: one turn goes elsewhere, the conversation's own model stays chosen."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from chatterm.backend.payload_cache import PayloadCache
from chatterm.backend.providers.base import ModelInfo
from chatterm.backend.routing.router import Router
from chatterm.backend.session import Prompt, Session
from chatterm.backend.targets import Targets
from chatterm.backend.worker import Worker
from chatterm.core.errors import ConnectionFailedError, ModelNotFoundError
from chatterm.core.turn import Turn
from tests.backend.conftest import MakeTargets
from tests.doubles.provider import GatedProvider
from tests.doubles.turn_store import MemoryTurnStore

RULES = """
[routing]
enabled = true
[[routing.rules]]
prefix = "/fast"
model = "box/quick"
[[routing.rules]]
pattern = "weather"
model = "box/seer"
[providers.box]
base_url = "http://127.0.0.1:9/v1"
retries = 0
[aliases]
other = "box/another"
"""


class Routed:
    """A session with a router, and the provider that answers for every model."""

    def __init__(self, targets: Targets, provider: GatedProvider) -> None:
        self.provider, self.store = provider, MemoryTurnStore()

        async def load_blobs(digests: frozenset[str]) -> dict[str, bytes]:
            return {digest: b"" for digest in digests}

        self.session = Session(self.store, Worker(PayloadCache(), load_blobs, time.monotonic))
        self.router = Router(targets, has_rules=bool(targets.settings.routing.rules), enabled=True)
        self.session.router = self.router

    async def ask(self, text: str) -> Turn:
        handle = self.session.start_turn(Prompt(text))
        (await self.provider.opened()).reply("yes")
        return await handle.result()

    async def again(self, *, named: bool = False) -> Turn:
        handle = self.session.regenerate(self.session.target if named else None)
        assert handle is not None
        (await self.provider.opened()).reply("yes")
        return await handle.result()


@pytest.fixture
async def routed(make_targets: MakeTargets, monkeypatch: pytest.MonkeyPatch) -> Routed:
    return await of(make_targets(RULES), monkeypatch)


async def of(targets: Targets, monkeypatch: pytest.MonkeyPatch) -> Routed:
    """The rules' own targets resolve as ever; the answers come from the gated provider."""
    from dataclasses import replace

    provider = GatedProvider()
    resolve: Callable[..., object] = Targets.resolve

    def gated(self: Targets, name: str, model: str):
        target = resolve(self, name, model)
        plain = provider.target(model)
        return replace(target, adapter=plain.adapter, open_stream=plain.open_stream, endpoint=plain.endpoint)  # type: ignore[type-var]  # a double

    monkeypatch.setattr(Targets, "resolve", gated)
    made = Routed(targets, provider)
    await made.session.use(targets.resolve("box", "own"))
    return made


async def test_one_turn_goes_elsewhere_and_the_conversation_stays_with_its_model(routed: Routed) -> None:
    turn = await routed.ask("How is the weather?")
    assert (turn.provider, turn.model) == ("box", "seer")
    assert turn.routed == "routed to box/seer because it matches /weather/"
    assert routed.session.target is not None and routed.session.target.model == "own"
    turn = await routed.ask("Thanks")
    assert (turn.model, turn.routed) == ("own", "")


async def test_the_word_that_chose_is_not_sent(routed: Routed) -> None:
    turn = await routed.ask("/fast what is it?")
    assert (turn.model, turn.prompt.text) == ("quick", "what is it?")
    assert routed.provider.bodies()[-1][-1]["text"] == "what is it?"


async def test_a_rule_off_or_left_out_once_leaves_the_own_model(routed: Routed) -> None:
    routed.router.skips_next = True
    assert (await routed.ask("weather")).model == "own"
    assert (await routed.ask("weather")).model == "seer"
    routed.router.enabled = False
    assert (await routed.ask("weather")).model == "own"


async def test_what_is_asked_again_stays_with_who_answered(routed: Routed) -> None:
    await routed.ask("weather")
    again = await routed.again()
    assert again.model == "seer" and again.routed.startswith("routed to box/seer")
    assert (await routed.again(named=True)).model == "own"


async def test_a_model_chosen_since_answers_again(routed: Routed) -> None:
    await routed.ask("weather")
    await routed.session.use(routed.router.targets.resolve("box", "chosen"))
    again = await routed.again()
    assert (again.model, again.routed) == ("chosen", "")


async def test_a_resumed_conversation_stays_with_who_answered(routed: Routed) -> None:
    await routed.ask("weather")
    await routed.session.use(routed.router.targets.resolve("box", "own"))
    routed.router.resumed(routed.session.target)
    assert (await routed.again()).model == "seer"


async def test_a_reply_that_is_gone_on_with_keeps_where_it_was_routed(routed: Routed) -> None:
    handle = routed.session.start_turn(Prompt("weather"))
    stream = await routed.provider.opened()
    stream.send(text="It is")
    stream.fail(ConnectionFailedError("The line is cut."))
    cut = await handle.result()
    target = routed.router.targets.resolve(cut.provider, cut.model)
    for answerer in (None, target):
        handle = routed.session.continue_reply(answerer)
        (await routed.provider.opened()).fail(ConnectionFailedError("The line is cut."))
        assert (handle.turn.model, handle.turn.routed) == ("seer", cut.routed)
        await handle.result()


async def test_a_summary_is_not_routed(make_targets: MakeTargets, monkeypatch: pytest.MonkeyPatch) -> None:
    routed = await of(make_targets(RULES.replace("weather", "sum up")), monkeypatch)
    await routed.ask("hello")
    handle = routed.session.compact()
    (await routed.provider.opened()).reply("little was said")
    assert (await handle.result()).model == "own"


async def test_the_own_model_comes_last_where_the_routed_one_cannot(routed: Routed) -> None:
    handle = routed.session.start_turn(Prompt("weather"))
    (await routed.provider.opened()).fail(ModelNotFoundError("There is no such model."))
    (await routed.provider.opened()).reply("yes")
    turn = await handle.result()
    assert (turn.model, turn.asked) == ("own", "box/seer")
    assert turn.reply.text == "yes" and turn.routed.startswith("routed to box/seer")


async def test_a_rule_with_a_model_that_cannot_be_is_told_and_the_own_one_answers(
    make_targets: MakeTargets, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = '[providers.box]\nbase_url = "http://127.0.0.1:9/v1"\n[[routing.rules]]\nmodel = "nowhere/m"\n'
    routed = await of(make_targets(text), monkeypatch)
    turn = await routed.ask("hello")
    assert turn.model == "own"
    assert turn.routed == "not routed to nowhere/m: There is no provider 'nowhere'. box/own is asked"


async def test_a_rule_without_a_key_is_passed_over_and_an_alias_is_read(
    make_targets: MakeTargets, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = '[[routing.rules]]\nmodel = "perplexity/sonar"\n[[routing.rules]]\nmodel = "other"\n'
    routed = await of(make_targets(RULES.replace("[aliases]", rules + "[aliases]")), monkeypatch)
    turn = await routed.ask("hello")
    assert (turn.provider, turn.model) == ("box", "another")
    first = routed.router.explain("hello", (), routed.session.target)[2]
    assert first.fails == ("there is no key for Perplexity",)


async def test_without_rules_they_are_made_of_keys_and_local_models(make_targets: MakeTargets) -> None:
    targets = make_targets("", PERPLEXITY_API_KEY="k")
    address = targets.address("ollama")
    models = [ModelInfo(provider="ollama", id="llava", images=True, size_bytes=5)]
    targets.known.learn("ollama", address, models)
    rules = Router(targets, enabled=True).rules(targets.resolve("openai", "gpt-5.5"))
    assert [(rule.name, rule.model) for rule in rules] == [
        ("it has an image", "ollama/llava"),
        ("it asks about recent events", "perplexity/sonar"),
        ("it is a quick question", "ollama/llava"),
    ]
    assert Router(targets, has_rules=True).rules(None) == ()
