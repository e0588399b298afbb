"""What the user does before there is an engine."""

from __future__ import annotations

import threading

import pytest
from textual.worker import WorkerFailed

from tests.tui.conftest import Launch, Program
from tests.tui.widgets.host import screen_text


def shown(program: Program) -> str:
    return screen_text(program.app)


async def submit(program: Program, text: str) -> None:
    program.app.chat.conversation.composer.insert_text(text)
    await program.pilot.press("enter")


async def test_what_is_sent_before_the_engine_is_there_waits_in_sight_and_goes_out_in_order(
    launch: Launch,
) -> None:
    gate = threading.Event()
    async with launch(gate=gate, ready=False) as program:
        await submit(program, "first")
        await submit(program, "second")
        program.app.chat.conversation.composer.insert_text("third, not sent")
        await program.until(lambda: "first" in shown(program) and "second" in shown(program))
        assert shown(program).count("queued") == 2
        assert not program.provider.bodies()
        gate.set()
        (await program.provider.opened()).reply("one")
        (await program.provider.opened()).reply("two")
        await program.until(lambda: len(program.session.turns) == 2 and program.session.running is None)
        assert [turn.prompt.text for turn in program.session.turns] == ["first", "second"]
        assert program.composer.text == "third, not sent"


async def test_a_command_waits_for_the_engine_and_what_is_typed_next_is_for_it(launch: Launch) -> None:
    gate = threading.Event()
    async with launch(gate=gate, ready=False) as program:
        await submit(program, "/rename")
        await submit(program, "/system Be brief.")
        gate.set()
        await program.until(
            lambda: program.app.chat.started.is_there and program.session.system == "Be brief."
        )
        assert "is empty" in program.notices or "system prompt is set" in program.notices


async def test_the_way_out_needs_no_engine(launch: Launch) -> None:
    gate = threading.Event()
    async with launch(gate=gate, ready=False) as program:
        await program.app.chat.run_command("quit")
        assert program.app.return_code == 0
        assert not program.app.chat.started.is_there
        gate.set()


async def test_what_was_typed_and_sent_before_an_early_end_is_there_at_the_next_start(launch: Launch) -> None:
    gate = threading.Event()
    async with launch(gate=gate, ready=False) as program:
        await submit(program, "sent")
        program.app.chat.conversation.composer.insert_text("typed")
        threading.Timer(0.05, gate.set).start()
        await program.app.chat.run_command("quit")
    async with launch() as program:
        assert program.composer.text == "sent\ntyped"


async def test_what_the_first_text_needs_is_not_imported_on_the_event_loop(
    launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, str]] = []
    monkeypatch.setattr(
        "chatterm.tui.services.import_module",
        lambda name: seen.append((name, threading.current_thread().name)),
    )
    async with launch():
        assert seen == [("chatterm.tui.transcript.markdown_grammar", "engine")]


async def test_an_engine_that_cannot_be_made_ends_the_program_with_its_error(launch: Launch) -> None:
    error = LookupError("no engine")

    def fail() -> None:
        raise error

    crashed: list[Exception | None] = []
    with pytest.raises(WorkerFailed):
        async with launch(ready=False, build=fail) as program:
            await program.until(lambda: program.app.crashed is not None)
            crashed.append(program.app.crashed)
    assert crashed == [error]
