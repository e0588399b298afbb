"""Commands that act on the conversation and its last turn."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from chatterm.backend.export import code_blocks, free_path, to_markdown
from chatterm.backend.parameters import read_parameters, typed_value
from chatterm.core.errors import ChattermError, ConfigError, StoreError
from chatterm.core.turn import Turn
from chatterm.tui.turn_details import details_page
from chatterm.tui.typed_number import number_back
from chatterm.tui.widgets.page_box import PageBox
from chatterm.tui.widgets.text_box import InputBox

if TYPE_CHECKING:
    from chatterm.backend.session import Session
    from chatterm.tui.screens.chat import ChatScreen
    from chatterm.tui.services import Services


class ReplyCommands:
    """Each `do_ID` does the command of that id; `argument` is what was typed after its slash word."""

    def __init__(self, screen: ChatScreen, services: Services) -> None:
        self._screen = screen
        self._services = services

    async def do_regenerate(self, argument: str) -> None:
        """Ask the last prompt again, by another model if one is named."""
        self._screen.pane.refuse_while_busy()
        self._last_turn()
        if argument:
            await self._screen.opening.use_named(argument, send_queued=False)
        if not self._screen.pane.regenerate(is_named=bool(argument)):
            key = self._screen.pane.key("model")
            raise ConfigError("No model is chosen yet.", f"{key} chooses one.")

    async def do_edit_last(self, argument: str) -> None:
        """Put the last prompt back into the composer; sending it takes the place of the last turn."""
        self._screen.pane.refuse_while_busy()
        self._screen.pane.edit(self._last_turn().prompt.text)

    async def do_copy_reply(self, argument: str) -> None:
        """Copy the last reply as Markdown; with a number, the reply that many back."""
        self._last_turn()
        number = number_back(argument, "/copy 2 copies the last reply but one.")
        session = self._screen.pane.session
        if number > len(_ended(session.turns)) and session.past is not None:
            # Not awaited: reading a long conversation takes seconds, in which the screen would stand still.
            self._screen.run_worker(self._screen.told(self._copy_earlier(session, number)))
        else:
            await self._copy_nth(session.turns, number)

    async def do_copy_code(self, argument: str) -> None:
        """Copy the code of the last reply."""
        self._last_turn()
        blocks = code_blocks(_nth_last(self._screen.pane.session.turns, 1).reply.text)
        if not blocks:
            raise ChattermError("The last reply has no code block.", "Nothing was copied.")
        await self._screen.started.value.copy("\n\n".join(blocks))

    async def do_details(self, argument: str) -> None:
        """Show all that is known of the last turn; with a number, of the one that many back."""
        self._last_turn()
        turn = _nth_last(
            self._screen.pane.session.turns, number_back(argument, "/details 2 shows the last but one.")
        )
        copy = self._screen.started.value.copy
        records = ()
        with suppress(StoreError):  # the page tells all the same what the turn itself knows
            records = await self._services.records.of_turn(turn.id, turn.conversation_id)
        page = PageBox(
            f"Details: {turn.model}", details_page(turn, records), lambda text: self._screen.told(copy(text))
        )
        self._screen.front.push_screen(page)

    async def do_effort(self, argument: str) -> None:
        """Set how much the model thinks before it answers; without a word, as much as it usually does."""
        await self.do_set(f"effort={argument}")

    async def do_thinking(self, argument: str) -> None:
        """Show or fold thinking."""
        self._screen.pane.transcript.toggle_thinking()

    async def do_set(self, argument: str) -> None:
        """Set a request parameter, or take it away with an empty value."""
        session = self._screen.pane.session
        if not argument:
            shown = ", ".join(f"{name}={value}" for name, value in session.options.items())
            self._screen.pane.notices.show(
                f"Set: {shown}" if shown else "Nothing is set. /set temperature=0.2"
            )
            return
        name, equals, value = (part.strip() for part in argument.partition("="))
        if not name or not equals:
            raise ConfigError(f"{argument!r} is no NAME=VALUE.", "For example /set temperature=0.2")
        options = {key: kept for key, kept in session.options.items() if key != name}
        if value:
            options[name] = typed_value(value)
            read_parameters({name: options[name]})
        session.options = options
        self._screen.pane.notices.show(f"{name} = {value}" if value else f"{name} is no longer set.")

    async def do_rename(self, argument: str) -> None:
        """Give the conversation a title."""
        session = self._screen.pane.session
        if not session.turns:
            raise ChattermError("This conversation is empty.", "Send a message; then it can be renamed.")
        if argument:
            await self._rename(argument)
        else:
            title = (await self._services.history.find(session.conversation_id)).title
            self._screen.front.push_screen(InputBox("Title of the conversation", title), self._titled)

    async def do_export(self, argument: str) -> None:
        """Write the conversation to a Markdown file that is not there yet."""
        session = self._screen.pane.session
        if not session.turns:
            raise ChattermError("There is nothing to export yet.", "Send a message first.")
        # Not awaited, as above.
        self._screen.run_worker(self._screen.told(self._export(session, argument)))

    async def _export(self, session: Session, argument: str) -> None:
        title = (await self._services.history.find(session.conversation_id)).title
        path = await asyncio.to_thread(_write_new, argument, title, await session.all_turns())
        self._screen.pane.notices.show(f"Exported to {path}")

    async def _rename(self, title: str | None) -> None:
        title = (title or "").strip()
        if title:
            await self._services.history.rename(self._screen.pane.session.conversation_id, title)
            await self._screen.opening.show_title()

    async def _titled(self, title: str | None) -> None:
        await self._screen.told(self._rename(title))

    async def _copy_earlier(self, session: Session, number: int) -> None:
        await self._copy_nth(await session.all_turns(), number)

    async def _copy_nth(self, turns: Iterable[Turn], number: int) -> None:
        text = _nth_last(turns, number).reply.text
        if not text:
            raise ChattermError("The last reply has no text.", "Nothing was copied.")
        await self._screen.started.value.copy(text)

    def _last_turn(self) -> Turn:
        turns = self._screen.pane.session.turns
        if not turns:
            key = self._screen.pane.key("send")
            raise ChattermError("There is no message yet.", f"Type one and press {key}.")
        return turns[-1]


def _ended(turns: Iterable[Turn]) -> list[Turn]:
    return [turn for turn in turns if turn.outcome is not None]


def _nth_last(turns: Iterable[Turn], number: int) -> Turn:
    ended = _ended(turns)
    if not 1 <= number <= len(ended):
        raise ChattermError(f"There is no reply {number} back.", f"There are {len(ended)} so far.")
    return ended[-number]


def _write_new(argument: str, title: str, turns: tuple[Turn, ...]) -> Path:
    path = Path(argument).expanduser() if argument else free_path(Path.cwd(), title)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(to_markdown(title, turns))
    except FileExistsError:
        raise ChattermError(f"{path} is there already.", "Name another file: /export FILE") from None
    except OSError as error:
        raise ChattermError(
            f"{path} cannot be written: {error.strerror}.", "/export FILE names another."
        ) from None
    return path
