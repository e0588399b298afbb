"""One prompt: the reply goes to stdout as it comes, everything else to stderr."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Coroutine
from dataclasses import replace
from functools import partial
from pathlib import Path

from chatterm.backend.attachments import LoadedFile, read_attachment, store_attachment
from chatterm.backend.daemon_thread import in_daemon_thread
from chatterm.backend.first_model import Wanted, first_model
from chatterm.backend.models import ModelLists
from chatterm.backend.past import read_end
from chatterm.backend.remembered_models import last_model
from chatterm.backend.session import Prompt, Session
from chatterm.backend.signals import ENDING_SIGNALS
from chatterm.backend.turn_handle import TurnHandle
from chatterm.cli.border import tell
from chatterm.cli.consent import Questions
from chatterm.cli.dry_run import UnsentWorker, unsent_request
from chatterm.cli.exchange_wiring import equip, open_files
from chatterm.cli.loop import run_loop
from chatterm.cli.outputs import CodeOutput, Output
from chatterm.cli.reply_output import Beside, print_reply
from chatterm.cli.start_options import StartOptions
from chatterm.cli.start_settings import read_settings
from chatterm.cli.statuses import ExitStatus
from chatterm.cli.wiring import Engine, build_engine
from chatterm.config.load import COMMAND_LINE
from chatterm.core.clean import clean, clean_line
from chatterm.core.errors import ConfigError, InternalError, NotBegunError, OpenElsewhereError, StoreError
from chatterm.core.events import TurnFinished
from chatterm.core.messages import Part
from chatterm.core.rounds import unanswered
from chatterm.core.turn import Outcome, Turn
from chatterm.store.rows import ConversationRow

STDIN_LIMIT_BYTES = 10 * 1024 * 1024
HISTORY_SECONDS = 0.5
"""How long a history that another program holds locked is waited for, before the prompt goes out all the same."""
PRINTED = "The reply is printed, but not kept while that is so."
LAST_WORDS_SECONDS = 0.3
"""How long a stopped reply may take to be saved, and to reach a reader who may stand still."""


def ask_once(
    words: list[str], files: list[Path], options: StartOptions, output: Output, *, dry_run: bool = False
) -> int:
    """Send one prompt and print the reply in this form; returns the exit status. Raises `ChattermError`.

    A `dry_run` prints the request instead, and sends nothing.
    """
    prompt = "\n\n".join(part for part in (" ".join(words), _piped()) if part.strip())
    if not prompt.strip() and not files:
        raise ConfigError("There is no prompt.", "Write it after ask, or pipe it in.")
    paths, loaded = read_settings(options)
    for problem in loaded.problems:
        tell(str(problem), "")
    opened = open_files(options)
    for notice in opened.notices:
        tell(notice, "")
    engine = build_engine(paths, loaded, busy_seconds=HISTORY_SECONDS, if_unsaved=PRINTED)
    engine = replace(equip(engine, opened), offers_tools=options.tools)
    try:
        if dry_run:
            return run_loop(_show_request(engine, prompt, files, options))
        return run_loop(_converse(engine, prompt, files, options, output))
    finally:
        engine.database.close(within_seconds=0.5)
        _end_recording(engine)


class Notices:
    """What is told on stderr beside the reply, each text once."""

    def __init__(self) -> None:
        self._told: set[str] = set()
        self._is_unsaved_told = False

    def tell(self, text: str) -> None:
        """Tell it, unless it was."""
        if text not in self._told:
            self._told.add(text)
            tell(text, "")

    def tell_unsaved(self, text: str) -> None:
        """Tell that the history could not be written: not again at every step."""
        if not self._is_unsaved_told:
            self._is_unsaved_told = True
            self.tell(text)


async def _converse(
    engine: Engine, text: str, files: list[Path], options: StartOptions, output: Output
) -> int:
    notices = Notices()
    beside = Beside(output)
    questions = Questions(beside, keeps=engine.loaded.settings.save)
    engine.tools.gate.ask = questions.may_start
    engine.performance.performance.tell = notices.tell
    for notice in await engine.prepare():
        (notices.tell_unsaved if engine.database.read_only else notices.tell)(notice)
    session = await _session(engine, options, notices)
    handle = session.start_turn(Prompt(text, await _attached(engine, files, notices)))
    if handle.turn.routed:
        notices.tell(handle.turn.routed)
    stopped: asyncio.Future[signal.Signals] = asyncio.get_running_loop().create_future()
    for number in ENDING_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, _stop, handle, stopped, number)
    try:
        finished = await _finished(print_reply(handle, output, beside, questions), handle, stopped)
        if not stopped.done():
            await engine.exchanges.cache.settled()
    finally:
        await engine.aclose()
    if finished is not None and finished.notice:
        notices.tell_unsaved(finished.notice)
    return 128 + stopped.result() if finished is None or stopped.done() else _status_of(finished.turn, output)


async def _show_request(engine: Engine, text: str, files: list[Path], options: StartOptions) -> int:
    notices = Notices()
    try:
        for notice in await engine.prepare():
            notices.tell(notice)
        unsent = replace(engine, worker=UnsentWorker(engine.worker))
        session = await _session(unsent, options, notices)
        parts = tuple([await store_attachment(await _read(path), engine.held) for path in files])
        print(await unsent_request(engine.targets, session, Prompt(text, parts)))
    finally:
        await engine.aclose()
    return ExitStatus.COMPLETE


async def _session(engine: Engine, options: StartOptions, notices: Notices) -> Session:
    """The conversation to go on with, or a new one, with its model chosen."""
    row = None
    if options.resume is not None:
        row = await engine.history.find(options.resume)
    elif options.continue_last:
        row = await engine.history.last_conversation()
    if row is None:
        session = engine.new_session(None, (), options.system)
    else:
        await _claim(engine, row, notices)
        turns, past = await read_end(engine.history, row)
        system = row.system if options.system is None else options.system
        session = engine.new_session(row.id, turns, system)
        session.past = past
    choice = await first_model(await _wanted(engine, row, notices), engine.targets, engine.models)
    stays = row is not None and row.provider == choice.provider
    targets = engine.targets.at(choice.provider, row.base_url if row and stays else choice.base_url)
    if choice.model is None:
        raise ConfigError(
            choice.reason or "No model is chosen.", "Name one with -m; chatterm models lists them."
        )
    doubt = await ModelLists(targets, engine.state).doubt(choice.provider, choice.model)
    if doubt is not None:
        notices.tell(f"{doubt} It is asked for all the same.")
    session.options, session.operation = options.options, "ask"
    try:
        await session.use(targets.resolve(choice.provider, choice.model))
    except StoreError as error:  # the session has its model all the same
        notices.tell_unsaved(str(error))
    if session.router is not None and session.router.enabled:
        named = {engine.loaded.sources.get(key) for key in ("provider", "model")}
        session.router.enabled = COMMAND_LINE not in named  # this one prompt is for the model that was named
        await session.router.prepare(engine.models)
    return session


async def _claim(engine: Engine, row: ConversationRow, notices: Notices) -> None:
    """Raises `OpenElsewhereError` where the conversation is open in another chatterm."""
    try:
        if await engine.history.claim(row.id):
            return
    except StoreError as error:
        notices.tell_unsaved(str(error))
        return
    raise OpenElsewhereError(
        f"The conversation {clean_line(row.title, 60)!r} is open in another chatterm.",
        "Go on there, or leave it there first; without -c or --resume a new one begins.",
    )


async def _wanted(engine: Engine, row: ConversationRow | None, notices: Notices) -> Wanted:
    """The model asked for; a conversation stays with its own unless the command line names another one."""
    settings, sources = engine.loaded.settings, engine.loaded.sources
    provider, model = settings.provider, settings.model
    if row is not None and row.provider:
        if sources.get("model") != COMMAND_LINE:
            model = row.model
        if sources.get("provider") != COMMAND_LINE:
            provider = row.provider
        elif provider != row.provider and sources.get("model") != COMMAND_LINE:
            model = None
    last = None
    try:
        last = await last_model(engine.state)
    except StoreError as error:
        notices.tell(str(error))
    return Wanted(
        provider=provider,
        model=model,
        last_provider=last.provider if last else None,
        last_model=last.model if last else None,
        last_base_url=last.base_url if last else None,
    )


async def _attached(engine: Engine, files: list[Path], notices: Notices) -> tuple[Part, ...]:
    """The files as parts of the prompt. What the history cannot take is kept for this one reply."""
    parts: list[Part] = []
    for path in files:
        file = await _read(path)
        try:
            parts.append(await store_attachment(file, engine.history))
        except StoreError as error:
            notices.tell_unsaved(str(error))
            parts.append(await store_attachment(file, engine.held))
    return tuple(parts)


async def _read(path: Path) -> LoadedFile:
    return await in_daemon_thread(partial(read_attachment, path), "chatterm-file")


async def _finished(
    print_all: Coroutine[None, None, TurnFinished],
    handle: TurnHandle,
    stopped: asyncio.Future[signal.Signals],
) -> TurnFinished | None:
    """The turn's last event, once all is printed; None for a stopped reply that nobody reads on or takes."""
    printing = asyncio.ensure_future(print_all)
    await asyncio.wait({printing, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if stopped.done():
        await asyncio.wait({printing}, timeout=LAST_WORDS_SECONDS)
        if not printing.done():
            printing.cancel()
            return None
    try:
        return await printing
    except OSError:
        handle.interrupt()
        await handle.result()
        raise


def _stop(handle: TurnHandle, stopped: asyncio.Future[signal.Signals], number: signal.Signals) -> None:
    if not stopped.done():
        stopped.set_result(number)
    if number is signal.SIGINT:
        handle.cancel()
    else:
        handle.interrupt()


def _status_of(turn: Turn, output: Output) -> int:
    """The exit status, and on stderr what was wrong. Raises the error of a failed turn, and a defect of ours."""
    if turn.outcome is Outcome.COMPLETE:
        if calls := unanswered(turn.reply.parts):
            names = clean_line(", ".join(call.name for call in calls), 100)
            tell(f"the reply is incomplete: the model called {names}, and no tools were offered to it.", "")
            return ExitStatus.INCOMPLETE
        if turn.is_from_cache:
            tell("the reply is from the cache; nothing was sent.", "")
        if not turn.reply.text:
            tell(f"{clean(turn.model)} answered with nothing.", "")
        elif isinstance(output, CodeOutput) and not output.found:
            tell("there is no code block in the reply; without -x it is printed.", "")
            return ExitStatus.INCOMPLETE
        return ExitStatus.COMPLETE
    refused = isinstance(turn.error, InternalError | NotBegunError)
    if turn.error is not None and (turn.outcome is Outcome.FAILED or refused):
        raise turn.error
    tell(f"the reply is incomplete: {turn.error or turn.outcome}", "")
    return ExitStatus.INCOMPLETE


def _end_recording(engine: Engine) -> None:
    recording = engine.exchanges.stop_recording()
    if recording is not None and recording.problem:
        tell(recording.problem, "")


def _piped() -> str:
    """What is piped into stdin; "" where a person sits there."""
    if sys.stdin is None or sys.stdin.isatty():
        return ""
    data = sys.stdin.buffer.read(STDIN_LIMIT_BYTES + 1)
    if len(data) > STDIN_LIMIT_BYTES:
        raise ConfigError("More than 10 MB came in on stdin.", "Attach a file with -a, or send less.")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"stdin is not UTF-8 text (byte {error.start}).", "Convert it, or attach an image with -a."
        ) from None
