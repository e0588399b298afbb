"""The command line: its commands, and the one border at which every error becomes a line and a status."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.main import get_command

from chatterm import __version__
from chatterm.cli import config
from chatterm.cli.ask import ask
from chatterm.cli.models import models
from chatterm.cli.options import (
    BaseUrlOption,
    ContinueOption,
    ModelOption,
    NoSaveOption,
    ParameterOption,
    ProviderOption,
    ResumeOption,
    SystemOption,
    ThemeOption,
    start_options,
)
from chatterm.cli.statuses import ExitStatus
from chatterm.core.clean import clean, clean_line
from chatterm.core.errors import AttachmentError, ChattermError, ProviderError
from chatterm.core.redact import redact, secrets_in


def build_app() -> typer.Typer:
    """All commands. Help is plain text: it must be fast, and readable in every terminal."""
    app = typer.Typer(
        name="chatterm",
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(chat)
    app.command()(ask)
    app.command()(models)
    app.add_typer(config.build_app(), name="config")
    return app


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit status. Every error is told on stderr, none as a traceback."""
    try:
        status = _dispatch(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        status = ExitStatus.CANCELLED
    except ChattermError as error:
        _tell(error.message, error.hint)
        status = _status_of(error)
    except Exception as error:  # the border: whatever nobody foresaw ends here
        status = ExitStatus.CLOSED_PIPE if _is_closed_pipe(error) else _report_crash(error)
    _settle_output()
    return status


def chat(
    context: typer.Context,
    *,
    provider: ProviderOption = None,
    model: ModelOption = None,
    base_url: BaseUrlOption = None,
    system: SystemOption = None,
    continue_last: ContinueOption = False,
    resume: ResumeOption = None,
    parameters: ParameterOption = None,
    no_save: NoSaveOption = False,
    theme: ThemeOption = None,
    version: Annotated[bool, typer.Option("--version", "-V", help="Print the version.")] = False,
) -> None:
    """Chat in the terminal with local and hosted models.

    Without a command it opens the chat screen."""
    if version:
        print(f"chatterm {__version__}")
        raise typer.Exit
    options = start_options(
        provider=provider,
        model=model,
        base_url=base_url,
        system=system,
        continue_last=continue_last,
        resume=resume,
        parameters=parameters,
        no_save=no_save,
        theme=theme,
    )
    context.obj = options
    if context.invoked_subcommand is None:
        from chatterm.cli.chat import start

        raise typer.Exit(start(options))


def _dispatch(arguments: Sequence[str]) -> int:
    """Parse and run. Goes around typer's own `main`, which has other statuses for a closed pipe and Ctrl+C."""
    command = get_command(build_app())
    try:
        for number, text in enumerate(arguments, 1):
            if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
                raise typer.BadParameter(f"argument {number}, {clean_line(text, 60)!r}, is not UTF-8.")
        with command.make_context("chatterm", list(arguments)) as context:
            status = command.invoke(context)
    except typer.Exit as exit_:
        return exit_.exit_code
    except typer.Abort:
        return ExitStatus.CANCELLED
    except typer.TyperException as error:
        where = getattr(getattr(error, "ctx", None), "command_path", "chatterm")
        _tell(error.format_message(), f"{where} --help lists options and commands.")
        return ExitStatus.USAGE
    return status if isinstance(status, int) else ExitStatus.COMPLETE


def _status_of(error: ChattermError) -> int:
    if isinstance(error, ProviderError):
        return ExitStatus.PROVIDER
    return ExitStatus.USAGE if isinstance(error, AttachmentError) else ExitStatus.CONFIGURATION


def _tell(message: str, hint: str) -> None:
    text = f"chatterm: {message}\n{hint}" if hint else f"chatterm: {message}"
    with contextlib.suppress(OSError):  # nobody may be listening
        print(redact(clean(text), secrets_in(os.environ)), file=sys.stderr)


def _report_crash(error: Exception) -> int:
    from chatterm.cli.crash import write_crash_file
    from chatterm.config.paths import find_paths

    path = write_crash_file(error, find_paths(os.environ).state, secrets_in(os.environ))
    kept = f"Details are in {path}." if path else "No details could be written."
    _tell(f"Something went wrong that was not foreseen ({type(error).__name__}).", kept)
    return ExitStatus.UNFORESEEN


def _is_closed_pipe(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno == errno.EPIPE


def _settle_output() -> None:
    """Write out what is left; where that fails, throw it away, or Python would complain of it at exit."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
