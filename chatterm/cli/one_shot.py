"""One prompt: the reply goes to stdout as it comes, everything else to stderr."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from chatterm.backend.attachments import read_attachment, store_attachment
from chatterm.backend.first_model import Wanted, first_model
from chatterm.backend.session import Prompt, Session
from chatterm.backend.turn_handle import TurnHandle
from chatterm.cli.start_options import StartOptions
from chatterm.cli.statuses import ExitStatus
from chatterm.cli.wiring import Engine, build_engine, read_settings
from chatterm.core.clean import StreamCleaner, clean
from chatterm.core.errors import ConfigError
from chatterm.core.events import RefusalDelta, Streamed, TextDelta
from chatterm.core.turn import Outcome, Turn
from chatterm.store.turns import turns_of

STDIN_LIMIT_BYTES = 10 * 1024 * 1024


def ask_once(words: list[str], files: list[Path], options: StartOptions) -> int:
    """Send one prompt and print the reply; returns the exit status. Raises `ChattermError`."""
    prompt = "\n\n".join(part for part in (" ".join(words), _piped()) if part.strip())
    if not prompt.strip() and not files:
        raise ConfigError("There is no prompt.", "Write it after ask, or pipe it in.")
    paths, loaded = read_settings(options)
    for problem in loaded.problems:
        print(f"chatterm: {clean(str(problem))}", file=sys.stderr)
    engine = build_engine(paths, loaded)
    try:
        return asyncio.run(_converse(engine, prompt, files, options))
    finally:
        engine.database.close(within_seconds=0.5)


async def _converse(engine: Engine, text: str, files: list[Path], options: StartOptions) -> int:
    for notice in await engine.prepare():
        print(f"chatterm: {clean(notice)}", file=sys.stderr)
    session = await _session(engine, options)
    loaded = [await asyncio.to_thread(read_attachment, path) for path in files]
    parts = tuple([await store_attachment(file, engine.history) for file in loaded])
    stopped: list[signal.Signals] = []
    handle = session.start_turn(Prompt(text, parts))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, _stop, handle, stopped, number)
    try:
        await _print(handle)
        turn = await handle.result()
    except BrokenPipeError:
        handle.interrupt()
        await handle.result()
        raise
    finally:
        await engine.aclose()
    return _end(turn, stopped)


async def _session(engine: Engine, options: StartOptions) -> Session:
    """The conversation to go on with, or a new one, with its model chosen."""
    settings = engine.loaded.settings
    row = None
    if options.resume is not None:
        row = await engine.history.find(options.resume)
    elif options.continue_last:
        row = await engine.history.last_conversation()
    if row is None:
        session = engine.new_session(None, (), options.system)
    else:
        turns = turns_of(row.id, await engine.history.load(row.id))
        session = engine.new_session(row.id, turns, options.system or row.system)
    last = await engine.state.get("last_model", [])
    known = (row.provider, row.model) if row and options.provider is None and options.model is None else None
    provider, model = known or (settings.provider, settings.model)
    wanted = Wanted(
        provider=provider,
        model=model,
        last_provider=last[0] if len(last) == 2 else None,
        last_model=last[1] if len(last) == 2 else None,
    )
    choice = await first_model(wanted, engine.targets, engine.models)
    if choice.model is None:
        raise ConfigError(
            choice.reason or "No model is chosen.", "Name one with -m; chatterm models lists them."
        )
    session.options = options.options
    await session.use(engine.targets.resolve(choice.provider, choice.model))
    return session


async def _print(handle: TurnHandle) -> None:
    """The text as it comes: cleaned for a terminal, as it is for a pipe."""
    cleaner = StreamCleaner() if sys.stdout.isatty() else None
    ends_line = True
    while batch := await handle.batch():
        pieces = [
            event.event.text
            for event in batch
            if isinstance(event, Streamed) and isinstance(event.event, TextDelta | RefusalDelta)
        ]
        if text := "".join(pieces):
            ends_line = text.endswith("\n")
            sys.stdout.write(cleaner.feed(text) if cleaner else text)
            sys.stdout.flush()
    sys.stdout.write(cleaner.finish() if cleaner else "")
    if not ends_line:
        sys.stdout.write("\n")
    sys.stdout.flush()


def _stop(handle: TurnHandle, stopped: list[signal.Signals], number: signal.Signals) -> None:
    stopped.append(number)
    if number is signal.SIGINT:
        handle.cancel()
    else:
        handle.interrupt()


def _end(turn: Turn, stopped: list[signal.Signals]) -> int:
    """The exit status, and on stderr what was wrong. Raises the error of a turn that failed."""
    if stopped:
        return 128 + stopped[0]
    if turn.outcome is Outcome.COMPLETE:
        if not turn.reply.text:
            print(f"chatterm: {clean(turn.model)} answered with nothing.", file=sys.stderr)
        return ExitStatus.COMPLETE
    if turn.error is not None and turn.outcome is Outcome.FAILED:
        raise turn.error
    print(f"chatterm: the reply is incomplete: {clean(str(turn.error or turn.outcome))}", file=sys.stderr)
    return ExitStatus.INCOMPLETE


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
