"""Walking the messages, as a user does it: keys, mouse, links."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from textual import events

from chatterm.config.model import Settings
from chatterm.tui.message_commands import MESSAGE_COMMANDS
from chatterm.tui.services import Start
from chatterm.tui.widgets.link_box import LinkBox
from tests.store.long import make_long_file, prompt_text, reply_text
from tests.tui.conftest import PLAIN, Launch, Program

REPLY = """\
Some *words* first.

```py
print(1)
```

| a | b |
|---|---|
| 1 | two |

See [the docs](https://docs.example/a?b=c).

```sh
ls
```
"""


def clipboard_of(program: Program) -> list[str]:
    """What is copied from now on."""
    copied: list[str] = []

    async def copy(text: str) -> object:
        copied.append(text)
        return type("Done", (), {"message": f"copied {len(copied)}"})

    program.app.clipboard_writer.copy = copy  # pyright: ignore[reportAttributeAccessIssue]  # a double
    return copied


def chosen(program: Program) -> set[str]:
    """The words of the lines that are marked."""
    return {word for line in program.text.splitlines() if line.startswith("█") for word in line[1:].split()}


async def click(program: Program, words: str) -> None:
    """Click on the first of these words on screen."""
    for y, line in enumerate(program.text.splitlines()):
        if words in line:
            await program.pilot.click(offset=(line.index(words) + 1, y))
            await program.pilot.pause()
            return
    raise AssertionError(f"{words!r} is not on screen:\n{program.text}")


async def three_turns(program: Program) -> None:
    for number, reply in enumerate(("one", "two", REPLY), 1):
        await program.turn(f"question {number}", reply)


async def test_the_cursor_walks_and_the_hints_tell_its_keys(launch: Launch) -> None:
    async with launch(size=(80, 40)) as program:
        await program.pilot.press("alt+up")
        await program.shown("There is no message yet.")
        await three_turns(program)
        assert "model" in program.text.splitlines()[-1]
        await program.pilot.press("alt+up")
        await program.shown("█ Some words first.")
        hints = program.text.splitlines()[-1]
        words = "q leave, j next, y copy, Y code, t csv, e edit, r again, enter fold, s select"
        for hint in words.split(", "):
            assert hint in hints
        assert "model" not in hints
        await program.pilot.press("k")
        await program.until(lambda: chosen(program) == {"question", "3"})
        await program.pilot.press("up", "k", "alt+up")
        await program.until(lambda: chosen(program) == {"one"} | chosen(program) and "one" in chosen(program))
        await program.pilot.press("g", "k")
        await program.until(lambda: chosen(program) == {"question", "1"})
        await program.pilot.press("j", "down")
        await program.until(lambda: chosen(program) == {"question", "2"})
        await program.pilot.press("G", "j")
        await program.until(lambda: "docs" in " ".join(chosen(program)))
        await program.pilot.press("q")
        await program.until(lambda: not chosen(program))
        assert program.app.focused is program.composer and program.composer.text == ""
        assert "^l model" in program.text.splitlines()[-1]


async def test_typing_leaves_the_cursor_and_goes_into_the_prompt(launch: Launch) -> None:
    async with launch() as program:
        await three_turns(program)
        for typed in ("Why not", "/hel"):
            await program.pilot.press("alt+down")
            await program.until(lambda: program.pane.transcript.walking)
            await program.pilot.press(*typed)
            await program.until(lambda: program.composer.text == typed)  # noqa: B023  # called before the next
            assert not program.pane.transcript.walking
            program.composer.clear_draft()
        await program.pilot.press("alt+up", "escape")
        await program.pilot.press("y")
        assert program.composer.text == "y"
        await program.pilot.press("alt+up")
        await program.until(lambda: program.pane.transcript.walking)
        await program.pilot.click(program.composer)
        await program.until(lambda: not program.pane.transcript.walking)


async def test_keys_that_come_all_at_once_keep_their_order(launch: Launch) -> None:
    async with launch() as program:
        await three_turns(program)
        for typed in ("Why is that so?", "qyes, this too", "kkq and so on"):
            await program.pilot.press("alt+up")
            await program.until(lambda: program.pane.transcript.walking)
            for character in typed:
                program.app.post_message(events.Key("space" if character == " " else character, character))
            await program.until(lambda: program.composer.text)
            await program.pilot.pause()
            assert program.composer.text == typed.lstrip("qk")
            program.composer.clear_draft()


async def test_a_paste_leaves_the_cursor_and_keys_of_the_application_do_not(launch: Launch) -> None:
    async with launch() as program:
        await three_turns(program)
        await program.type("a draft")
        await program.pilot.press("alt+up", "home")
        await program.until(lambda: chosen(program) == {"question", "1"})
        await program.pilot.press("pagedown", "end", "shift+up", "ctrl+t", "f1")
        await program.shown("Keys and commands")
        await program.pilot.press("escape")
        await program.gone("Keys and commands")
        assert program.pane.transcript.walking and program.composer.text == "a draft"
        program.app.post_message(events.Paste(" pasted"))
        await program.until(lambda: program.composer.text == "a draft pasted")
        await program.until(lambda: not program.pane.transcript.walking)
        await program.pilot.press("alt+up", "backspace")
        await program.until(lambda: program.composer.text == "a draft paste")
        assert not program.pane.transcript.walking


async def test_a_message_its_code_and_its_tables_are_copied(launch: Launch) -> None:
    async with launch() as program:
        copied = clipboard_of(program)
        await three_turns(program)
        await program.pilot.press("alt+up", "y", "Y", "t")
        await program.until(lambda: len(copied) == 3)
        assert copied == [REPLY, "print(1)\n\nls", "a,b\n1,two\n"]
        await program.pilot.press("k", "y")
        await program.until(lambda: copied[3:] == ["question 3"])
        await program.pilot.press("Y")
        await program.until(lambda: "This message has no code block. Nothing was copied." in program.notices)
        await program.pilot.press("t")
        await program.until(lambda: "This message has no table. Nothing was copied." in program.notices)
        assert len(copied) == 4


async def test_the_last_prompt_is_edited_and_an_older_one_is_not(launch: Launch) -> None:
    async with launch() as program:
        await three_turns(program)
        await program.type("a draft")
        await program.pilot.press("alt+up", "g", "e")
        await program.until(lambda: "Only your last message can be edited" in program.notices)
        assert "y copies this one" in program.notices and program.pane.transcript.walking
        await program.pilot.press("r")
        await program.until(
            lambda: "Only the last reply can be regenerated. G goes to it." in program.notices
        )
        await program.pilot.press("G", "e")
        await program.until(lambda: program.composer.text == "question 3")
        assert not program.pane.transcript.walking and program.app.focused is program.composer
        await program.pilot.press("ctrl+c")
        assert program.composer.text == "a draft"


async def test_the_last_reply_is_regenerated(launch: Launch) -> None:
    async with launch() as program:
        await three_turns(program)
        await program.pilot.press("alt+up", "r")
        stream = await program.provider.opened()
        stream.reply("another one")
        await program.shown("another one")
        assert not program.pane.transcript.walking
        assert len(program.session.turns) == 3


async def test_what_is_not_sent_or_still_comes_is_not_replaced(launch: Launch) -> None:
    async with launch() as program:
        await program.turn("question 1", "one")
        stream = await program.ask("question 2")
        await program.send("question 3")
        await program.shown("queued")
        await program.pilot.press("alt+up", "e")
        await program.until(lambda: "This message is not sent yet." in program.notices)
        await program.pilot.press("k", "r")
        await program.until(lambda: "A reply is still coming in." in program.notices)
        stream.reply("two")
        await program.pilot.press("q")
        (await program.provider.opened()).reply("three")
        await program.shown("three")


async def test_a_reply_goes_on_under_the_cursor_and_nothing_moves(launch: Launch) -> None:
    async with launch() as program:
        copied = clipboard_of(program)
        await program.turn("question 1", "\n\n".join(f"line {number}" for number in range(30)))
        stream = await program.begun("question 2", "begun\n\n")
        await program.pilot.press("alt+up")
        await program.until(lambda: "begun" in chosen(program))
        top = program.text.splitlines()[1]
        stream.send(text="\n\n".join(f"more {number}" for number in range(40)))
        await program.shown("new text")
        assert program.text.splitlines()[1] == top
        await program.pilot.press("y")
        await program.until(lambda: len(copied) == 1)
        assert copied[0].startswith("begun\n\nmore 0")
        stream.send(done="end_turn")
        stream.end()
        await program.until(lambda: program.session.running is None)
        await program.pilot.pause()
        assert program.text.splitlines()[1] == top and program.pane.transcript.walking
        await program.pilot.press("q")
        assert program.text.splitlines()[1] == top
        await program.pilot.press("end")
        await program.shown("more 39")


async def test_a_queued_prompt_that_is_sent_meanwhile_moves_nothing(launch: Launch) -> None:
    async with launch() as program:
        await program.turn("question 1", "\n\n".join(f"line {number}" for number in range(30)))
        stream = await program.ask("question 2")
        await program.send("question 3")
        await program.shown("queued")
        await program.pilot.press("alt+up", "g")
        await program.until(lambda: chosen(program) == {"question", "1"})
        before = [line[:78] for line in program.text.splitlines()[1:10]]  # beside the scroll bar
        stream.reply("two")
        (await program.provider.opened()).reply("three")
        await program.until(lambda: program.session.running is None and len(program.session.turns) == 3)
        await program.pilot.pause()
        assert [line[:78] for line in program.text.splitlines()[1:10]] == before


async def test_thinking_is_opened_by_key_by_click_and_for_all(launch: Launch) -> None:
    async with launch() as program:
        stream = await program.ask("why")
        for item in ({"thinking": "the reason\n" * 3}, {"text": "because"}):
            stream.send(**item)
        stream.reply("")
        await program.until(lambda: program.session.running is None)
        await program.shown("▸ thought")
        assert "the reason" not in program.text
        await program.pilot.press("ctrl+t")
        await program.shown("the reason")
        await program.pilot.press("ctrl+t")
        await program.gone("the reason")
        await click(program, "thought")
        await program.shown("▾ thought")
        await program.shown("the reason")
        await click(program, "thought")
        await program.gone("the reason")
        await program.pilot.press("alt+up", "enter")
        await program.shown("the reason")
        await program.pilot.press("space")
        await program.gone("the reason")
        await program.pilot.press("k", "enter")
        await program.shown("Nothing is folded in this message.")


async def test_the_text_of_a_message_is_selected_by_keyboard(launch: Launch) -> None:
    async with launch() as program:
        copied = clipboard_of(program)
        await program.turn("question", "one **two** three\n\nfour five\n\n- six")
        await program.pilot.press("alt+up", "s")
        await program.shown("^c copies what is selected · shift+up, shift+down move its end")
        assert program.pane.transcript.selected_text == "one **two** three\n\nfour five\n\n- six"
        await program.pilot.press("shift+up", "shift+up", *["shift+right"] * 5, "shift+left")
        await program.until(lambda: program.pane.transcript.selected_text.endswith("\n\nfour"))
        await program.pilot.press("ctrl+c")
        assert copied == ["one **two** three\n\nfour"]
        assert program.pane.transcript.walking


async def test_old_messages_are_read_when_the_cursor_comes_to_them(launch: Launch, new_user: Path) -> None:
    path = new_user / "chatterm.db"
    make_long_file(path, 1_200, provider="plain", model="test-model")
    async with launch(begin=Start(continue_last=True)) as program:
        copied = clipboard_of(program)
        await program.shown("reply 1199")
        await program.pilot.press("alt+up", "g", "y")
        await program.until(lambda: copied == [prompt_text(0)])
        await program.until(lambda: "█ prompt 0" in program.text)
        await program.pilot.press("j", "y", "G")
        await program.until(lambda: copied[1:] == [reply_text(1)])
        await program.until(lambda: "█ reply 1199" in program.text)
        for _ in range(150):
            await program.pilot.press("k")
        await program.pilot.press("y")
        await program.until(lambda: len(copied) == 3)
        assert copied[2] == reply_text(1199 - 150)
        await program.until(lambda: f"█ {reply_text(1049).splitlines()[0]}"[:20] in program.text)


# ---- the mouse ---------------------------------------------------------------------------------------------


async def test_a_click_on_the_head_of_code_copies_all_of_it(launch: Launch) -> None:
    code = "\n".join(f"line = {number}" for number in range(300))
    async with launch() as program:
        copied = clipboard_of(program)
        await program.turn("code", f"```py\n{code}\n```\n\nend")
        await program.pilot.press("ctrl+home")
        await program.shown("copy")
        await click(program, "copy")
        await program.until(lambda: copied == [code])


async def test_while_the_cursor_is_on_a_click_moves_it_and_copies_a_table(launch: Launch) -> None:
    async with launch(size=(80, 40)) as program:
        copied = clipboard_of(program)
        await three_turns(program)
        await click(program, "│ two")
        await program.pilot.press("alt+up")
        await click(program, "▌ question 1")
        await program.until(lambda: chosen(program) == {"question", "1"})
        await click(program, "│ two")
        await program.until(lambda: copied == ["a,b\n1,two\n"])
        assert "docs" in " ".join(chosen(program))


# ---- links -------------------------------------------------------------------------------------------------


@dataclass
class Opener:
    """Stands in for the program that opens links."""

    program: Path
    record: Path

    @property
    def opened(self) -> str | None:
        """What it was asked to open."""
        return self.record.read_text() if self.record.exists() else None


@pytest.fixture
def opener(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Opener:
    program, record = tmp_path / "xdg-open", tmp_path / "opened"
    program.write_text(f'#!/bin/sh\nprintf %s "$1" > {record}.new && mv {record}.new {record}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT", "WSL_DISTRO_NAME"):
        monkeypatch.delenv(name, raising=False)
    return Opener(program, record)


async def test_a_link_shows_where_it_leads_and_opens_when_told_to(launch: Launch, opener: Opener) -> None:
    async with launch() as program:
        copied = clipboard_of(program)
        await program.turn("link", REPLY)
        await click(program, "the docs")
        await program.shown("https://docs.example/a?b=c")
        await program.shown("enter opens · c copies · esc closes")
        await program.pilot.press("escape")
        await program.gone("enter opens")
        await click(program, "the docs")
        await program.pilot.press("c")
        await program.until(lambda: copied == ["https://docs.example/a?b=c"])
        assert opener.opened is None
        await click(program, "the docs")
        await program.pilot.press("enter")
        await program.shown("The link was handed to the system.")
        assert opener.opened == "https://docs.example/a?b=c"


async def test_over_ssh_a_link_is_copied_instead(
    launch: Launch, opener: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.1 1 10.0.0.2 22")
    async with launch() as program:
        copied = clipboard_of(program)
        await program.turn("link", REPLY)
        await click(program, "the docs")
        await program.shown("enter copies · esc closes")
        await program.pilot.press("enter")
        await program.until(lambda: copied == ["https://docs.example/a?b=c"])
        assert "Over ssh no browser opens where you sit." in program.notices
        assert opener.opened is None


async def test_an_opener_that_fails_is_told(launch: Launch, opener: Opener) -> None:
    opener.program.write_text("#!/bin/sh\nexit 4\n")
    async with launch() as program:
        await program.turn("link", REPLY)
        await click(program, "the docs")
        await program.pilot.press("enter")
        await program.until(lambda: "xdg-open could not open the link (status 4)." in program.notices)


async def test_other_schemes_are_no_links(launch: Launch, opener: Opener) -> None:
    async with launch() as program:
        await program.turn("link", "[here](file:///etc/passwd) or [there](javascript:alert(1))")
        await click(program, "here")
        await click(program, "there")
        assert not isinstance(program.app.screen, LinkBox) and opener.opened is None


# ---- formulas ----------------------------------------------------------------------------------------------


async def test_formulas_are_shown_as_they_are_written(launch: Launch) -> None:
    async with launch() as program:
        await program.turn("formula", "Let $\\alpha^2$ be.")
        await program.shown("α²")
        await program.send("/maths")
        await program.shown("\\alpha^2")
        await program.shown("Formulas are shown as they are written.")
        await program.send("/maths")
        await program.shown("α²")


# ---- the table ---------------------------------------------------------------------------------------------


async def test_the_palette_knows_the_commands_of_a_message_while_one_is_chosen(launch: Launch) -> None:
    async with launch() as program:
        copied = clipboard_of(program)
        await program.turn("question", "one")
        for wanted in ([], ["one"]):
            await program.pilot.press("ctrl+p")
            await program.shown("Search for commands")
            await program.pilot.press(*"copy this message")
            if wanted:
                await program.shown("Copies the message under the cursor")
                await program.pilot.press("enter")
            else:
                await program.pilot.pause(0.3)
                assert "Copies the message under the cursor" not in program.text
                await program.pilot.press("escape")
            await program.until(lambda: copied == wanted)  # noqa: B023  # called before the next
            await program.pilot.press("alt+up")


async def test_other_keys_can_be_bound(launch: Launch) -> None:
    settings = Settings(provider=PLAIN, keys={"messages": "f7", "message_copy": "c", "message_leave": "x"})
    async with launch(settings=settings) as program:
        copied = clipboard_of(program)
        await program.turn("question", "one")
        await program.pilot.press("f7")
        await program.shown("x leave")
        await program.pilot.press("c")
        await program.until(lambda: copied == ["one"])
        await program.pilot.press("x")
        await program.until(lambda: not program.pane.transcript.walking)


async def test_the_list_of_keys_names_those_of_a_message(launch: Launch) -> None:
    async with launch(size=(80, 200)) as program:
        await program.pilot.press("f1")
        await program.shown("Keys and commands")
        await program.pilot.press("end")
        await program.shown("While the cursor is on a message")
        for command in MESSAGE_COMMANDS:
            await program.shown(command.title)
