"""Notices come, stay as long as promised, and are safe for any text."""

from __future__ import annotations

import pytest
from textual.containers import Vertical
from textual.widgets import Static

from chatterm.core.errors import ConfigError
from chatterm.tui.widgets.notices import Notices
from tests.tui.widgets.host import HOSTILE, SIZES, UNSAFE, Host, screen_text


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("size", SIZES)
async def test_an_error_is_shown_with_its_hint_and_takes_no_room_later(size: tuple[int, int]) -> None:
    clock = Clock()
    app = Host(Vertical(Static("above"), notices := Notices(clock=clock)))
    async with app.run_test(size=size) as pilot:
        assert notices.region.height == 0
        notices.show_error(ConfigError("There is no theme 'x'.", "Known: a, b."))
        await pilot.pause()
        assert "✗ There is no theme 'x'. Known: a, b." in screen_text(app)
        notices.acknowledge()
        assert notices.texts
        clock.now += 1.5
        notices.acknowledge(at=clock.now - 1.0)  # a key from before anybody could have read it
        assert notices.texts
        notices.acknowledge()
        await pilot.pause()
        assert notices.texts == [] and notices.region.height == 0


async def test_a_send_takes_errors_away_at_once_but_not_information() -> None:
    app = Host(notices := Notices(clock=Clock()))
    async with app.run_test():
        notices.show("copied", "information")
        notices.show("slow", "warning")
        notices.show("bad", "error")
        notices.acknowledge(sent=True)
        assert notices.texts == ["copied"]


async def test_information_leaves_by_itself() -> None:
    app = Host(notices := Notices(information_seconds=0.01))
    async with app.run_test() as pilot:
        notices.show("copied")
        notices.show("stays", "error")
        await pilot.pause(0.1)
        assert notices.texts == ["stays"]


async def test_at_most_three_and_no_repeats() -> None:
    app = Host(notices := Notices())
    async with app.run_test():
        for text in ("a", "b", "c", "b", "d"):
            notices.show(text, "error")
        assert notices.texts == ["c", "b", "d"]
        notices.clear_notices()
        assert notices.texts == []


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_text(text: str) -> None:
    app = Host(notices := Notices())
    async with app.run_test() as pilot:
        for kind in ("information", "warning", "error"):
            notices.show(f"{text}{kind}", kind)
        await pilot.pause()
        assert not UNSAFE.search(screen_text(app))
        assert notices.region.height <= 6
        await pilot.click(Notices, offset=(4, 0))
        assert app.is_running


async def test_what_is_cut_says_how_to_see_all_and_all_is_kept() -> None:
    app = Host(Vertical(Static("above"), notices := Notices()))
    text = "Cannot connect to 127.0.0.1:11434. Is Ollama running? " * 8
    async with app.run_test(size=(40, 24)) as pilot:
        notices.show(text, "error")
        await pilot.pause()
        await pilot.pause()
        lines = [line.rstrip() for line in screen_text(app).splitlines()]
        assert notices.region.height == 6 and lines[notices.region.bottom - 1].endswith("… /notices")
        notices.clear_notices()
        notices.show("short")
        await pilot.pause()
        assert "/notices" not in screen_text(app)
    assert notices.recent == [f"✗ {text.strip()}", "· short"]
