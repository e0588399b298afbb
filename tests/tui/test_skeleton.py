"""The skeleton: the same characters in the same places as the screen that takes over from it."""

from __future__ import annotations

from pathlib import Path

import pyte
import pytest

from chatterm.config.paths import find_paths
from chatterm.config.themes import DEFAULT_THEME, load_themes
from chatterm.tui import first_screen
from chatterm.tui.bindings import footer_hints
from chatterm.tui.commands import COMMANDS
from chatterm.tui.first_screen import find_look, state_folder
from chatterm.tui.skeleton import COLOURS, Look, parse_look, picture
from tests.tui.conftest import Launch

PALETTE = load_themes().find("moss")
LOOK = Look(
    "moss",
    "chatterm-dark",
    {role: PALETTE.colour(role) for role in COLOURS},
    [(key, word) for _, key, word in footer_hints(COMMANDS)],
)


def drawn(columns: int, rows: int, look: Look = LOOK, *, coloured: bool = True) -> pyte.Screen:
    screen = pyte.Screen(columns, rows)
    pyte.Stream(screen).feed(picture(columns, rows, look, coloured=coloured))
    return screen


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (99, 12), (60, 11), (100, 8), (40, 7), (20, 5)])
async def test_it_stands_where_the_screen_stands(launch: Launch, size: tuple[int, int]) -> None:
    columns, rows = size
    screen = drawn(columns, rows)
    async with launch(size=size) as program:
        pane = program.app.chat.conversation
        composer, real = pane.composer, program.text.split("\n")
        for y, line in enumerate(screen.display):
            text = line.rstrip()
            if y == 0 and rows >= 8:
                assert text == " chatterm"
                assert real[0].startswith(" chatterm ")
            elif text:
                assert real[y][: pane.size.width].rstrip() == text or real[y].rstrip() == text, y
        assert screen.cursor.y == composer.region.y + composer.region.height - 1
        assert screen.cursor.x == composer.content_region.x
        hints = program.app.chat.query_one("KeyHints")
        if hints.display and hints.region.height:
            assert screen.display[rows - 1].rstrip() == real[rows - 1].rstrip()


def test_its_colours_are_those_of_the_theme() -> None:
    screen = drawn(80, 24)
    cells = {"accent on panel": (0, 1), "border on background": (20, 0), "dim on background": (21, 1)}
    for words, (y, x) in cells.items():
        text, _, ground = words.partition(" on ")
        cell = screen.buffer[y][x]
        assert f"#{cell.fg}" == PALETTE.colour(text), words
        assert f"#{cell.bg}" == PALETTE.colour(ground), words


def test_without_colours_it_sets_none() -> None:
    assert "38;2" not in picture(80, 24, LOOK, coloured=False)
    assert drawn(80, 24, coloured=False).display == drawn(80, 24).display


def test_a_look_is_kept_as_it_is() -> None:
    again = parse_look(LOOK.dump())
    assert again is not None
    assert (again.theme, again.configured, again.colours, again.hints) == (
        *(LOOK.theme, LOOK.configured),
        *(LOOK.colours, LOOK.hints),
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("accent #", "accent \x1b[31m#"),
        ("accent #", "accent x"),
        ("theme moss\n", ""),
        ("hint esc stop", "hint esc \x1b]52;c;aGk=\x07"),
        ("hint esc stop", "hint esc \u202estop"),
    ],
)
def test_what_is_no_look_is_not_drawn(before: str, after: str) -> None:
    text = LOOK.dump()
    assert before in text
    assert parse_look(text.replace(before, after, 1)) is None


@pytest.mark.parametrize("name", ["chatterm-dark", "chatterm-light", "moss"])
def test_the_first_start_has_the_usual_look_of_the_theme(tmp_path: Path, name: str) -> None:
    look = find_look({"CHATTERM_HOME": str(tmp_path)}, None if name == DEFAULT_THEME else name)
    palette = load_themes().find(name)
    assert look.colours == {role: palette.colour(role) for role in COLOURS}
    assert look.hints == [(key, word) for _, key, word in footer_hints(COMMANDS)]
    assert first_screen.DEFAULT_THEME == DEFAULT_THEME


def test_later_starts_have_the_last_look_unless_another_theme_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "look").write_text(LOOK.dump())
    environ = {"CHATTERM_HOME": str(tmp_path)}
    assert find_look(environ).colours == LOOK.colours
    light = load_themes().find("chatterm-light")
    assert find_look(environ, "chatterm-light").colours["background"] == light.background
    assert find_look(environ | {"CHATTERM_THEME": "chatterm-light"}).theme == "chatterm-light"
    assert find_look(environ, "../../etc/passwd").colours["background"]


@pytest.mark.parametrize(
    "environ",
    [
        {"CHATTERM_HOME": "/home/of/chatterm"},
        {"XDG_STATE_HOME": "/states"},
        {"XDG_STATE_HOME": "relative"},
        {},
    ],
)
def test_the_state_folder_is_the_one_of_the_settings(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert state_folder(environ) == str(find_paths(environ).state)


def test_a_theme_file_of_any_shape_draws_something() -> None:
    """One without some of the colours, that is: it is then drawn without any."""
    assert "38;2" not in picture(80, 24, Look("x", "x", {"accent": "#ffffff"}, []))
