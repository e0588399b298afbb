"""Rules choose the model for a turn, and the screen says which and why."""

from __future__ import annotations

from chatterm.config.model import RoutingRule, RoutingSettings, Settings
from tests.tui.conftest import PLAIN, Launch

RULES = (
    RoutingRule(model=f"{PLAIN}/quick-model", prefix="/fast"),
    RoutingRule(model=f"{PLAIN}/other-model", pattern="weather", name="it asks for the weather"),
)
ON = Settings(provider=PLAIN, routing=RoutingSettings(enabled=True, rules=RULES))
OFF = Settings(provider=PLAIN, routing=RoutingSettings(rules=RULES))


async def test_a_routed_turn_names_its_model_while_it_waits_and_says_why_at_its_end(launch: Launch) -> None:
    async with launch(settings=ON, size=(120, 30)) as program:
        await program.shown("rules · plain / test-model")
        await program.send("How is the weather?")
        stream = await program.provider.opened()
        await program.shown("waiting for other-model")
        stream.reply("Fine.")
        await program.shown("routed to plain/other-model because it asks for the weather")
        assert "plain / test-model" in program.text
        await program.send("/details")
        await program.shown("route")
        await program.pilot.press("escape")
        await program.pilot.press("alt+r")
        (await program.provider.opened()).reply("Still fine.")
        await program.until(lambda: program.session.running is None and "Still fine." in program.text)
        assert program.session.turns[-1].model == "other-model"


async def test_a_word_of_a_rule_is_no_unknown_command(launch: Launch) -> None:
    async with launch(settings=ON) as program:
        await program.shown("rules ·")
        await program.send("/fast what is it?")
        (await program.provider.opened()).reply("This.")
        await program.until(lambda: program.session.turns and program.session.turns[-1].outcome)
        assert program.session.turns[-1].model == "quick-model"
        assert program.session.turns[-1].prompt.text == "what is it?"
        await program.send("/route off")
        await program.send("/fast what is it?")
        await program.shown("There is no command /fast")


async def test_one_key_leaves_the_rules_out_once(launch: Launch) -> None:
    async with launch(settings=ON) as program:
        await program.shown("rules ·")
        await program.pilot.press("alt+o")
        await program.shown("no rules next · plain / test-model")
        await program.send("weather")
        (await program.provider.opened()).reply("Rain.")
        await program.shown("Rain.")
        assert program.session.turns[-1].model == "test-model"
        await program.until(lambda: "no rules next" not in program.text)
        await program.send("weather again")
        (await program.provider.opened()).reply("Sun.")
        await program.shown("Sun.")
        assert program.session.turns[-1].model == "other-model"


async def test_rules_are_listed_turned_on_and_explained(launch: Launch) -> None:
    async with launch(settings=OFF, size=(120, 30)) as program:
        await program.shown("plain / test-model")
        assert "rules ·" not in program.text
        await program.pilot.press("alt+o")
        await program.shown("No rules choose the model")
        await program.send("/route on")
        await program.shown("2 rules choose who answers from now on")
        await program.send("/route")
        await program.shown("begins with /fast")
        await program.shown("it asks for the weather")
        await program.pilot.press("escape")
        await program.send("/route test weather in [Rome]")
        await program.shown("plain/other-model answers it.")
        await program.shown("it does not begin with /fast")
        await program.pilot.press("escape")
        await program.send("/route off")
        await program.shown("The conversation's model answers every prompt.")
        await program.send("/route sideways")
        await program.shown("/route cannot do 'sideways'")
