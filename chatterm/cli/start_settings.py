"""Settings for one run of the program: the layers below, the options of the command line on top."""

from __future__ import annotations

import os
from collections.abc import Mapping

from chatterm.cli.start_options import StartOptions
from chatterm.config.load import Loaded, load_settings
from chatterm.config.paths import Paths, find_paths


def read_settings(options: StartOptions, environ: Mapping[str, str] = os.environ) -> tuple[Paths, Loaded]:
    """Where things are, and the settings with the command line on top. Raises `ConfigError` for a bad option."""
    paths = find_paths(environ)
    return paths, load_for(options, paths, environ)


def load_for(options: StartOptions, paths: Paths, environ: Mapping[str, str]) -> Loaded:
    """The settings in effect; raises ConfigError for an option that cannot be used."""
    below = load_settings(paths.settings_file, environ)
    own = below.settings.providers
    overrides = options.overrides(own.__contains__)
    return load_settings(paths.settings_file, environ, overrides) if overrides else below
