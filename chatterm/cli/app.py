"""The command line and its commands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from typer.main import get_command

from chatterm import __version__
from chatterm.cli import config, models
from chatterm.cli.ask import ask
from chatterm.cli.batch import batch
from chatterm.cli.bench import bench
from chatterm.cli.border import guarded, tell
from chatterm.cli.options import (
    BaseUrlOption,
    CacheOption,
    ContinueOption,
    ModelOption,
    NoSaveOption,
    NoToolsOption,
    ParameterOption,
    ProviderOption,
    RecordOption,
    ReplayOption,
    ResumeOption,
    SaveOption,
    SpeedOption,
    SystemOption,
    ThemeOption,
    start_options,
)
from chatterm.cli.serve import serve
from chatterm.cli.stats import stats
from chatterm.cli.statuses import ExitStatus
from chatterm.core.clean import clean_line
from chatterm.tui.first_screen import FirstScreen


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
    app.command()(batch)
    app.command()(bench)
    app.command()(serve)
    app.command()(stats)
    app.add_typer(models.build_app(), name="models")
    app.add_typer(config.build_app(), name="config")
    return app


def run(arguments: Sequence[str], screen: FirstScreen | None = None) -> int:
    """Run one command line and return its exit status. Every error is told on stderr, none as a traceback.

    `screen` is what may be on the terminal already, where the command line opens the chat screen.
    """
    shown = screen or FirstScreen()
    return guarded(lambda: _dispatch(arguments, shown), shown.restore)


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
    no_tools: NoToolsOption = False,
    no_save: NoSaveOption = False,
    theme: ThemeOption = None,
    record: RecordOption = None,
    replay: ReplayOption = None,
    speed: SpeedOption = None,
    save: SaveOption = False,
    cache: CacheOption = False,
    version: Annotated[bool, typer.Option("--version", "-V", help="Print the version.")] = False,
) -> None:
    """Chat in the terminal with local and hosted models.

    Without a command it opens the chat screen."""
    if version:
        print(f"chatterm {__version__}")
        raise typer.Exit
    options = start_options(**context.params)
    screen: FirstScreen = context.obj
    context.obj = options
    if context.invoked_subcommand is None:
        from chatterm.cli.chat import start

        raise typer.Exit(start(options, screen))


def _dispatch(arguments: Sequence[str], screen: FirstScreen) -> int:
    """Parse and run. Goes around typer's own `main`, which has other statuses for a closed pipe and Ctrl+C."""
    command = get_command(build_app())
    try:
        for number, text in enumerate(arguments, 1):
            if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
                raise typer.BadParameter(f"argument {number}, {clean_line(text, 60)!r}, is not UTF-8.")
        with command.make_context("chatterm", list(arguments), obj=screen) as context:
            status = command.invoke(context)
    except typer.Exit as exit_:
        return exit_.exit_code
    except typer.Abort:
        return ExitStatus.CANCELLED
    except typer.TyperException as error:
        screen.restore()
        where = getattr(getattr(error, "ctx", None), "command_path", "chatterm")
        from chatterm.cli.usage_errors import usage_text

        tell(usage_text(error), f"{where} --help lists options and commands.")
        return ExitStatus.USAGE
    return status if isinstance(status, int) else ExitStatus.COMPLETE
