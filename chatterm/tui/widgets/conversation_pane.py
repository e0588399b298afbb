"""The conversation on screen: transcript, notices and prompt, bound to one session."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Static

from chatterm.backend.attachments import mentioned_paths, read_attachment, store_attachment
from chatterm.backend.metrics import Figures, figures_of
from chatterm.backend.session import Prompt, Session
from chatterm.backend.turn_handle import TurnHandle
from chatterm.config.model import InterfaceSettings
from chatterm.core.errors import AttachmentError, ChattermError, StoreError
from chatterm.core.events import TurnFinished
from chatterm.core.turn import Outcome
from chatterm.store.history import History
from chatterm.tui.bindings import keys_of
from chatterm.tui.commands import Command
from chatterm.tui.key_names import shown_key
from chatterm.tui.pump import TICK_SECONDS, Pump
from chatterm.tui.transcript.transcript import Transcript
from chatterm.tui.turn_text import entries_of, live_entry, prompt_entry, queued_entry, reply_entry
from chatterm.tui.widgets.completion import CompletionList
from chatterm.tui.widgets.composer import Composer
from chatterm.tui.widgets.notices import Notices


class ConversationPane(Vertical):
    """Shows a session and carries prompts into it; knows nothing of commands, lists and models."""

    DEFAULT_CSS = """
    ConversationPane {
        width: 1fr; height: 1fr;
        & > .badge {
            display: none; overlay: screen; width: auto; height: 1; padding: 0 1; offset: 2 -1;
            background: $panel; color: $accent;
        }
        &.-new-below > .badge { display: block; }
    }
    """

    @dataclass
    class FiguresChanged(Message):
        """The figures of the running or last turn; None where there is no turn."""

        figures: Figures | None

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, ConversationPane.FiguresChanged)

    @dataclass
    class TurnEnded(Message):
        """A turn is over and stored."""

        finished: TurnFinished

    def __init__(self, history: History, commands: tuple[Command, ...], interface: InterfaceSettings) -> None:
        super().__init__()
        self._history = history
        self._commands = commands
        self._interface = interface
        again = keys_of(commands, "regenerate")
        self._again_key = shown_key(again[0]) if again else "/retry"
        self._session: Session | None = None
        self._pump: Pump | None = None
        self._queued_shown: list[str] = []
        self.editing = False

    def compose(self) -> ComposeResult:
        interface = self._interface
        yield Transcript(reading_width=interface.reading_width, frames_per_second=interface.frames_per_second)
        yield Static("↓ new text · End follows", classes="badge", markup=False)
        yield Notices()
        yield CompletionList(self._commands)
        yield Composer(self._commands, enter=interface.enter)

    @property
    def session(self) -> Session:
        """The session on screen."""
        if self._session is None:
            raise RuntimeError("the pane was asked for its session before it got one")
        return self._session

    @property
    def transcript(self) -> Transcript:
        """The transcript of the session."""
        return self.query_one(Transcript)

    @property
    def composer(self) -> Composer:
        """The prompt."""
        return self.query_one(Composer)

    @property
    def notices(self) -> Notices:
        """Where short messages are shown."""
        return self.query_one(Notices)

    def on_mount(self) -> None:
        """Keep the waiting line and the figures moving while a turn runs."""
        self.set_interval(TICK_SECONDS, self._tick)

    def show(self, session: Session) -> None:
        """Put a session on screen in place of the one that is there."""
        self._session = session
        self.editing = False
        self.refresh_entries()
        last = session.turns[-1] if session.turns else None
        self.post_message(self.FiguresChanged(figures_of(last) if last else None))

    def refresh_entries(self) -> None:
        """Show the session's turns anew, all at once."""
        entries = [entry for turn in self.session.turns for entry in entries_of(turn, self._again_key)]
        self.transcript.set_entries(entries)
        self._queued_shown.clear()
        self.show_queue()

    def tell(self, error: ChattermError) -> None:
        """Show what went wrong and what to do."""
        self.notices.show_error(error)

    # ---- sending -----------------------------------------------------------------------------

    def submit(self, text: str, extra: Iterable[Path] = ()) -> None:
        """Send a prompt, with the files it names; at once where there are none."""
        paths = list(extra)
        if not text.strip() and not paths:
            return
        if not paths and "@" not in text:
            self.send(Prompt(text))
        else:
            self.run_worker(self._submit_with_files(text, paths))

    def send(self, prompt: Prompt) -> None:
        """Start the turn, or queue the prompt while another runs or no model is chosen yet."""
        session = self.session
        if session.running is not None or session.target is None:
            session.queue(prompt)
            self.show_queue()
        elif self.editing:
            self.editing = False
            self._replace_last(session.resend(prompt))
        else:
            self._follow(session.start_turn(prompt))

    def send_queued(self) -> bool:
        """Send the first queued prompt; False when nothing waits or a turn runs."""
        handle = self.session.start_next() if self.session.target is not None else None
        if handle is not None:
            self._follow(handle)
        return handle is not None

    def regenerate(self) -> bool:
        """Ask the last prompt again; False when there is none or a turn runs."""
        session = self.session
        if session.running is not None or session.target is None:
            return False
        handle = session.regenerate()
        if handle is not None:
            self._replace_last(handle)
        return handle is not None

    def take_back(self) -> bool:
        """Put the last queued prompt back into the composer; False when nothing waits."""
        prompt = self.session.take_back()
        if prompt is None:
            return False
        self._return_to_composer(prompt.text)
        self.show_queue()
        return True

    def stop(self) -> bool:
        """Stop the running turn; False when none runs."""
        return self.session.running is not None and self.session.running.cancel()

    def show_queue(self) -> None:
        """Show the prompts that wait, after everything else."""
        for entry_id in self._queued_shown:
            self.transcript.remove_entry(entry_id)
        entries = [queued_entry(number, prompt) for number, prompt in enumerate(self.session.queued)]
        for entry in entries:
            self.transcript.append(entry)
        self._queued_shown = [entry.id for entry in entries]
        self.composer.has_queued = bool(entries)

    async def _submit_with_files(self, text: str, extra: list[Path]) -> None:
        try:
            named = await asyncio.to_thread(mentioned_paths, text, Path.cwd())
            files = [
                await asyncio.to_thread(read_attachment, path) for path in dict.fromkeys([*extra, *named])
            ]
            parts = [await store_attachment(file, self._history) for file in files]
        except (AttachmentError, StoreError) as error:
            self._return_to_composer(text)
            self.tell(error)
            return
        self.send(Prompt(text, tuple(parts)))

    # ---- following a turn --------------------------------------------------------------------

    def _replace_last(self, handle: TurnHandle) -> None:
        """Show a turn that took the place of the last one."""
        kept = [entry for turn in self.session.turns[:-1] for entry in entries_of(turn, self._again_key)]
        self.transcript.set_entries(kept)
        self._queued_shown.clear()
        self._follow(handle)

    def _follow(self, handle: TurnHandle) -> None:
        for entry_id in self._queued_shown:
            self.transcript.remove_entry(entry_id)
        self._queued_shown.clear()
        self.transcript.append(prompt_entry(handle.turn.prompt))
        self.transcript.begin_live(live_entry(handle.turn.reply))
        self.transcript.scroll_to_end()
        self.show_queue()
        self._pump = Pump(handle, self.transcript, self._show_figures)
        self.run_worker(self._run_pump(self.session, self._pump))

    async def _run_pump(self, session: Session, pump: Pump) -> None:
        finished = await pump.run()
        self._pump = None
        turn = finished.turn
        if session is self._session:
            if turn.outcome is Outcome.WITHDRAWN:
                self.refresh_entries()
                self._return_to_composer(turn.prompt.text)
                self.notices.show("Stopped before the reply began. Your prompt is back.", "information")
            else:
                self.transcript.end_live(reply_entry(turn, self._again_key))
        if finished.notice:
            self.notices.show(finished.notice, "error")
        self.post_message(self.TurnEnded(finished))
        if turn.outcome is Outcome.COMPLETE:
            self.send_queued()
        elif session.queued:
            self.notices.show("Queued: Enter on an empty prompt sends it, Up takes it back.", "information")

    def _return_to_composer(self, text: str) -> None:
        """Bring a prompt back; what was typed meanwhile stays below it."""
        typed = self.composer.text
        self.composer.load(f"{text}\n{typed}" if typed.strip() else text)

    def _tick(self) -> None:
        if self._pump is not None:
            self._pump.tick()

    def _show_figures(self, figures: Figures) -> None:
        self.post_message(self.FiguresChanged(figures))

    @on(Transcript.FollowingChanged)
    def _following_changed(self, event: Transcript.FollowingChanged) -> None:
        if event.following:
            self.remove_class("-new-below")

    @on(Transcript.NewTextBelow)
    def _new_text_below(self) -> None:
        self.add_class("-new-below")

    @on(Composer.Submitted)
    def _composer_submitted(self, event: Composer.Submitted) -> None:
        """An empty prompt sends what waits; everything else is for the screen, which knows the commands."""
        if not event.text.strip() and self.send_queued():
            event.stop()
