"""Where settings, data and state are on this system."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_NAME = "chatterm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """The folders of chatterm. They may not exist yet: who writes into one makes it with `private_folder`."""

    settings: Path
    data: Path
    state: Path

    @property
    def settings_file(self) -> Path:
        """The settings, as TOML."""
        return self.settings / "config.toml"

    @property
    def key_file(self) -> Path:
        """Keys that the user gave to chatterm, readable for this user alone."""
        return self.settings / "keys.toml"

    @property
    def themes(self) -> Path:
        """Palettes of the user."""
        return self.settings / "themes"


def find_paths(environ: Mapping[str, str]) -> Paths:
    """All below CHATTERM_HOME where that is set, else XDG_*_HOME, else what is usual on this system.

    A relative path in XDG_*_HOME is ignored, as the XDG base directory specification wants it.
    """
    if home := environ.get("CHATTERM_HOME"):
        top = Path(home).expanduser().absolute()
        return Paths(settings=top, data=top / "data", state=top / "state")

    import platformdirs

    usual = platformdirs.PlatformDirs(_NAME, appauthor=False)
    return Paths(
        settings=_xdg(environ, "XDG_CONFIG_HOME") or usual.user_config_path,
        data=_xdg(environ, "XDG_DATA_HOME") or usual.user_data_path,
        state=_xdg(environ, "XDG_STATE_HOME") or usual.user_state_path,
    )


def private_folder(path: Path) -> Path:
    """`path`; it and the folders above it are made, for this user alone, where missing. Raises OSError."""
    if not path.is_dir():
        private_folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
    return path


def _xdg(environ: Mapping[str, str], variable: str) -> Path | None:
    folder = environ.get(variable, "")
    return Path(folder) / _NAME if folder.startswith("/") else None
