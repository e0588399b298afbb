"""/stats, and what the sidebar tells of costs, in the running program."""

from __future__ import annotations

from chatterm.tui.widgets.sidebar import MetricsSidebar
from tests.tui.conftest import Launch
from tests.tui.screens.test_context import limit


async def test_stats_and_sidebar_tell_of_the_last_turn(launch: Launch) -> None:
    async with launch(size=(120, 60)) as program:
        stream = await program.ask("hello")
        stream.reply("hi", usage=(5, 2))
        await program.until(lambda: not program.pane.followed)
        sidebar = program.app.screen.query_one(MetricsSidebar)
        await program.until(lambda: "p50 / p95 of the last 1" in sidebar.lines)
        assert "cost –" in sidebar.lines
        await program.app.chat.run_command("stats", "7d")
        await program.shown("1 in 1 requests")
        await program.shown("pass:")
        await program.pilot.press("escape")
        assert not await program.app.chat.run_command("stats", "soon")
        await program.shown("is no time")
        await program.app.chat.run_command("details")
        await program.shown("Requests")


async def test_what_was_watched_of_a_turn_stays_in_the_sidebar_after_its_end(launch: Launch) -> None:
    async with launch(size=(120, 60)) as program:
        await limit(program, 1000)
        stream = await program.ask("hello")
        stream.send(text="one ")
        stream.send(text="two ")
        stream.reply("three", usage=(100, 20))
        await program.until(lambda: not program.pane.followed)
        sidebar = program.app.screen.query_one(MetricsSidebar)
        # How full the context is gets measured last, and is shown with all that was there before.
        await program.until(lambda: any(line.startswith("ctx") for line in sidebar.lines))
        await program.app.workers.wait_for_complete()
        await program.pilot.pause()
        assert any(line.startswith("gaps ") for line in sidebar.lines)
