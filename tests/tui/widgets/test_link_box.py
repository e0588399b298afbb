"""The box that shows where a link leads."""

from __future__ import annotations

import pytest

from chatterm.tui.widgets.link_box import Choice, LinkBox
from tests.tui.widgets.host import HOSTILE, SIZES, UNSAFE, Host, screen_text


@pytest.mark.parametrize(("key", "choice"), [("enter", "open"), ("c", "copy"), ("escape", None), ("q", None)])
async def test_each_key_answers(key: str, choice: Choice | None) -> None:
    app = Host()
    answers: list[Choice | None] = []
    async with app.run_test() as pilot:
        await app.push_screen(LinkBox("https://docs.example/a", can_open=True), answers.append)
        await pilot.pause()
        shown = screen_text(app)
        assert "https://docs.example/a" in shown and "enter opens · c copies · esc closes" in shown
        await pilot.press(key)
        await pilot.pause()
        assert answers == [choice]


async def test_enter_is_said_to_copy_where_nothing_opens() -> None:
    app = Host()
    async with app.run_test() as pilot:
        await app.push_screen(LinkBox("mailto:a@b.example", can_open=False))
        await pilot.pause()
        assert "enter copies" in screen_text(app) and "opens" not in screen_text(app)


@pytest.mark.parametrize("size", SIZES)
async def test_a_long_target_is_shown_whole(size: tuple[int, int]) -> None:
    app = Host()
    target = "https://docs.example/" + "/".join(str(number) for number in range(120)) + "/end"
    async with app.run_test(size=size) as pilot:
        await app.push_screen(LinkBox(target, can_open=True))
        await pilot.pause()
        shown = "".join(line.strip("│ ") for line in screen_text(app).splitlines())
        assert target in shown


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_targets(text: str) -> None:
    app = Host()
    async with app.run_test() as pilot:
        await app.push_screen(LinkBox(f"https://{text}", can_open=True))
        await pilot.pause()
        assert not UNSAFE.search(screen_text(app))
        await pilot.press("pagedown", "escape")
