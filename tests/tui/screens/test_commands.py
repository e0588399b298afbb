"""Every other command of the table, as a user gives it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from textual.events import MouseScrollUp

from chatterm.backend.export import to_markdown
from chatterm.config.model import InterfaceSettings, Settings
from chatterm.core.clean import well_formed
from chatterm.core.turn import Turn
from chatterm.tui import reply_commands, screen_commands
from chatterm.tui.commands import COMMANDS
from chatterm.tui.services import Start
from tests.tui.conftest import PLAIN, Launch
from tests.tui.widgets.host import HOSTILE, UNSAFE


async def test_every_command_but_those_of_the_prompt_is_done_by_somebody(launch: Launch) -> None:
    async with launch() as program:
        groups = program.app.chat.started.value.commands
        for command in COMMANDS:
            if command.scope not in ("prompt", "picker"):
                assert any(hasattr(group, f"do_{command.id}") for group in groups), command.id


async def test_system_and_parameters_go_with_the_next_turn(launch: Launch) -> None:
    async with launch() as program:
        await program.send("/system")
        await program.shown("There is no system prompt.")
        await program.send("/system Be terse")
        await program.send("/system")
        await program.shown("System prompt: Be terse")
        for text in ("/set temperature=0.2", "/set top=1", "/set top=", "/set user=NaN", "/effort high"):
            await program.send(text)
        for text, told in (
            ("/set seed=NaN", "seed cannot be 'NaN'"),
            ("/effort big", "effort cannot be 'big'"),
        ):
            await program.send(text)
            await program.shown(told)
            program.composer.clear_draft()
        await program.send("/set nonsense")
        await program.shown("'nonsense' is no NAME=VALUE")
        program.composer.clear_draft()
        await program.turn("hello", "hi")
        turn = program.session.turns[0]
        assert turn.system == "Be terse"
        assert turn.options == {"temperature": 0.2, "user": "NaN", "effort": "high"}


async def test_details_of_a_turn(launch: Launch) -> None:
    async with launch() as program:
        await program.send("/details")
        await program.shown("There is no message yet.")
        program.composer.clear_draft()
        program.provider.headers = {"x-request-id": "req_1|x", "x-ratelimit-remaining-requests": "59"}
        await program.turn("hello", "hi")
        await program.send("/details")
        for text in ("plain / test-model", "req_1|x", "1 sent, 0 encoded"):
            await program.shown(text)
        await program.pilot.press("escape")
        await program.send("/details 2")
        await program.shown("There is no reply 2 back.")


async def test_notices_of_the_command_before_give_way(launch: Launch) -> None:
    async with launch() as program:
        await program.send("/set temperature=0.2")
        await program.send("/system")
        await program.shown("There is no system prompt.")
        assert len(program.pane.notices.texts) == 1


async def test_error_leaves_once_the_user_types_on(launch: Launch, monkeypatch: pytest.MonkeyPatch) -> None:
    async with launch() as program:
        await program.send("/theme nothing")
        await program.shown("There is no theme 'nothing'.")
        monkeypatch.setattr("chatterm.tui.widgets.notices._READING_SECONDS", 0.0)
        await program.pilot.press("x")
        await program.gone("There is no theme")


async def test_theme_is_remembered_until_the_settings_name_another(launch: Launch) -> None:
    plain = Settings(provider=PLAIN)
    other = Settings(provider=PLAIN, interface=InterfaceSettings(theme="moss"))
    async with launch(settings=plain) as program:
        await program.send("/theme ember")
        await program.shown("The theme is ember from now on.")
    async with launch(settings=plain) as program:
        assert program.app.theme == "ember"
    async with launch(settings=plain, theme_is_asked_for=True) as program:
        assert program.app.theme == plain.interface.theme
    async with launch(settings=other) as program:
        assert program.app.theme == "moss"


async def test_theme_list_shows_each_and_leaves_no_trace_when_left(launch: Launch) -> None:
    async with launch() as program:
        before = program.app.theme
        await program.send("/theme")
        await program.shown("enter keeps")
        await program.pilot.press("down")
        assert program.app.theme != before
        await program.pilot.press("escape")
        assert program.app.theme == before
        await program.send("/theme")
        await program.pilot.press(*"light", "enter")
        await program.shown("The theme is chatterm-light from now on.")
        assert program.app.theme == "chatterm-light"


async def test_copying_replies_and_code(launch: Launch) -> None:
    async with launch() as program:
        copied: list[str] = []

        async def copy(text: str):
            copied.append(text)
            return type("Done", (), {"message": f"copied {len(text)}"})

        program.app.clipboard_writer.copy = copy
        await program.send("/copy")
        await program.shown("There is no message yet.")
        program.composer.clear_draft()
        await program.turn("first", "one\n```sh\nls\n```")
        await program.turn("second", "two")
        for text in ("/copy", "/copy 2"):
            await program.send(text)
        for typed in ("x", "9" * 5000):
            await program.send(f"/copy {typed}")
            await program.shown(f"'{typed[:20]}")
            await program.shown("is no number")
            program.composer.clear_draft()
        await program.send("/copy 3")
        await program.shown("There is no reply 3 back.")
        program.composer.clear_draft()
        await program.send("/copy-code")
        await program.shown("The last reply has no code block.")
        program.composer.clear_draft()
        stream = await program.ask("third")
        await program.send("/copy")
        await program.until(lambda: len(copied) == 3)
        assert copied == ["two", "one\n```sh\nls\n```", "two"]
        stream.reply("three")


async def test_export_writes_new_files_and_says_where(
    launch: Launch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with launch() as program:
        await program.send("/export")
        await program.shown("There is nothing to export yet.")
        program.composer.clear_draft()
        await program.turn("my title", "one")
        await program.send("/export")
        await program.shown("Exported to")
        assert "one" in (tmp_path / "my-title.md").read_text()
        await program.send("/export my-title.md")
        await program.until(lambda: "is there already" in program.notices)
        program.composer.clear_draft()
        await program.send("/export gone/x.md")
        await program.until(lambda: "cannot be written" in program.notices)


async def test_rename_of_an_empty_conversation_and_with_the_title_in_the_box(launch: Launch) -> None:
    async with launch() as program:
        await program.send("/rename Something")
        await program.shown("This conversation is empty.")
        program.composer.clear_draft()
        await program.turn("first", "one")
        await program.send("/rename")
        await program.shown("Title of the conversation")
        await program.shown("│ first")
        await program.pilot.press(*" try", "enter")
        await program.until(lambda: "first try" in program.text.splitlines()[0])


async def test_unknown_and_misused_commands_stay_in_the_prompt(launch: Launch) -> None:
    async with launch() as program:
        await program.send("/modle")
        await program.shown("Did you mean /model?")
        assert program.composer.text == "/modle"
        program.composer.load("")
        await program.send("/stop it")
        await program.shown("/stop takes nothing after it.")
        assert program.composer.text == "/stop it"


async def test_help_lists_the_keys_and_shows_pages(launch: Launch) -> None:
    async with launch() as program:
        await program.pilot.press("f1")
        await program.shown("Send the prompt")
        assert all(len(line.rstrip()) <= 76 for line in program.text.splitlines())
        await program.pilot.press("escape")
        await program.send("/help themes")
        await program.shown("Choosing a theme")
        assert "`" not in program.text, "code is shown as code, and not as it is typed in Markdown"
        assert "Or write it " in program.text, "paragraphs flow"
        await program.pilot.press("end")
        await program.gone("Choosing a theme")
        await program.pilot.press("pageup", "home")
        await program.shown("Choosing a theme")
        await program.pilot.press("q")
        await program.until(lambda: program.app.screen is program.app.chat)
        await program.send("/help nothing-such")
        await program.until(lambda: "has no page 'nothing-such'" in program.notices)


async def test_palette_runs_commands(launch: Launch) -> None:
    async with launch() as program:
        await program.pilot.press("ctrl+p")
        await program.shown("Search for commands")
        await program.pilot.press(*"system prompt")
        await program.shown("Shows the system prompt")
        await program.pilot.press("down", "enter")
        await program.shown("There is no system prompt.")


async def test_palette_shows_keys_and_knows_slash_words(launch: Launch) -> None:
    async with launch() as program:
        await program.pilot.press("ctrl+p")
        await program.shown("Choose a model  ^l")
        await program.pilot.press(*"resume")
        await program.shown("Conversations  ^s")
        await program.pilot.press("down", "enter")
        await program.shown("type to filter by title")


async def test_sidebar_is_toggled_and_remembered(launch: Launch) -> None:
    async with launch() as program:
        assert "this turn" not in program.text
        await program.pilot.press("f2")
        await program.shown("this turn")
    async with launch() as program:
        await program.shown("this turn")
        await program.pilot.resize_terminal(50, 24)
        await program.gone("this turn")


async def test_sidebar_of_wide_terminals_is_remembered_for_wide_ones_alone(launch: Launch) -> None:
    async with launch(size=(200, 60)) as program:
        await program.shown("this turn")
        await program.pilot.press("f2", "f2")
        await program.shown("this turn")
        await program.pilot.resize_terminal(80, 24)
        await program.gone("this turn")
    async with launch(size=(80, 24)) as program:
        assert "this turn" not in program.text
        await program.pilot.press("f2")
        await program.shown("this turn")
    async with launch(size=(200, 60)) as program:
        await program.pilot.press("f2")
        await program.gone("this turn")
        await program.pilot.resize_terminal(80, 24)
        await program.shown("this turn")


async def test_completion_of_commands_and_paths(
    launch: Launch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("x")
    async with launch() as program:
        await program.pilot.press(*"/exp")
        await program.shown("Export as Markdown")
        await program.pilot.press("tab")
        assert program.composer.text == "/export "
        program.composer.load("")
        await program.pilot.press(*"see @no")
        await program.shown(" notes.txt")
        await program.pilot.press("tab")
        assert program.composer.text == "see @notes.txt "


async def test_attach_asks_for_a_path_and_quotes_it(launch: Launch) -> None:
    async with launch() as program:
        await program.pilot.press("ctrl+f")
        await program.shown("Attach a file: path")
        await program.pilot.press(*"my file", "enter")
        await program.until(lambda: program.composer.text == '@"my file" ')


async def test_wheel_and_keys_scroll_and_new_text_is_announced(launch: Launch) -> None:
    async with launch() as program:
        await program.turn("first", "\n\n".join(f"line {number}" for number in range(100)))
        stream = await program.ask("second")
        await program.pilot.press("pageup", "shift+up")
        await program.gone("▌ second")
        stream.send(text="arrives")
        await program.shown("↓ new text · ctrl+end follows")
        assert "arrives" not in program.text
        await program.type("half a thought")
        await program.pilot.press("ctrl+end")
        await program.shown("arrives")
        await program.gone("↓ new text")
        stream.reply("!")
        wheel = dict.fromkeys(("x", "y", "screen_x", "screen_y"), 3)
        up = MouseScrollUp(
            None, **wheel, delta_x=0, delta_y=-1, button=0, shift=False, meta=False, ctrl=False
        )
        for _ in range(9):
            program.app.screen._forward_event(up)
        await program.gone("arrives")


async def test_a_click_on_the_badge_goes_to_the_new_text(launch: Launch) -> None:
    async with launch() as program:
        await program.turn("first", "\n\n".join(f"line {number}" for number in range(100)))
        stream = await program.ask("second")
        await program.pilot.press("pageup", "shift+up")
        stream.send(text="arrives")
        await program.shown("↓ new text")
        assert "arrives" not in program.text
        await program.pilot.click("NewTextBadge")
        await program.shown("arrives")
        await program.gone("↓ new text")
        await program.pilot.press("x")
        assert program.composer.text == "x"
        stream.reply("!")


async def test_badge_names_the_key_that_the_user_chose(launch: Launch) -> None:
    async with launch(settings=Settings(provider=PLAIN, keys={"bottom": "end,f8"})) as program:
        await program.turn("first", "\n\n".join(f"line {number}" for number in range(100)))
        stream = await program.ask("second")
        await program.pilot.press("pageup", "shift+up")
        stream.send(text="arrives")
        await program.shown("↓ new text · f8 follows")
        stream.reply("!")


@pytest.mark.parametrize("size", [(20, 5), (40, 12), (80, 24), (200, 60)])
async def test_prompt_is_usable_at_any_size(launch: Launch, size: tuple[int, int]) -> None:
    async with launch(size=size) as program:
        await program.type("hello")
        await program.shown("hello")
        await program.pilot.press("enter")
        (await program.provider.opened()).reply("Hi you.")
        await program.until(lambda: program.session.running is None)
        await program.pilot.press("home")
        await program.shown("▌ hello")
        for key in ("ctrl+l", "ctrl+s", "f1", "ctrl+p"):
            await program.pilot.press(key)
            await program.pilot.pause()
            await program.pilot.press("escape")
        await program.type("again")
        await program.shown("again")


@pytest.mark.parametrize("hostile", HOSTILE)
async def test_hostile_text_from_anywhere_is_text(launch: Launch, hostile: str) -> None:
    async with launch() as program:
        program.models.append(well_formed(hostile))
        await program.turn(hostile, hostile)
        await program.send(f"/model plain/{hostile.strip()}")
        await program.pilot.pause()
        program.pane.notices.show(hostile, "error")
        await program.pilot.press("ctrl+s")
        await program.until(lambda: program.app.screen.row_list.cursor is not None)
        await program.pilot.pause()
        assert not UNSAFE.search(program.text.replace("\n", ""))
        await program.pilot.press("escape", "ctrl+l")
        await program.shown("other-model")
        assert not UNSAFE.search(program.text.replace("\n", ""))
        await program.pilot.press("escape")
        await program.gone("Choose a model")
        assert not UNSAFE.search(program.text.replace("\n", ""))


async def test_broken_store_leaves_a_usable_screen(launch: Launch, new_user: Path) -> None:
    from chatterm.store.database import Database

    (new_user / "file").write_text("")
    async with launch(database=Database(new_user / "file" / "x.db")) as program:
        assert program.notices
        await program.send("hello")
        (await program.provider.opened()).reply("Hi.")
        await program.shown("Hi.")
        await program.pilot.press("ctrl+n", "ctrl+s")
        await program.pilot.press("escape")
        await program.send("/theme ember")
        assert program.app.theme == "ember"


async def test_ctrl_c_in_the_theme_list_brings_the_theme_back(launch: Launch) -> None:
    async with launch() as program:
        before = program.app.theme
        await program.send("/theme")
        await program.until(lambda: program.app.screen is not program.app.chat)
        await program.pilot.press("down")
        await program.until(lambda: program.app.theme != before)
        await program.pilot.press("ctrl+c")
        await program.until(lambda: program.app.screen is program.app.chat)
        assert program.app.theme == before


async def test_the_system_prompt_is_taken_away_for_good(launch: Launch) -> None:
    async with launch() as program:
        await program.send("/system Be terse")
        await program.turn("hello", "hi")
        await program.send("/system none")
        await program.shown("There is no system prompt any more.")
        await program.turn("again", "hi")
        assert [turn.system for turn in program.session.turns] == ["Be terse", None]
    async with launch(begin=Start(continue_last=True)) as program:
        await program.shown("▌ again")
        assert program.session.system is None


async def test_export_makes_its_text_beside_the_event_loop(
    launch: Launch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made_on: list[threading.Thread] = []

    def watched(title: str, turns: Iterable[Turn]) -> str:
        made_on.append(threading.current_thread())
        return to_markdown(title, turns)

    monkeypatch.setattr(reply_commands, "to_markdown", watched)
    async with launch() as program:
        await program.turn("my title", "one")
        await program.send("/export")
        await program.shown("Exported to")
    assert made_on and threading.main_thread() not in made_on


@pytest.mark.parametrize("draft", ["", "a draft"])
async def test_what_comes_back_while_the_editor_is_open_stays_above_its_text(
    launch: Launch, monkeypatch: pytest.MonkeyPatch, draft: str
) -> None:
    async with launch() as program:

        async def edit(app: object, text: str) -> str:
            assert text == draft
            program.pane.return_to_composer("a prompt that failed")
            return "edited"

        monkeypatch.setattr(screen_commands, "edit_text", edit)
        await program.type(draft)
        await program.pilot.press("ctrl+g")
        await program.until(lambda: program.composer.text == "a prompt that failed\nedited")


@pytest.mark.parametrize(("size", "most"), [((20, 5), 2), ((20, 8), 3), ((80, 24), 6)])
async def test_what_went_wrong_can_be_read_to_its_end_at_any_size(
    launch: Launch, size: tuple[int, int], most: int
) -> None:
    async with launch(size=size) as program:
        program.pane.notices.show("Cannot connect to 127.0.0.1:11434. " * 20 + "Is it running?", "error")
        await program.shown("… /notices")
        assert program.pane.notices.region.height == most
        assert program.composer.region.bottom <= size[1]
        await program.send("/notices")
        await program.until(lambda: program.app.screen is not program.app.chat)
        for _ in range(40):
            if "running?" in program.text:
                break
            await program.pilot.press(*["down"] * 4)
        await program.shown("running?")
        await program.pilot.press("escape")


async def test_texts_name_the_keys_that_the_user_chose(launch: Launch) -> None:
    keys = {"stop": "f9", "interrupt": "f8", "send": "f7", "model": "f6"}
    async with launch(settings=Settings(provider=PLAIN, keys=keys)) as program:
        await program.type("/copy")
        await program.pilot.press("f7")
        await program.shown("There is no message yet. Type one and press f7.")
        program.composer.load("")
        await program.pilot.press("f8")
        await program.shown("Press f8 again to quit.")
        await program.type("hello")
        await program.pilot.press("f7")
        stream = await program.provider.opened()
        program.pane._pump._since -= 60
        await program.shown("f9 stops")
        await program.type("/new")
        await program.pilot.press("f7")
        await program.shown("A reply is still coming in. f9 stops it first.")
        stream.reply("hi")
        await program.until(lambda: program.session.running is None)
        program.composer.load("")
        await program.pilot.press("alt+e")
        await program.shown("in place of your last message · f8 leaves it")


async def test_a_command_that_failed_comes_back_to_be_mended(launch: Launch) -> None:
    async with launch() as program:
        await program.send("/theme moos")
        await program.shown("There is no theme 'moos'.")
        await program.shown("/theme moos")
        assert program.composer.text == "/theme moos"
        program.composer.load("/theme moss")
        await program.pilot.press("enter")
        await program.shown("The theme is moss from now on.")
        assert program.composer.text == ""


async def test_the_notice_of_a_failed_command_is_not_hidden_by_what_completes_it(launch: Launch) -> None:
    async with launch() as program:
        await program.send("/copy")
        await program.until(lambda: program.composer.text == "/copy")
        await program.shown("There is no message yet.")


@pytest.mark.parametrize("between", ["x", "f2", "enter", "left"])
async def test_whatever_comes_between_two_ctrl_c_keeps_the_program_open(launch: Launch, between: str) -> None:
    async with launch() as program:
        await program.pilot.press("ctrl+c")
        await program.shown("Press ^c again to quit.")
        await program.pilot.press(between)
        await program.pilot.pause()
        program.composer.load("")
        await program.pilot.pause()
        program.pane.notices.clear_notices()
        await program.pilot.press("ctrl+c")
        await program.shown("Press ^c again to quit.")
        assert program.app.return_code is None


async def test_what_is_selected_in_a_page_of_the_manual_is_copied(launch: Launch) -> None:
    async with launch() as program:
        copied: list[str] = []

        async def copy(text: str):
            copied.append(text)
            return type("Done", (), {"message": f"copied {len(text)}"})

        program.app.clipboard_writer.copy = copy
        await program.send("/help themes")
        await program.shown("Choosing a theme")
        await program.pilot.click(offset=(3, 8), times=2)
        await program.until(lambda: copied)
        assert copied[0] in "/theme lists the colour themes"


async def test_why_a_command_failed_stays_on_a_machine_that_is_slow_to_give_it_back(
    launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with launch() as program:
        give_back = program.pane.return_to_composer

        def slowly(text: str) -> None:
            give_back(text)
            time.sleep(1.1)

        monkeypatch.setattr(program.pane, "return_to_composer", slowly)
        await program.send("/theme no-such-theme")
        await program.until(lambda: "no-such-theme" in program.notices)
        for _ in range(10):
            await program.pilot.pause()
        assert "no-such-theme" in program.notices and program.composer.text == "/theme no-such-theme"
