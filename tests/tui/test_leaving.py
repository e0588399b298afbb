"""Leaving while the store hangs: the way out is the same, and takes no longer than it may."""

from __future__ import annotations

import signal
import threading
import time

import pytest

from tests.tui.conftest import Launch


async def test_what_cannot_be_saved_in_time_does_not_keep_the_rest_from_closing(launch: Launch) -> None:
    gate = threading.Event()
    closed_at: list[float] = []

    async def close() -> None:
        closed_at.append(time.monotonic())

    async with launch(close=close) as program:
        await program.ask("question")
        hanging = program.database.read(lambda _: gate.wait(10))
        await program.type("a draft")
        began_at = time.monotonic()
        await program.app.leave()
        assert len(closed_at) == 1
        assert closed_at[0] - began_at < 5
        gate.set()
        await hanging


async def test_a_prompt_that_is_withdrawn_on_the_way_out_is_kept(launch: Launch) -> None:
    async def close() -> None:
        pass

    async with launch(close=close) as program:
        program.provider.opening.clear()
        await program.send("first")
        await program.shown("connecting")
        await program.type("a draft")
        program.pane.stop()
        await program.app.leave()
        assert await program.state.draft("new") == "first\na draft"


async def test_a_prompt_that_is_sent_in_the_moment_of_leaving_is_kept_once(launch: Launch) -> None:
    async def close() -> None:
        pass

    async with launch(close=close) as program:
        await program.type("in the last moment")
        program.composer._send()
        assert program.composer.text == ""
        await program.app.leave()  # before the screen is told of what was sent
        assert await program.state.draft("new") == "in the last moment"
        await program.pilot.pause()
        assert program.session.running is None and not program.provider.bodies()


async def test_a_signal_after_it_left_is_not_followed(
    launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed: list[object] = []
    async with launch() as program:
        await program.app.leave()
        monkeypatch.setattr(program.app, "run_worker", followed.append)
        monkeypatch.setattr(program.app, "call_after_refresh", followed.append)
        program.app._signalled(signal.SIGINT)
        assert followed == [], "Textual, which may be down by now, would raise"
