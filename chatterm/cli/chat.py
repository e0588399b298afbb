"""`chatterm` without a command: the chat screen."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from chatterm.cli.exchange_wiring import ExchangeFiles, equip, open_files
from chatterm.cli.start_options import StartOptions
from chatterm.cli.start_settings import read_settings
from chatterm.config.files import write_private
from chatterm.config.load import COMMAND_LINE, FILE, Loaded
from chatterm.config.paths import Paths, private_folder
from chatterm.config.themes import DEFAULT_THEME, Palette, load_theme
from chatterm.core.errors import ConfigError
from chatterm.tui.first_screen import LOOK_NAME, FirstScreen, find_look

if TYPE_CHECKING:
    from chatterm.backend.replay import Replay
    from chatterm.cli.wiring import Engine
    from chatterm.tui.services import Services, Setup, Start
    from chatterm.tui.skeleton import Look

FRAMES_PER_SECOND = "120"
"""How often Textual may paint: at its default of 60 a typed key waits up to a frame longer for its echo."""


def start(options: StartOptions, screen: FirstScreen) -> int:
    """Open the chat screen with these options, over `screen`; returns the exit status.

    Raises `ChattermError` before it opens.
    """
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise ConfigError(
            "The chat screen needs a terminal.", "In a pipe or a script use: chatterm ask PROMPT"
        )
    paths, loaded = read_settings(options)
    if options.provider is not None:
        from chatterm.backend.providers.registry import service_at

        own = loaded.settings.providers.get(options.provider)
        service_at(options.provider, own.adapter if own else None, own.base_url if own else None)
    files = open_files(options)
    engines: list[Engine] = []
    try:
        return _run(_setup(options, paths, loaded, engines, files), paths, screen)
    finally:
        for engine in engines:
            engine.database.close(within_seconds=0.5)
            engine.exchanges.stop_recording()


def _run(setup: Setup, paths: Paths, screen: FirstScreen) -> int:
    interface = setup.settings.interface
    # Textual reads these when it is imported.
    os.environ.setdefault("ESCDELAY", str(interface.escape_delay_milliseconds))
    os.environ.setdefault("TEXTUAL_FPS", FRAMES_PER_SECOND)
    from chatterm.tui.theming import settle_no_color

    settle_no_color(os.environ)
    from chatterm.tui.app import ChattermApp

    app = ChattermApp(setup, screen)
    # What is loaded now stays: collections look at new objects only. The engine is frozen once it is built.
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    gc.enable()
    screen.take_signals()  # also where it was not shown
    app.run(mouse=interface.mouse)
    if setup.settings.save:
        _keep_look(paths.state, app.look)
    if app.crashed is not None:
        raise app.crashed
    return app.return_code or 0


def _setup(
    options: StartOptions, paths: Paths, loaded: Loaded, engines: list[Engine], files: ExchangeFiles
) -> Setup:
    """What the first paint needs. The engine is put into `engines` when it is built."""
    from chatterm.tui.bindings import apply_keymap
    from chatterm.tui.commands import COMMANDS
    from chatterm.tui.services import Setup

    palette, theme_problems = _palette(options, paths, loaded)
    commands, key_problems = apply_keymap(COMMANDS, loaded.settings.keys)

    def build() -> Services:
        services, engine = _engine(paths, loaded, files, offers_tools=options.tools)
        engines.append(engine)
        gc.freeze()
        return services

    return Setup(
        settings=loaded.settings,
        start=_asked_for(loaded, options, files.replay),
        commands=commands,
        palette=palette,
        theme_is_asked_for=loaded.sources.get("interface.theme", FILE) != FILE,
        notices=(
            *(str(problem) for problem in (*loaded.problems, *theme_problems, *key_problems)),
            *files.notices,
        ),
        build=build,
    )


def _engine(
    paths: Paths, loaded: Loaded, files: ExchangeFiles, *, offers_tools: bool
) -> tuple[Services, Engine]:
    """The engine, and the screens' view of it."""
    from chatterm.cli.wiring import build_engine
    from chatterm.config.themes import load_themes
    from chatterm.tui.services import Services

    engine = replace(equip(build_engine(paths, loaded), files), offers_tools=offers_tools)
    themes = load_themes(paths.themes)
    services = Services(
        palettes=themes.palettes,
        history=engine.history,
        state=engine.state,
        targets=engine.targets,
        models=engine.models,
        exchanges=engine.exchanges,
        tools=engine.tools,
        budget=engine.budget,
        performance=engine.performance.performance,
        records=engine.performance.store,
        new_session=engine.new_session,
        prepare=engine.prepare,
        close=engine.aclose,
        notices=tuple(str(problem) for problem in themes.problems),
    )
    return services, engine


def _keep_look(folder: Path, look: Look) -> None:
    """Keep how the screen looks for the next start; without it that begins with the usual look."""
    path, data = folder / LOOK_NAME, look.dump().encode()
    with suppress(OSError):
        if not path.is_file() or path.read_bytes() != data:
            private_folder(folder)
            write_private(path, data)


def _asked_for(loaded: Loaded, options: StartOptions, replay: Replay | None) -> Start:
    """What the command line says; provider and model as the settings took them over, P/M taken apart."""
    from chatterm.tui.services import Start

    if replay is not None:
        first = replay.following.request
        return Start(
            provider=first.provider, model=first.model, system=options.system, options=options.options
        )

    def given(key: str, value: str | None) -> str | None:
        return value if loaded.sources.get(key) == COMMAND_LINE else None

    return Start(
        provider=given("provider", loaded.settings.provider),
        model=given("model", loaded.settings.model),
        system=options.system,
        resume=options.resume,
        continue_last=options.continue_last,
        options=options.options,
    )


def _palette(options: StartOptions, paths: Paths, loaded: Loaded) -> tuple[Palette, tuple[ConfigError, ...]]:
    """The palette to use, and what was wrong with the choice.

    It is the one in use at the last end where the settings are as they were then: the store, which knows what
    was chosen, is opened after the first paint.
    """
    theme = loaded.settings.interface.theme
    if loaded.sources.get("interface.theme", FILE) == FILE:
        last = find_look(os.environ)
        if last.configured == theme != last.theme:
            with suppress(ConfigError):
                return load_theme(last.theme, paths.themes), ()
    try:
        return load_theme(theme, paths.themes), ()
    except ConfigError as error:
        if options.theme is not None:
            raise
        return load_theme(DEFAULT_THEME, paths.themes), (error,)
