"""`chatterm config`: where the settings are, what they say, and changing them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from chatterm.backend.signals import raise_again
from chatterm.cli.start_options import StartOptions
from chatterm.cli.statuses import ExitStatus
from chatterm.core.clean import clean, clean_line
from chatterm.core.errors import ConfigError
from chatterm.core.redact import redact

# What the commands need is imported by each: `--help` is twice as fast without it.
if TYPE_CHECKING:
    from pathlib import Path

    from chatterm.config.keys import ProviderKey
    from chatterm.config.load import Loaded
    from chatterm.config.paths import Paths


MOST_KEY_CHARACTERS = 10_000
"""What is read of a pipe; no key is as long."""


def build_app() -> typer.Typer:
    """The commands below `chatterm config`."""
    app = typer.Typer(help="Print, test and change the settings.", rich_markup_mode=None)
    for command in (path, show, check, init):
        app.command()(command)
    app.command("set")(set_)
    app.command("set-key")(set_key)
    app.command("import-mcp")(import_mcp)
    return app


def path() -> None:
    """Print where the settings file is."""
    print(_name(_paths().settings_file))


def show(context: typer.Context) -> None:
    """Print the settings in effect and their sources.

    Every value that is no default is followed by the place it comes from. Keys are not shown."""
    from chatterm.cli.loading import found_keys
    from chatterm.config.key_store import KeyStore
    from chatterm.config.render import render_settings

    loaded = _load(context)
    _tell_problems(loaded.problems)
    missing = "" if loaded.path.exists() else " (there is no such file)"
    print(f"# {_name(loaded.path)}{missing}")
    print(render_settings(loaded, os.environ.__contains__))
    for provider, key in found_keys(loaded.settings, os.environ):
        print(f"# {provider}: {_about(key)}")
    for provider, origin in KeyStore(_paths().key_file).origins().items():
        print(f"# {clean_line(provider, 60)}: a key is kept for {clean_line(origin, 200)}")
    for provider, settings in loaded.settings.providers.items():
        if settings.key_cmd:
            print(f"# {provider}: key_cmd is asked for the key where the environment has none")


def check(context: typer.Context) -> None:
    """Test the settings and name every mistake.

    The exit status is 5 if there is one."""
    from chatterm.cli.loading import found_keys, unknown_names

    loaded = _load(context)
    bad_keys = [key for _, key in found_keys(loaded.settings, os.environ) if isinstance(key, ConfigError)]
    problems = [*loaded.problems, *unknown_names(loaded, _paths()), *bad_keys]
    _tell_problems(problems)
    if problems:
        raise typer.Exit(ExitStatus.CONFIGURATION)
    print(f"{_name(loaded.path)}: no mistakes.")


def init() -> None:
    """Write a settings file that explains every setting.

    An existing file is left alone."""
    from chatterm.config.edit import write_example

    file = _paths().settings_file
    raise_again()  # what is half written is taken away again
    write_example(file)
    print(f"Wrote {_name(file)}; every setting in it is still at its default.")


def set_(
    key: Annotated[str, typer.Argument(help="Dotted key, such as interface.theme.")],
    value: Annotated[str, typer.Argument(help="The value; lists and tables as in TOML.")],
) -> None:
    """Change one setting in the file.

    Comments in the file are lost; the file as it was stays beside it, ending in .bak."""
    from chatterm.config.edit import set_value
    from chatterm.config.render import toml_value
    from chatterm.config.schema import dotted, is_secret

    raise_again()  # what is half written is taken away again
    change = set_value(_paths().settings_file, key, value)
    shown = "[hidden]" if is_secret(change.path) else redact(toml_value(change.value))
    print(f"{dotted(change.path)} = {shown}")
    if change.backup:
        print(f"Comments in the settings file are gone; the file as it was is {_name(change.backup)}.")


def set_key(
    context: typer.Context,
    provider: Annotated[str, typer.Argument(help="Whose key, such as openai or anthropic.")],
    in_file: Annotated[bool, typer.Option("--file", help="Keep it in a file, not in the keyring.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Take the kept key away.")] = False,
) -> None:
    """Keep the API key of a provider.

    The key is asked for without showing it, or read from a pipe; it never stands on the command line. It is kept
    in the system's keyring where there is one, else in a file that only you can read, and is sent to the
    provider's address alone. Variables and key_cmd come before it."""
    from chatterm.cli.loading import provider_address
    from chatterm.config.key_store import KeyStore, origin_of
    from chatterm.config.keys import checked_key

    paths = _paths()
    store = KeyStore(paths.key_file)
    address = provider_address(_load(context), provider)
    if remove:
        gone = store.forget(provider)
        print(f"The key of {provider} is gone." if gone else f"No key of {provider} was kept.")
        return
    raise_again()  # the echo is turned on again, and what is half written is taken away
    key = checked_key(_asked_key(provider), "the prompt")
    where = store.keep(provider, origin_of(address), key, in_file=in_file)
    print(clean_line(f"Kept in {where}, for {origin_of(address)} alone.", 4096))


def import_mcp(
    file: Annotated[str, typer.Argument(help="JSON file of another program, with mcpServers.")],
    replace: Annotated[bool, typer.Option("--replace", help="Also those that the settings have.")] = False,
) -> None:
    """Take over MCP servers from another program.

    They are written to the settings as [mcp.NAME]. Nothing is started: you are asked before any of them runs."""
    from pathlib import Path

    from chatterm.config.mcp_import import import_servers, summary_of

    raise_again()  # what is half written is taken away again
    done = import_servers(Path(file).expanduser(), _paths().settings_file, replace=replace)
    for name, section in done.sections.items():
        print(f"mcp.{name}: {summary_of(section)}")
    for name in done.kept:
        print(f"mcp.{name} is there already and was kept; --replace takes the other one.")
    for note in done.notes:
        print(redact(clean_line(note, 500)), file=sys.stderr)
    if done.backup:
        print(f"Comments in the settings file are gone; the file as it was is {_name(done.backup)}.")
    if not done.sections and not done.kept:
        raise typer.Exit(ExitStatus.CONFIGURATION)


def _asked_key(provider: str) -> str:
    """The key as it was typed, without echo, or the first line of a pipe."""
    if not sys.stdin.isatty():
        return sys.stdin.readline(MOST_KEY_CHARACTERS)
    from getpass import getpass

    return getpass(f"API key of {provider} (it is not shown): ")


def _paths() -> Paths:
    from chatterm.config.paths import find_paths

    return find_paths(os.environ)


def _load(context: typer.Context) -> Loaded:
    from chatterm.cli.start_settings import load_for

    options = context.obj if isinstance(context.obj, StartOptions) else StartOptions()
    return load_for(options, _paths(), os.environ)


def _name(file: Path) -> str:
    return clean_line(str(file), 4096)


def _about(key: ProviderKey | ConfigError) -> str:
    if isinstance(key, ConfigError):
        return clean_line(key.message)
    ending = f", ends in {key.ending}" if key.ending else ""
    return f"key from {key.source}{ending}"


def _tell_problems(problems: Iterable[ConfigError]) -> None:
    for problem in problems:
        print(redact(clean(f"{problem.message}\n  {problem.hint}")), file=sys.stderr)
