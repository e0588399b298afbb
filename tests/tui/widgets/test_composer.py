"""The prompt: sending, new lines, history, keys that go on, and long or hostile text."""

from __future__ import annotations

import time

import pytest
from textual import events, on

from chatterm.core.clean import well_formed
from chatterm.tui.bindings import apply_keymap
from chatterm.tui.commands import COMMANDS
from chatterm.tui.widgets.composer import Composer
from chatterm.tui.widgets.folded_text import FOLD_CHARACTERS
from tests.tui.widgets.host import HOSTILE, SIZES, UNSAFE, Host, screen_text


class PromptHost(Host):
    def __init__(self, composer: Composer) -> None:
        super().__init__(composer)
        self.sent: list[str] = []
        self.asked: list[str] = []

    @on(Composer.Submitted)
    def note_sent(self, event: Composer.Submitted) -> None:
        self.sent.append(event.text)

    @on(Composer.TakeBackRequested)
    def note_take_back(self) -> None:
        self.asked.append("take back")

    @on(Composer.QuitRequested)
    def note_quit(self) -> None:
        self.asked.append("quit")


@pytest.mark.parametrize("size", SIZES)
async def test_enter_sends_and_empties(size: tuple[int, int]) -> None:
    app = PromptHost(composer := Composer())
    async with app.run_test(size=size) as pilot:
        await pilot.press("h", "i", "enter")
        assert app.sent == ["hi"] and composer.text == "" and composer.size.height == 1
        await pilot.press("space", "enter")
        assert app.sent == ["hi", ""]


@pytest.mark.parametrize("key", ["ctrl+j", "alt+enter", "shift+enter"])
async def test_new_line_keys(key: str) -> None:
    app = PromptHost(composer := Composer())
    async with app.run_test() as pilot:
        await pilot.press("a", key, "b")
        assert composer.text == "a\nb" and app.sent == []


async def test_keys_that_come_at_once_are_taken_in_order() -> None:
    app = PromptHost(composer := Composer())
    async with app.run_test() as pilot:
        for key in (
            "b",
            "ctrl+a",
            "a",
            "ctrl+e",
            "c",
            "d",
            "backspace",
            "alt+b",
            "x",
            "end",
            "y",
            "enter",
            "z",
        ):
            app.post_message(events.Key(key, key if len(key) == 1 else None))
        await pilot.pause()
        assert app.sent == ["xabcy"] and composer.text == "z"


async def test_a_backslash_at_the_end_of_the_line_continues_it() -> None:
    app = PromptHost(composer := Composer())
    async with app.run_test() as pilot:
        await pilot.press("a", "backslash", "enter", "b", "enter")
        assert app.sent == ["a\nb"]
        await pilot.press("a", "backslash", "b", "left", "enter")
        assert app.sent == ["a\nb", "a\\b"] and composer.text == ""


async def test_enter_can_be_a_new_line_and_ctrl_d_then_sends() -> None:
    app = PromptHost(Composer(enter="newline"))
    async with app.run_test() as pilot:
        await pilot.press("a", "enter", "b", "ctrl+d")
        assert app.sent == ["a\nb"]
        await pilot.press("ctrl+d")
        assert app.asked == ["quit"]


async def test_ctrl_d_quits_on_empty_and_deletes_otherwise() -> None:
    app = PromptHost(composer := Composer())
    async with app.run_test() as pilot:
        await pilot.press("a", "b", "left", "ctrl+d")
        assert composer.text == "a" and app.asked == []
        await pilot.press("backspace", "ctrl+d")
        assert app.asked == ["quit"]


async def test_rebound_keys_are_used() -> None:
    commands, _ = apply_keymap(COMMANDS, {"send": "f9"})
    app = PromptHost(composer := Composer(commands))
    async with app.run_test() as pilot:
        await pilot.press("a", "enter", "b", "f9")
        assert app.sent == ["a\nb"] and composer.text == ""


async def test_an_editing_key_that_the_user_gave_to_a_command_is_left_to_it() -> None:
    commands, _ = apply_keymap(COMMANDS, {"stop": "escape,ctrl+x,ctrl+w"})
    app = PromptHost(composer := Composer(commands))
    async with app.run_test() as pilot:
        app.bind("ctrl+x,ctrl+w", "command('stop')")
        await pilot.press("a", "b", "ctrl+x", "ctrl+w", "ctrl+left", "delete")
        assert app.commands == ["stop", "stop"] and composer.text == "b"


async def test_it_grows_from_one_to_twelve_rows() -> None:
    app = PromptHost(composer := Composer())
    async with app.run_test() as pilot:
        for rows in range(1, 16):
            assert composer.size.height == min(rows, 12)
            await pilot.press("ctrl+j")
        composer.load("")
        await pilot.pause()
        assert composer.size.height == 1


async def test_history_at_the_edges() -> None:
    app = PromptHost(composer := Composer())
    async with app.run_test() as pilot:
        composer.set_history(["one", "two\nlines"])
        await pilot.press("d", "up")
        assert composer.text == "two\nlines"
        await pilot.press("up")
        assert composer.text == "one"
        await pilot.press("up")
        assert composer.text == "one"
        await pilot.press("down")
        assert composer.text == "two\nlines" and composer.cursor_at_end_of_text
        await pilot.press("down")
        assert composer.text == "d"
        await pilot.press("down")
        assert composer.text == "d"


async def test_up_and_down_walk_through_wrapped_rows_first() -> None:
    app = PromptHost(composer := Composer())
    async with app.run_test(size=(40, 12)) as pilot:
        composer.set_history(["old"])
        composer.load("word " * 20)
        await pilot.pause()
        await pilot.press("up")
        assert composer.text == "word " * 20
        await pilot.press("up", "up", "up")
        assert composer.text == "old"


async def test_what_was_sent_is_in_the_history_once() -> None:
    app = PromptHost(composer := Composer())
    async with app.run_test() as pilot:
        await pilot.press("x", "enter", "x", "enter", "up")
        assert composer.text == "x"
        await pilot.press("up", "down")
        assert composer.text == ""


async def test_up_takes_back_what_is_queued_first() -> None:
    app = PromptHost(composer := Composer())
    async with app.run_test() as pilot:
        composer.set_history(["old"])
        composer.has_queued = True
        await pilot.press("up")
        assert app.asked == ["take back"] and composer.text == ""
        await pilot.press("a", "up")
        assert app.asked == ["take back", "take back"] and composer.text == "a"
        composer.has_queued = False
        await pilot.press("up")
        assert len(app.asked) == 2 and composer.text == "old"


ALWAYS = [
    (key, command.id)
    for command in COMMANDS
    if command.scope == "app"
    for key in command.keys
    if key not in ("home", "end", "shift+up", "shift+down")
]


@pytest.mark.parametrize("text", ["", "some\ntext"])
async def test_every_key_of_the_application_reaches_it(text: str) -> None:
    app = PromptHost(composer := Composer())
    async with app.run_test() as pilot:
        composer.load(text)
        for key, _ in ALWAYS:
            await pilot.press(key)
        assert app.commands == [command for _, command in ALWAYS]
        assert composer.text == text


async def test_keys_shared_with_the_transcript_belong_to_the_text_if_there_is_one() -> None:
    app = PromptHost(composer := Composer())
    async with app.run_test() as pilot:
        await pilot.press("home", "end", "shift+up", "shift+down")
        assert app.commands == ["top", "bottom", "line_up", "line_down"]
        composer.load("ab\ncd")
        await pilot.press("home")
        assert composer.cursor_location == (1, 0)
        await pilot.press("shift+up")
        assert composer.selected_text == "ab\n"
        await pilot.press("shift+down", "end")
        assert composer.cursor_location == (1, 2)
        assert len(app.commands) == 4


async def test_undo_is_ctrl_underscore() -> None:
    app = PromptHost(composer := Composer())
    async with app.run_test() as pilot:
        await pilot.press("a", "enter", "ctrl+underscore")
        assert composer.text == "a"


async def test_a_paste_of_10_mb_is_folded_and_sent_whole() -> None:
    app = PromptHost(composer := Composer())
    text = "pasted line\r\n" * 800_000
    async with app.run_test() as pilot:
        await pilot.press("a")
        start = time.process_time()
        composer.post_message(events.Paste(text))
        await pilot.press("z")
        spent = time.process_time() - start
        shown = screen_text(app)
        await pilot.press("enter")
    assert spent < 2
    assert "9,600,000 characters, 800,000 lines" in shown
    assert app.sent == ["a" + text.replace("\r\n", "\n") + "z"]


async def test_a_mark_that_was_typed_is_only_text() -> None:
    app = PromptHost(composer := Composer())
    typed = "⟦text 2: 9 characters, 1 line⟧"
    async with app.run_test() as pilot:
        composer.load("y" * (FOLD_CHARACTERS + 1))
        composer.insert_text(typed)
        await pilot.press("enter")
    assert app.sent == ["y" * (FOLD_CHARACTERS + 1) + typed]


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_text_is_drawn_safely_and_sent_as_it_is(text: str) -> None:
    app = PromptHost(composer := Composer())
    async with app.run_test() as pilot:
        composer.post_message(events.Paste(text))
        await pilot.pause()
        assert not UNSAFE.search(screen_text(app))
        await pilot.press("enter")
    assert app.sent == [well_formed(text.replace("\r", "\n"))]


async def test_a_filter_comes_before_the_prompts_own_keys() -> None:
    app = PromptHost(composer := Composer())
    async with app.run_test() as pilot:
        composer.key_filters.append(lambda key: key == "enter")
        await pilot.press("a", "enter")
        assert app.sent == [] and composer.text == "a"
