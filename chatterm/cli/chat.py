"""`chatterm` without a command: the chat screen."""

from __future__ import annotations

import gc
import os
import sys
from typing import TYPE_CHECKING

from chatterm.cli.start_options import StartOptions
from chatterm.cli.wiring import Engine, build_engine, read_settings
from chatterm.config.load import COMMAND_LINE, FILE, Loaded
from chatterm.config.themes import DEFAULT_THEME, Palette, load_themes
from chatterm.core.errors import ChattermError, ConfigError

if TYPE_CHECKING:
    from chatterm.tui.services import Start

FRAMES_PER_SECOND = "120"
"""How often Textual may paint: at its default of 60 a typed key waits up to a frame longer for its echo."""


def start(options: StartOptions) -> int:
    """Open the chat screen with these options; returns the exit status. Raises `ChattermError` before it opens."""
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise ConfigError(
            "The chat screen needs a terminal.", "In a pipe or a script use: chatterm ask PROMPT"
        )
    paths, loaded = read_settings(options)
    engine = build_engine(paths, loaded)
    try:
        if options.provider is not None:
            engine.targets.service(options.provider)
        return _run(engine, options)
    finally:
        engine.database.close(within_seconds=0.5)


def _run(engine: Engine, options: StartOptions) -> int:
    from chatterm.tui.bindings import apply_keymap
    from chatterm.tui.commands import COMMANDS

    settings = engine.loaded.settings
    palettes, theme, theme_problems = _themes(engine, options)
    commands, key_problems = apply_keymap(COMMANDS, settings.keys)
    # Textual reads these when it is imported.
    os.environ.setdefault("ESCDELAY", str(settings.interface.escape_delay_milliseconds))
    os.environ.setdefault("TEXTUAL_FPS", FRAMES_PER_SECOND)
    from chatterm.tui.theming import settle_no_color

    settle_no_color(os.environ)
    from chatterm.tui.app import ChattermApp
    from chatterm.tui.services import Services

    problems = (*engine.loaded.problems, *theme_problems, *key_problems)
    services = Services(
        settings=settings,
        start=_asked_for(engine.loaded, options),
        commands=commands,
        palettes=palettes,
        theme=theme,
        theme_is_asked_for=engine.loaded.sources.get("interface.theme", FILE) != FILE,
        history=engine.history,
        state=engine.state,
        targets=engine.targets,
        models=engine.models,
        new_session=engine.new_session,
        prepare=engine.prepare,
        close=engine.aclose,
        notices=tuple(str(problem) for problem in problems),
    )
    app = ChattermApp(services)
    # What is loaded now stays: collections while a reply streams then look at new objects only.
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    gc.enable()
    app.run(mouse=settings.interface.mouse)
    if app.crashed is not None:
        raise app.crashed
    return app.return_code or 0


def _asked_for(loaded: Loaded, options: StartOptions) -> Start:
    """What the command line says; provider and model as the settings took them over, P/M taken apart."""
    from chatterm.tui.services import Start

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


def _themes(
    engine: Engine, options: StartOptions
) -> tuple[dict[str, Palette], str, tuple[ChattermError, ...]]:
    """All palettes, the name of the one to use, and what was wrong with the choice."""
    themes = load_themes(engine.paths.themes)
    name = engine.loaded.settings.interface.theme
    try:
        themes.find(name)
    except ConfigError as error:
        if options.theme is not None:
            raise
        return dict(themes.palettes), DEFAULT_THEME, (*themes.problems, error)
    return dict(themes.palettes), name, themes.problems
