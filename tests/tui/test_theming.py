"""Every palette is a usable Textual theme."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult
from textual.color import Color
from textual.widgets import Static

from chatterm.config.themes import load_themes
from chatterm.tui.theming import (
    CUSTOM_ROLES,
    settle_no_color,
    textual_theme,
    variable_defaults,
)


class Coloured(App[None]):
    CSS = "\n".join(
        f"#c-{role.replace('_', '-')} {{ color: $chatterm-{role.replace('_', '-')}; }}"
        for role in CUSTOM_ROLES
    )

    def compose(self) -> ComposeResult:
        for role in CUSTOM_ROLES:
            yield Static(role, id=f"c-{role.replace('_', '-')}")

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return variable_defaults(next(iter(load_themes().palettes.values())))


async def test_all_variables_reach_the_style_sheet_under_every_palette() -> None:
    palettes = load_themes().palettes
    app = Coloured()
    async with app.run_test() as pilot:
        for theme in map(textual_theme, palettes.values()):
            app.register_theme(theme)
        for palette in palettes.values():
            app.theme = palette.name
            await pilot.pause()
            for role in CUSTOM_ROLES:
                shown = app.query_one(f"#c-{role.replace('_', '-')}").styles.color
                assert shown == Color.parse(palette.colour(role)), (palette.name, role)


async def test_a_theme_that_is_not_ours_still_has_the_variables() -> None:
    app = Coloured()
    async with app.run_test() as pilot:
        app.theme = "textual-light"
        await pilot.pause()
        assert app.is_running


def test_dark_and_light_follow_the_palette() -> None:
    for palette in load_themes().palettes.values():
        assert textual_theme(palette).dark is palette.dark


def test_no_color() -> None:
    unset: dict[str, str] = {}
    empty = {"NO_COLOR": ""}
    chosen = {"NO_COLOR": "1"}
    assert [settle_no_color(each) for each in (unset, empty, chosen)] == [False, False, True]
    assert empty == {} and chosen == {"NO_COLOR": "1"}


async def test_textual_draws_in_grey_when_colours_are_unwanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = Coloured()
    async with app.run_test():
        strips = app.screen._compositor.render_strips()
    styles = [segment.style for strip in strips for segment in strip if segment.style]
    colours = [colour for style in styles for colour in (style.color, style.bgcolor) if colour]
    assert colours and all(len(set(colour.triplet or (0,))) == 1 for colour in colours)
