"""Commands for the message that the cursor is on, and what a click in the transcript does."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from chatterm.backend.daemon_thread import in_daemon_thread
from chatterm.backend.export import code_blocks
from chatterm.core.errors import ChattermError
from chatterm.tui.link_opener import find_opener, open_link, why_none
from chatterm.tui.transcript.entries import Entry
from chatterm.tui.transcript.spans import is_openable
from chatterm.tui.transcript.transcript import Transcript
from chatterm.tui.widgets.composer import SHARED_KEYS
from chatterm.tui.widgets.footer import KeyHints
from chatterm.tui.widgets.link_box import Choice, LinkBox

if TYPE_CHECKING:
    from chatterm.tui.screens.chat import ChatScreen

NOTHING_COPIED = "Nothing was copied."

Asked = Transcript.Selected | Transcript.Clicked | Transcript.CommandAsked


class TranscriptCommands:
    """Each `do_ID` does the command of that id; `argument` is what was typed after its slash word."""

    def __init__(self, screen: ChatScreen) -> None:
        self._screen = screen
        self._transcript = screen.conversation.transcript
        self._composer = screen.conversation.composer
        commands = screen.setup.commands
        keys = [(key, command) for command in commands for key in command.keys]
        self._passed = {key for key, command in keys if command.scope == "app"} - SHARED_KEYS
        self._keys = {
            **{key: command.id for key, command in keys if command.scope == "app" and key in SHARED_KEYS},
            **{key: command.id for key, command in keys if command.scope == "message"},
        }
        self._composer.key_filters.insert(0, self._take_key)
        screen.watch(self._transcript, "walking", self._walking_changed, init=False)

    def _take_key(self, key: str) -> bool:
        """Whether a key in the prompt is one for the message; what else would edit the prompt ends the walk.

        The prompt keeps the focus, so that no key comes late or out of order: many may come at once.
        """
        if not self._transcript.walking:
            return False
        command = self._keys.get(key)
        if command is None:
            if key not in self._passed:
                self._transcript.stop_walking()
            return False
        if command == "message_leave":
            self._transcript.stop_walking()
        else:
            self._screen.post_message(Transcript.CommandAsked(command))
        return True

    async def asked(self, event: Asked) -> None:
        """Do what a key or a click in the transcript asks for. Raises `ChattermError` where that fails."""
        match event:
            case Transcript.CommandAsked():
                await self._screen.run_command(event.command_id)
            case Transcript.Selected():
                await self._copy(event.text)
            case Transcript.Clicked(link="action:copy-code"):
                await self._copy(self._transcript.code_at(event.address), "There is no code here.")
            case Transcript.Clicked(link="action:copy-table"):
                await self._copy(self._transcript.table_at(event.address), "There is no table here.")
            case Transcript.Clicked() if is_openable(event.link):
                opener = find_opener(os.environ)
                box = LinkBox(event.link, can_open=opener is not None)
                self._screen.front.push_screen(box, partial(self._link_chosen, event.link, opener))
            case Transcript.Clicked():
                pass

    async def do_messages(self, argument: str) -> None:
        """Put the cursor on the last message in view."""
        if self._screen.conversation.consents.box is not None:
            raise ChattermError("A question waits for your answer.", "Its keys are in the box.")
        if not self._transcript.start_walking():
            key = self._screen.pane.key("send")
            raise ChattermError("There is no message yet.", f"Type one and press {key}.")

    async def do_message_leave(self, argument: str) -> None:
        """Back to the prompt."""
        self._transcript.stop_walking()

    async def do_message_next(self, argument: str) -> None:
        """To the message below."""
        self._transcript.walk(1)

    async def do_message_previous(self, argument: str) -> None:
        """To the message above."""
        self._transcript.walk(-1)

    async def do_message_first(self, argument: str) -> None:
        """To the first message."""
        self._transcript.walk_to_first()

    async def do_message_last(self, argument: str) -> None:
        """To the last message."""
        self._transcript.walk_to_last()

    async def do_message_copy(self, argument: str) -> None:
        """Copy the message as it was written."""
        await self._copy((await self._message()).source, "This message has no text.")

    async def do_message_code(self, argument: str) -> None:
        """Copy its code blocks."""
        blocks = code_blocks((await self._message()).source)
        await self._copy("\n\n".join(blocks), "This message has no code block.")

    async def do_message_tables(self, argument: str) -> None:
        """Copy its tables as CSV."""
        tables = self._transcript.tables_of(await self._message())
        await self._copy("\n".join(tables), "This message has no table.")

    async def do_message_edit(self, argument: str) -> None:
        """Put the prompt of the last turn into the composer."""
        if not await self._is_in_last_turn():
            key = self._screen.pane.key("message_copy")
            raise ChattermError(
                "Only your last message can be edited and sent again.",
                f"{key} copies this one for a new prompt.",
            )
        if await self._screen.run_command("edit_last"):
            self._transcript.stop_walking()

    async def do_message_again(self, argument: str) -> None:
        """Ask again with the prompt of the last turn."""
        if not await self._is_in_last_turn():
            key = self._screen.pane.key("message_last")
            raise ChattermError("Only the last reply can be regenerated.", f"{key} goes to it.")
        await self._screen.run_command("regenerate")

    async def do_message_continue(self, argument: str) -> None:
        """Go on with the last reply."""
        if not await self._is_in_last_turn():
            key = self._screen.pane.key("message_last")
            raise ChattermError("Only the last reply can be continued.", f"{key} goes to it.")
        await self._screen.run_command("continue")

    async def do_message_fold(self, argument: str) -> None:
        """Open what is folded in the message, or fold it."""
        await self._message()
        if not self._transcript.turn_folds():
            self._screen.pane.notices.show("Nothing is folded in this message.")

    async def do_message_select(self, argument: str) -> None:
        """Select the text of the message."""
        await self._message()
        if not self._transcript.select_message():
            raise ChattermError("This message has no text.", "Nothing was selected.")
        pane = self._screen.pane
        less, more = pane.key("extend_up"), pane.key("extend_down")
        pane.notices.show(f"{pane.key('interrupt')} copies what is selected · {less}, {more} move its end")

    async def do_extend_left(self, argument: str) -> None:
        """Select a character less."""
        self._transcript.extend(characters=-1)

    async def do_extend_right(self, argument: str) -> None:
        """Select a character more."""
        self._transcript.extend(characters=1)

    async def do_extend_up(self, argument: str) -> None:
        """Select a row less, or scroll."""
        if not self._transcript.extend(rows=-1):
            self._transcript.line_up()

    async def do_extend_down(self, argument: str) -> None:
        """Select a row more, or scroll."""
        if not self._transcript.extend(rows=1):
            self._transcript.line_down()

    async def do_maths(self, argument: str) -> None:
        """Show formulas as they are written, or converted again."""
        converted = self._transcript.toggle_maths()
        words = "Formulas are shown converted." if converted else "Formulas are shown as they are written."
        self._screen.pane.notices.show(words)

    def _walking_changed(self, walking: bool) -> None:
        screen = self._screen
        screen.query_one(KeyHints).show_commands(screen.setup.commands, walking=walking)
        screen.set_focus(self._composer)

    async def _message(self) -> Entry:
        """The message at the cursor; waits until it is read."""
        pane = self._screen.pane
        if not self._transcript.walking:
            raise ChattermError("No message is chosen.", f"{pane.key('messages')} goes to one.")
        entry = await self._transcript.walked()
        if entry is None:
            raise ChattermError("This message could not be read.", "Scroll away and back to read it again.")
        return entry

    async def _is_in_last_turn(self) -> bool:
        """Whether the message belongs to the last turn. Raises `ChattermError` where that cannot be replaced now."""
        entry, pane = await self._message(), self._screen.pane
        if entry.status == "queued":
            key = pane.key("history_previous")
            raise ChattermError("This message is not sent yet.", f"{key} in the prompt takes it back.")
        pane.refuse_while_busy()
        turns = pane.session.turns[-1:]
        return any(entry.id in (turn.prompt.id, turn.reply.id) for turn in turns)

    async def _copy(self, text: str | None, nothing: str = "") -> None:
        if not text:
            raise ChattermError(nothing, NOTHING_COPIED)
        await self._screen.started.value.copy(text)

    async def _link_chosen(self, target: str, opener: str | None, choice: Choice | None) -> None:
        if choice == "open" and opener is not None:
            self._screen.run_worker(self._screen.told(self._open(opener, target)))
        elif choice is not None:
            if choice == "open":
                self._screen.pane.notices.show(why_none(os.environ))
            await self._screen.told(self._copy(target))

    async def _open(self, opener: str, target: str) -> None:
        # It may take its time: the screen goes on meanwhile, and so does the way out.
        await in_daemon_thread(partial(open_link, opener, target, dict(os.environ)), "link")
        self._screen.pane.notices.show("The link was handed to the system.")
