"""The chain of a conversation: shown with the state of each in it, set, and taken away."""

from __future__ import annotations

from datetime import datetime

from chatterm.backend.fallback import Link
from chatterm.config.model import ModelSettings, ProviderSettings, Settings
from chatterm.core.errors import ModelNotFoundError, OverloadedError
from chatterm.tui.fallback_commands import chain_page
from tests.tui.conftest import PLAIN, Launch

CHAINED = Settings(
    provider=PLAIN,
    providers={PLAIN: ProviderSettings(models={"test-model": ModelSettings(fallback=("other-model",))})},
)


async def test_a_chain_is_set_for_the_conversation_and_answers(launch: Launch) -> None:
    async with launch(size=(120, 30)) as program:
        await program.send("/fallback")
        await program.shown("Nobody is asked in its place.")
        await program.pilot.press("escape")
        await program.send(f"/fallback {PLAIN}/third-model other-model")
        await program.shown("fails, plain/third-model, then plain/other-model")
        gone = ModelNotFoundError("There is no such model.", provider=PLAIN, model="test-model")
        program.provider.open_errors += [
            gone,
            ModelNotFoundError("Nor this.", provider=PLAIN, model="third-model"),
        ]
        (await program.ask("hello")).reply("From another.")
        await program.shown("plain/other-model answered in the place of plain/test-model")
        assert "There is no such model" in program.text
        await program.send("/fallback")
        await program.shown("This chain is for this conversation")
        assert "There is no such model." in program.text and "Nor this." in program.text
        assert program.text.count("unknown model") == 2
        await program.pilot.press("escape")
        await program.send("/fallback off")
        await program.shown("nobody answers in its place")
        program.provider.open_errors.append(gone)
        await program.send("again")
        await program.shown("failed · ")
        await program.send("/new")
        assert program.session.fallback is None


async def test_the_chain_of_the_settings_is_shown_and_comes_back(launch: Launch) -> None:
    async with launch(settings=CHAINED, size=(120, 30)) as program:
        await program.send("/fallback")
        await program.shown("This chain is from the settings")
        assert "plain/other-model" in program.text
        await program.pilot.press("escape")
        await program.send("/fallback off")
        await program.shown("nobody answers")
        await program.send("/fallback settings")
        await program.shown("If plain/test-model fails, plain/other-model answers in its place.")
        program.provider.open_errors.append(OverloadedError("Busy.", provider=PLAIN, model="test-model"))
        (await program.ask("hello")).reply("From the other.")
        await program.shown("From the other.")


async def test_what_can_be_no_chain_is_refused_in_a_line(launch: Launch) -> None:
    async with launch(size=(120, 30)) as program:
        for argument, told in (
            ("plain/test-model", "plain/test-model is the model that is asked first."),
            ("a b c d", "4 models are too many."),
            ("a plain/a", "plain/a is named twice."),
            ("nowhere/x", "There is no provider 'nowhere'."),
        ):
            await program.send(f"/fallback {argument}")
            await program.shown(told)
            program.composer.load("")
        assert program.session.fallback is None
        await program.send("/fallback groq/llama")
        await program.shown("groq/llama: there is no key for Groq")


def test_the_page_says_how_each_does() -> None:
    found = [
        Link("a", "one", "cooling down", rest_seconds=30, last_failure="503 | busy"),
        Link("b", "[two]", "unknown model", "'two' is not in b's list"),
        Link("a", "one", "passed over", "the model itself"),
    ]
    page = chain_page(found, datetime(2026, 1, 2, 3, 4, 5), is_chosen=False)
    assert "| 1 | a/one | cooling down until 03:04:35 | 503 \\| busy |" in page
    assert "| 2 | b/&#91;two&#93; | unknown model: 'two' is not in b's list | - |" in page
    assert "passed over: the model itself" in page
