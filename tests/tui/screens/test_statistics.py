"""/stats, and what the sidebar tells of costs, in the running program."""

from __future__ import annotations

from chatterm.tui.widgets.sidebar import MetricsSidebar
from tests.tui.conftest import Launch


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
