"""Choosing a model: at the start, in the picker, by name, offline, and with none at all."""

from __future__ import annotations

from datetime import UTC, datetime

from chatterm.config.model import Settings
from chatterm.core.errors import ModelNotFoundError
from chatterm.tui.services import Start
from tests.tui.conftest import PLAIN, Launch


async def test_first_start_with_a_key_and_no_model_opens_the_picker(launch: Launch) -> None:
    async with launch(settings=Settings(), environ={"OPENAI_API_KEY": "sk-secret"}) as program:
        await program.shown("Choose a model")
        await program.shown("openai")
        await program.pilot.press("escape")
        await program.shown("no model")
        await program.shown("Choose a model of OpenAI.")


async def test_a_provider_without_its_key_is_told_what_is_missing(launch: Launch) -> None:
    async with launch(settings=Settings(), begin=Start(provider="openai")) as program:
        await program.shown("There is no API key for OpenAI. Set OPENAI_API_KEY")
        await program.shown("No model is chosen yet.")
        assert "Choose a model of OpenAI" not in program.notices


async def test_the_picker_tells_who_has_no_key_how_models_come(launch: Launch) -> None:
    async with launch(settings=Settings()) as program:
        program.network.open.set()
        await program.pilot.press("ctrl+l")
        await program.shown("other-model")
        await program.until(lambda: not [worker for worker in program.app.workers if worker.is_running])
        assert "once their key is set" not in program.text
        await program.pilot.press("escape")
        program.models.clear()
        await program.state.put_model_list(PLAIN, "plain://model", datetime.now(UTC), b"[]")
        await program.pilot.press("ctrl+l")
        await program.shown("Hosted services appear once their key is set · /help providers")


async def test_prompt_without_a_model_waits_and_is_sent_once_one_is_chosen(launch: Launch) -> None:
    async with launch(settings=Settings(), environ={"OPENAI_API_KEY": "sk-secret"}) as program:
        await program.pilot.press("escape")
        await program.send("hello")
        await program.shown("queued")
        await program.shown("No model is chosen yet. ^l chooses one, then this is sent.")
        await program.pilot.press("ctrl+l")
        await program.shown("other-model")
        await program.pilot.press(*"other", "enter")
        (await program.provider.opened()).reply("Hi.")
        await program.shown("Hi.")
        await program.shown("plain / other-model")


async def test_without_any_provider_the_guide_answers(launch: Launch) -> None:
    async with launch(settings=Settings()) as program:
        await program.shown("guide / manual")
        await program.shown("The guide answers questions about chatterm")
        await program.send("how do I use Ollama?")
        await program.shown("No model is involved")
        await program.until(lambda: program.session.running is None)


async def test_last_model_that_answered_is_used_again(launch: Launch) -> None:
    async with launch() as program:
        await program.send("/model plain/other-model")
        await program.shown("plain / other-model")
        await program.turn("question", "answer")
        await program.send("/model plain/never-answered")
        await program.shown("plain / never-answered")
        (await program.ask("again")).fail(ModelNotFoundError("There is no such model."))
        await program.until(lambda: program.session.running is None)
    async with launch(settings=Settings()) as program:
        await program.shown("plain / other-model")
        assert await program.app.chat.opening.recent_models() == [("plain", "other-model")]


async def test_guide_gives_way_to_a_key_that_came_since(launch: Launch) -> None:
    async with launch(settings=Settings()) as program:
        await program.shown("guide / manual")
        await program.send("/model guide/manual")
        assert await program.state.get("last_model") is None
        await program.state.put("last_model", ["guide", "manual"])  # as an earlier version left it
        await program.state.put("recent_models", [["guide", "manual"], ["plain", "test-model"]])
    async with launch(settings=Settings(), environ={"OPENAI_API_KEY": "sk-secret"}) as program:
        await program.shown("Choose a model")
        await program.shown("recent")
        assert program.app.screen._recent == (("plain", "test-model"),)


async def test_guide_takes_not_the_place_of_the_last_model(launch: Launch) -> None:
    async with launch() as program:
        await program.send("/model plain/other-model")
        await program.shown("plain / other-model")
        await program.turn("question", "answer")
        await program.send("/model guide/manual")
        await program.shown("guide / manual")
        await program.send("how do I use Ollama?")
        await program.shown("No model is involved")
        await program.until(lambda: program.session.running is None)
    async with launch(settings=Settings()) as program:
        await program.shown("plain / other-model")


async def test_last_provider_without_an_address_is_passed_over(launch: Launch) -> None:
    async with launch() as program:
        await program.state.put("last_model", ["custom", "served-here-once"])
    async with launch(settings=Settings()) as program:
        await program.shown("guide / manual")
        assert program.notices == ""


async def test_picker_lists_what_is_known_while_the_rest_is_asked(launch: Launch) -> None:
    async with launch() as program:
        await program.turn("question", "answer")
        await program.pilot.press("ctrl+l")
        await program.shown("other-model")
        await program.shown("asking")
        program.network.open.set()
        await program.gone("asking")
        await program.shown("Cannot connect to")
        await program.pilot.press("escape")
    async with launch() as program:
        program.models.clear()
        await program.pilot.press("ctrl+l")
        await program.shown("recent")


async def test_switching_inside_a_conversation_sends_it_all_to_the_new_model(launch: Launch) -> None:
    async with launch() as program:
        await program.turn("first", "one")
        await program.send("/model other-model")
        await program.shown("plain / other-model")
        (await program.ask("second")).reply("two")
        await program.until(lambda: program.session.running is None)
        assert [turn.model for turn in program.session.turns] == ["test-model", "other-model"]
        assert len(program.provider.bodies()[-1]) == 3


async def test_unknown_names_are_told_and_change_nothing(launch: Launch) -> None:
    async with launch(begin=Start(provider="nobody", model="x")) as program:
        await program.until(lambda: "nobody" in program.notices)
        await program.shown("no model")
    async with launch() as program:
        await program.send("/model guide/manual")
        await program.shown("guide / manual")
        assert program.session.target is not None and program.session.target.provider == "guide"
        await program.send(f"/model {PLAIN}/any-model")
        await program.shown("plain / any-model")


async def test_what_stands_before_a_slash_and_is_no_provider_is_named(launch: Launch) -> None:
    async with launch() as program:
        await program.send("/model nope/x")
        await program.shown("There is no provider 'nope': 'nope/x' is taken as a model of plain.")
        assert program.session.target.model == "nope/x"
        await program.send("/model other-model")
        await program.pilot.press("ctrl+l")
        await program.shown("test-model")
        await program.pilot.press("escape")
        await program.send("/model nope/x")
        await program.shown("There is no provider 'nope', and plain has no model 'nope/x'. ^l lists")
        assert program.session.target.model == "other-model"
        assert program.composer.text == "/model nope/x"


async def test_where_models_have_slashes_in_their_names_any_is_taken(launch: Launch) -> None:
    async with launch() as program:
        program.models.append("meta/llama")
        await program.pilot.press("ctrl+l")
        await program.shown("meta/llama")
        await program.pilot.press("escape")
        await program.send("/model meta/llama")
        await program.shown("plain / meta/llama")
        assert program.notices == ""
        await program.send("/model meta/llama-of-tomorrow")
        await program.shown("plain / meta/llama-of-tomorrow")


async def test_a_name_that_is_not_listed_is_told_with_the_nearest_and_used(launch: Launch) -> None:
    async with launch() as program:
        await program.send("/model othermodel")  # nothing is known of the list yet
        await program.shown("plain / othermodel")
        assert program.notices == ""
        await program.pilot.press("ctrl+l")
        await program.shown("other-model")
        await program.pilot.press("escape")
        await program.send("/model othr-model")
        await program.until(lambda: "Nearest: other-model, test-model." in program.notices)
        assert "'othr-model' is not in plain's list of 2 models." in program.notices
        assert program.session.target is not None and program.session.target.model == "othr-model"


async def test_the_guide_takes_no_model_of_a_provider_that_is_none(launch: Launch) -> None:
    async with launch(settings=Settings(provider="guide")) as program:
        await program.send("/model nope/x")
        await program.shown("There is no provider 'nope', and guide has no model 'nope/x'.")
