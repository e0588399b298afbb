"""The conversation on screen: transcript, notices and prompt, bound to one session."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from pathlib import Path

from textual.content import Content
from textual.worker import Worker

from chatterm.backend.session import Prompt, Session
from chatterm.backend.turn_handle import TurnHandle
from chatterm.core.errors import AttachmentError, ChattermError, StoreError, TurnInProgressError
from chatterm.core.turn import Outcome, Turn
from chatterm.tui.bindings import key_name
from chatterm.tui.earlier_turns import earlier_entries
from chatterm.tui.messages import FiguresChanged, PromptStored, TurnEnded
from chatterm.tui.prompt_files import PromptRead, PromptReader
from chatterm.tui.pump import TICK_SECONDS, Pump
from chatterm.tui.queue_view import QueueView
from chatterm.tui.services import Setup
from chatterm.tui.turn_text import entries_of, live_entry, prompt_entry, reply_entry, taken_out_words
from chatterm.tui.watched_figures import WatchedFigures
from chatterm.tui.widgets.conversation_widgets import ConversationWidgets

NO_MODEL = "No model is chosen yet. {} chooses one, then this is sent."
EDITING_TITLE = " in place of your last message · {} leaves it "


class ConversationPane:
    """Shows a session and carries prompts into it; knows nothing of commands, lists and models.

    No widget itself: `widgets` are on screen before there is a session.
    """

    def __init__(
        self, widgets: ConversationWidgets, session: Session, reader: PromptReader, setup: Setup
    ) -> None:
        self.widgets, self.notices = widgets, widgets.notices
        self.transcript, self.composer = widgets.transcript, widgets.composer
        self.session = session
        """The session on screen."""
        self._reader, self.figures = reader, WatchedFigures(widgets.post_message)
        self._commands = setup.commands
        self._again_key = key_name(setup.commands, "regenerate")
        self._pump: Pump | None = None
        self._following: Worker[None] | None = None
        self._queue_view = QueueView(setup.commands, setup.settings.interface)
        self._opened = False
        self._editing = False
        self._aside = ""
        widgets.set_interval(TICK_SECONDS, self._tick)
        self.show(session)

    def key(self, command_id: str) -> str:
        """How a hint names the way to a command."""
        return key_name(self._commands, command_id)

    @property
    def followed(self) -> TurnHandle | None:
        """The turn that runs, or has ended and is not shown to its end yet."""
        return self._pump.handle if self._pump is not None else self.session.running

    def refuse_while_busy(self) -> None:
        """Raises `TurnInProgressError` while there is such a turn."""
        if self.followed is not None:
            raise TurnInProgressError("A reply is still coming in.", f"{self.key('stop')} stops it first.")

    def edit(self, text: str) -> None:
        """Put a sent prompt into the composer to be sent anew; a draft there is set aside until then."""
        if not self.editing:
            self._aside, self.editing = self.composer.text, True
        self.composer.load(text)

    @property
    def editing(self) -> bool:
        """Whether the next prompt takes the place of the last turn."""
        return self._editing

    @editing.setter
    def editing(self, editing: bool) -> None:
        self._editing = editing
        self.composer.border_title = Content(EDITING_TITLE.format(self.key("interrupt"))) if editing else None
        if not editing and self._aside:
            aside, self._aside = self._aside, ""
            self.return_to_composer(aside)

    def opened(self) -> None:
        """The start is over: a model that is not chosen by now has to be chosen by the user."""
        self._opened = True
        if self.session.queued:
            self._ask_for_model()

    def show(self, session: Session, waiting: Iterable[Prompt] = ()) -> None:
        """Put a session on screen in place of the one that is there; `waiting` prompts are queued in it."""
        self.session = session
        for prompt in waiting:
            session.queue(prompt)
        self.editing = False
        self.refresh_entries()
        last = session.turns[-1] if session.turns else None
        self.widgets.post_message(FiguresChanged(self.figures.of(last) if last else None))

    def refresh_entries(self) -> None:
        """Show the session's turns anew, all at once."""
        self._show_turns(self.session.turns)
        self.show_queue()

    def _show_turns(self, turns: Iterable[Turn]) -> None:
        self.transcript.set_entries(
            (entry for turn in turns for entry in entries_of(turn, self._again_key)),
            earlier_entries(self.session.past, self._again_key),
        )
        self._queue_view.forget()

    def tell(self, error: ChattermError) -> None:
        """Show what went wrong and what to do."""
        self.notices.show_error(error)

    def submit(self, text: str) -> None:
        """Send a prompt, with the files it names; at once where there are none."""
        if "@" in text or self._reader.is_busy:
            reading = self._reader.announce(text, Path.cwd())
            self.widgets.run_worker(partial(self._submit_with_files, text, reading))
        elif text.strip():
            self.send(Prompt(text))

    def send(self, prompt: Prompt) -> None:
        """Start the turn, or queue the prompt while another runs or no model is chosen yet."""
        session = self.session
        if self.followed is not None or session.target is None:
            session.queue(prompt)
            self.show_queue()
            self._ask_for_model()
        elif self.editing:
            self.replace_last(session.resend(prompt))
        elif session.queued:  # held after a stop: this one does not overtake them
            session.queue(prompt)
            self.send_queued()
        else:
            self.follow(session.start_turn(prompt))

    def send_queued(self) -> bool:
        """Send the first queued prompt; False when nothing waits or a turn runs."""
        ready = self.followed is None and self.session.target is not None
        handle = self.session.start_next() if ready else None
        if handle is not None:
            self.follow(handle)
        return handle is not None

    def regenerate(self, *, is_named: bool = False) -> bool:
        """Ask the last prompt again, by the model in use now if it was named; False when there is none, or one runs."""
        ready = self.followed is None and self.session.target is not None
        handle = self.session.regenerate(self.session.target if is_named else None) if ready else None
        if handle is not None:
            self.replace_last(handle)
        return handle is not None

    def take_back(self) -> bool:
        """Put the last queued prompt back into the composer; False when nothing waits."""
        prompt = self.session.take_back()
        if prompt is None:
            return False
        self.return_to_composer(prompt.text)
        self.show_queue()
        return True

    @property
    def unsent(self) -> str:
        """All that was typed and not sent: the prompts that wait, and what is in the composer."""
        waiting = (prompt.text for prompt in self.session.queued)
        texts = [*waiting, *self.composer.sent, self.composer.text, self._aside]
        return "\n".join(text for text in texts if text.strip())

    def take_unsent(self) -> str:
        """The same, taken out of queue and composer."""
        text = self.unsent
        while self.session.take_back() is not None:
            pass
        self._aside, self.composer.sent = "", []
        self.composer.load("")
        return text

    def return_to_composer(self, text: str) -> None:
        """Bring a text back; what was typed meanwhile stays below it."""
        if text:
            typed = self.composer.text
            self.composer.load(f"{text}\n{typed}" if typed.strip() else text)
            self.widgets.completion.close()  # it would lie over the notice that says why

    def stop(self) -> bool:
        """Stop the running turn; False when none runs."""
        return self.session.running is not None and self.session.running.cancel()

    def show_queue(self) -> None:
        """Show the prompts that wait, after everything else."""
        held = self.followed is None and self.session.target is not None
        self._queue_view.show(self.transcript, self.session.queued, held=held)
        self.composer.has_queued = bool(self.session.queued)

    async def _submit_with_files(self, text: str, read: Callable[[], Awaitable[PromptRead]]) -> None:
        session = self.session
        try:
            prompt, unfound = await read()
        except (AttachmentError, StoreError) as error:
            self.return_to_composer(text)
            self.tell(error)
            return
        if session is not self.session:
            self.return_to_composer(text)  # another conversation was opened while the files were read
            return
        self.send(prompt)
        if unfound:
            self.notices.show(f"No file of this name, sent as text: {', '.join(unfound)}", "warning")

    def _ask_for_model(self) -> None:
        if self._opened and self.session.target is None:
            self.notices.show(NO_MODEL.format(self.key("model")), "warning")

    # ---- following a turn --------------------------------------------------------------------

    def replace_last(self, handle: TurnHandle) -> None:
        """Show a turn that took the place of the last one."""
        self._show_turns(self.session.turns[:-1])
        self.follow(handle)

    def follow(self, handle: TurnHandle) -> None:
        """Show a turn that was started, and carry what comes of it."""
        widgets, self.editing = self.widgets, False
        self._queue_view.show(self.transcript, ())
        self.transcript.append(prompt_entry(handle.turn.prompt))
        self.transcript.begin_live(live_entry(handle.turn))
        if not self.transcript.walking:  # else the user is at another message, and this one was queued
            self.transcript.scroll_to_end()
        self.show_queue()
        self._pump = Pump(
            handle,
            self.transcript,
            show_figures=partial(self.figures.show, handle.turn.id),
            stored=lambda turn: widgets.post_message(PromptStored(turn)),
            tell=self.notices.show,
            consents=widgets.consents,
            key=self.key,
        )
        self._following = widgets.run_worker(partial(self._run_pump, self.session, self._pump))

    def _take_out(self, turn: Turn) -> None:
        """Show the conversation as it was before the turn; a prompt that is then nowhere comes back."""
        self.refresh_entries()
        is_gone = turn.prompt.id not in {shown.prompt.id for shown in self.session.turns}
        if is_gone and not turn.reply.is_summary:
            self.return_to_composer(turn.prompt.text)
            self.editing = turn.replaces is not None
        self.notices.show(taken_out_words(turn), "error" if turn.error else "information")

    def let_go(self) -> None:
        """Follow the running turn no further; it goes on without the screen."""
        if self._following is not None:
            self._following.cancel()

    async def _run_pump(self, session: Session, pump: Pump) -> None:
        finished = await pump.run()
        self._pump, turn = None, finished.turn
        if session is self.session:
            if turn.is_kept:
                self.transcript.end_live(reply_entry(turn, self._again_key))
            else:
                self._take_out(turn)
        if finished.notice:
            self.notices.show(finished.notice, "error")
        self.widgets.post_message(TurnEnded(finished))
        if turn.outcome is Outcome.COMPLETE:
            self.send_queued()
        elif session is self.session:
            self.show_queue()

    def _tick(self) -> None:
        if self._pump is not None:
            self._pump.tick()
