"""Commands that open something or change how the screen looks."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING

from chatterm.backend.guide.manual_pages import find_page, read_pages
from chatterm.backend.targets import GUIDE
from chatterm.core.errors import ConfigError, TurnInProgressError
from chatterm.tui.external_editor import edit_text
from chatterm.tui.key_list import key_list
from chatterm.tui.opening import SIDEBAR, THEME
from chatterm.tui.picker_models import PickerModels
from chatterm.tui.screens.theme_picker import ThemePicker
from chatterm.tui.skeleton import NARROW_COLUMNS
from chatterm.tui.widgets.conversation_list import ConversationList, ListedConversation
from chatterm.tui.widgets.list_box import ListBox
from chatterm.tui.widgets.load_test_box import LoadTestBox
from chatterm.tui.widgets.model_picker import ModelPicker
from chatterm.tui.widgets.page_box import PageBox
from chatterm.tui.widgets.text_box import InputBox, TextBox

if TYPE_CHECKING:
    from chatterm.backend.models import ModelLists
    from chatterm.tui.screens.chat import ChatScreen
    from chatterm.tui.services import Services

QUIT_AGAIN_SECONDS = 2.0
NO_MODELS = "Hosted services appear once their key is set · /help providers"


class ScreenCommands:
    """Each `do_ID` does the command of that id; `argument` is what was typed after its slash word."""

    def __init__(self, screen: ChatScreen, services: Services) -> None:
        self._screen = screen
        self._services = services
        self._quit_asked = (0.0, 0)
        """When, and how often the user had gone on by then: whatever is done in between takes it back."""
        self._deleted: list[ListedConversation] = []

    async def do_model(self, argument: str) -> None:
        """Open the picker, or switch to the model named."""
        if argument:
            await self._screen.opening.use_named(argument)
            return
        target, opening = self._screen.pane.session.target, self._screen.opening
        source = PickerModels(opening.targets, self._services.state)
        picker = ModelPicker(
            providers=opening.targets.configured(),
            favourites=await source.favourites(),
            recent=await opening.recent_models(),
            current=(target.provider, target.model) if target else None,
            aliases=source.aliases(target.provider if target else None),
            source=source,
            commands=self._screen.setup.commands,
        )
        self._screen.front.push_screen(picker, self._picked)
        picker.run_worker(partial(self._fill, picker, opening.models))

    async def do_conversations(self, argument: str) -> None:
        """Open the list of conversations."""
        history = self._services.history
        screen = ConversationList(
            load=lambda words: history.conversations(500, words),
            rename=self._rename,
            delete=self._delete,
            undelete=history.undelete,
            deleted=self._deleted,
            filter_text=argument,
        )
        self._screen.front.push_screen(screen, self._chosen)

    async def do_new(self, argument: str) -> None:
        """Start an empty conversation."""
        await self._screen.opening.new()

    async def do_palette(self, argument: str) -> None:
        """Open the list of commands."""
        self._screen.front.action_command_palette()

    async def do_metrics(self, argument: str) -> None:
        """Show or hide the sidebar, and remember it for terminals as wide or as narrow."""
        screen = self._screen
        width = "wide" if screen.size.width >= NARROW_COLUMNS else "narrow"
        screen.sidebar_wanted[width] = not screen.has_class("-sidebar")
        screen.fit(screen.size)
        await self._services.state.put(SIDEBAR, screen.sidebar_wanted)

    async def do_help(self, argument: str) -> None:
        """Show the keys, or a page of the manual."""
        if not argument:
            self._screen.front.push_screen(
                TextBox("Keys and commands", key_list(self._screen.setup.commands))
            )
            return
        pages = await asyncio.to_thread(read_pages)
        found = find_page(pages, argument)
        if found is None:
            topics = ", ".join(each.topic for each in pages)
            raise ConfigError(f"The manual has no page {argument!r}.", f"Pages: {topics}.")
        screen = self._screen
        page = PageBox(found.title, found.text, lambda text: screen.told(screen.started.value.copy(text)))
        screen.front.push_screen(page)

    async def do_notices(self, argument: str) -> None:
        """Show the last notices, the newest first."""
        recent = "\n\n".join(reversed(self._screen.pane.notices.recent))
        self._screen.front.push_screen(TextBox("Notices", recent or "There was no notice yet."))

    async def do_theme(self, argument: str) -> None:
        """Switch the theme, and remember it; without a name list them all."""
        palettes, front = self._services.palettes, self._screen.front
        if not argument:
            picker = ThemePicker(tuple(palettes), front.theme, self._show_theme)
            front.push_screen(picker, self._theme_chosen)
            return
        if argument not in palettes:
            raise ConfigError(f"There is no theme {argument!r}.", f"Known: {', '.join(palettes)}.")
        self._show_theme(argument)
        await self._services.state.put(THEME, [argument, self._screen.setup.settings.interface.theme])
        self._screen.pane.notices.show(f"The theme is {argument} from now on.")

    async def do_editor(self, argument: str) -> None:
        """Edit the prompt in the user's editor; what came into the composer meanwhile stays above it."""
        composer = self._screen.pane.composer
        before = composer.text
        edited = await edit_text(self._screen.front, before)
        came = composer.text.removesuffix(before).rstrip("\n")
        composer.load(f"{came}\n{edited}" if came else edited)

    async def do_attach(self, argument: str) -> None:
        """Put `@path` into the prompt; without a path, ask for one."""
        if not argument:
            self._screen.front.push_screen(InputBox("Attach a file: path"), self._attach)
            return
        self._attach(argument)

    async def do_system(self, argument: str) -> None:
        """Show or set the system prompt, or take it away."""
        pane = self._screen.pane
        if argument == "none":
            await pane.session.set_system(None)
            pane.notices.show("There is no system prompt any more.")
            self._screen.opening.show_model()
        elif argument:
            await pane.session.set_system(argument)
            pane.notices.show("The system prompt is set; it goes with every message from now on.")
            self._screen.opening.show_model()
        else:
            now = pane.session.system
            pane.notices.show(
                f"System prompt: {now}" if now else "There is no system prompt. /system TEXT sets one."
            )

    async def do_stop(self, argument: str) -> None:
        """Esc: close the line to find words in, else stop the reply, else clear the selection."""
        if not self._screen.conversation.stop_finding() and not self._screen.pane.stop():
            self._screen.pane.transcript.clear_selection()

    async def do_interrupt(self, argument: str) -> None:
        """Ctrl+C: stop, copy, clear, or quit on the second press."""
        pane = self._screen.pane
        selected = pane.transcript.selected_text
        if selected:
            await self._screen.started.value.copy(selected)
            pane.transcript.clear_selection()
        if pane.stop() or selected:
            return
        box = self._screen.front.screen
        if box is not self._screen:
            if isinstance(box, ListBox):
                await box.action_leave()
            elif isinstance(box, LoadTestBox):
                box.action_stop()
            else:
                self._screen.front.pop_screen()
            return
        if self._screen.conversation.stop_finding():
            return
        if not pane.composer.is_empty:
            pane.composer.clear_draft()
            pane.editing = False
            return
        now = time.monotonic()
        asked_at, done = self._quit_asked
        if now - asked_at <= QUIT_AGAIN_SECONDS and done == pane.notices.acknowledged:
            await self._screen.front.leave()
            return
        self._quit_asked = (now, pane.notices.acknowledged)
        pane.notices.show(f"Press {pane.key('interrupt')} again to quit.")

    async def do_quit(self, argument: str) -> None:
        """Save what runs, and leave; the screen itself does this while there is no engine."""
        await self._screen.front.leave()

    async def do_suspend(self, argument: str) -> None:
        """Back to the shell."""
        self._screen.front.action_suspend_process()

    async def do_page_up(self, argument: str) -> None:
        """Scroll up by a page."""
        self._screen.pane.transcript.page_up()

    async def do_page_down(self, argument: str) -> None:
        """Scroll down by a page."""
        self._screen.pane.transcript.page_down()

    async def do_line_up(self, argument: str) -> None:
        """Scroll up by a line."""
        self._screen.pane.transcript.line_up()

    async def do_line_down(self, argument: str) -> None:
        """Scroll down by a line."""
        self._screen.pane.transcript.line_down()

    async def do_top(self, argument: str) -> None:
        """Go to the first message."""
        self._screen.pane.transcript.scroll_to_start()

    async def do_bottom(self, argument: str) -> None:
        """Go to the end, and follow."""
        self._screen.pane.transcript.scroll_to_end()

    def _attach(self, path: str | None) -> None:
        if path:
            quoted = f'@"{path}"' if " " in path else f"@{path}"
            self._screen.pane.composer.insert_text(f"{quoted} ")

    async def _picked(self, choice: tuple[str, str] | None) -> None:
        if choice is not None:
            await self._screen.run_command("model", f"{choice[0]}/{choice[1]}")

    async def _chosen(self, conversation_id: str | None) -> None:
        if conversation_id is not None:
            await self._screen.told(self._resume(conversation_id))

    async def _resume(self, conversation_id: str) -> None:
        await self._screen.opening.resume(await self._services.history.find(conversation_id))

    def _show_theme(self, name: str) -> None:
        self._screen.front.theme = name

    async def _theme_chosen(self, name: str | None) -> None:
        if name is not None:
            await self._screen.run_command("theme", name)

    async def _rename(self, conversation_id: str, title: str) -> None:
        await self._services.history.rename(conversation_id, title)
        await self._screen.opening.show_title()

    async def _delete(self, conversation_id: str) -> None:
        session = self._screen.pane.session
        on_screen = session.conversation_id == conversation_id
        if on_screen and session.running is not None:
            key = self._screen.pane.key("stop")
            raise TurnInProgressError("A reply is still coming in here.", f"Leave the list; {key} stops it.")
        await self._services.history.delete(conversation_id)
        if on_screen:
            await self._screen.opening.leave_conversation()

    async def _fill(self, picker: ModelPicker, lists: ModelLists) -> None:
        found = False
        async for known in lists.fetch_all():
            picker.set_models(known)
            found = found or (known.provider != GUIDE and bool(known.models))
        if not found:
            picker.call_after_refresh(picker.tell, NO_MODELS)
