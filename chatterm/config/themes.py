"""Palettes: named sets of colours, read from TOML files and checked before use."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import chatterm
from chatterm.config.files import read_toml
from chatterm.core.clean import clean_line
from chatterm.core.errors import ConfigError

DEFAULT_THEME = "chatterm-dark"
"""Used when no other is named; also lends its colours to dark palettes that leave some out."""

_LIGHT_BASE = "chatterm-light"
_BASES = (DEFAULT_THEME, _LIGHT_BASE)
_MOST_FILES = 200
_LEAST_CONTRAST = 1.2
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """The colours of one theme, each as `#rrggbb`. `dark`: whether the background is darker than the text."""

    name: str
    dark: bool
    background: str
    surface: str
    panel: str
    foreground: str
    dim: str
    primary: str
    secondary: str
    accent: str
    success: str
    warning: str
    error: str
    user: str
    code_foreground: str
    code_background: str
    heading: str
    link: str
    quote: str
    selection: str
    border: str
    cursor_line: str
    keyword: str
    string: str
    number: str
    comment: str
    function: str
    type: str

    def colour(self, role: str) -> str:
        """The colour of the field called `role`."""
        return str(getattr(self, role))


_ROLES = tuple(field.name for field in dataclasses.fields(Palette) if field.name not in ("name", "dark"))

TEXT_ON: Mapping[str, tuple[str, ...]] = {
    "background": (
        *("foreground", "dim", "primary", "secondary", "accent", "success", "warning", "error"),
        *("user", "heading", "link", "quote"),
    ),
    "surface": ("foreground", "dim", "primary", "accent"),
    "panel": ("foreground", "dim", "primary", "accent"),
    "selection": ("foreground",),
    "cursor_line": ("foreground",),
    "code_background": (*("code_foreground", "keyword", "string", "number", "comment", "function", "type"),),
}
"""Which colours are used for text on which backgrounds."""


@dataclass(frozen=True, slots=True)
class Themes:
    """The usable palettes by name, and why others were left out."""

    palettes: Mapping[str, Palette]
    problems: tuple[ConfigError, ...] = ()

    def find(self, name: str) -> Palette:
        """The palette called `name`; raises ConfigError with the nearest name and the list."""
        palette = self.palettes.get(name)
        if palette is not None:
            return palette
        import difflib

        near = difflib.get_close_matches(name, self.palettes, 1)
        hint = f"Did you mean {near[0]}? " if near else ""
        hint += f"Known: {', '.join(self.palettes)}."
        raise ConfigError(f"There is no theme {clean_line(name, 64)!r}.", hint, key="interface.theme")


def load_themes(user_folder: Path | None = None) -> Themes:
    """The palettes that come with chatterm, then those of `*.toml` files in `user_folder`.

    A file that cannot be used is left out and named in `problems`; the built-in ones are always there.
    """
    palettes = dict(_built_in())
    problems: list[ConfigError] = []
    for path in _theme_files(user_folder) if user_folder else []:
        try:
            palette = _load(path, palettes)
            if palette.name in palettes:
                raise _rejected(path, f"the name {palette.name!r} is taken by another theme")
            palettes[palette.name] = palette
        except ConfigError as error:
            problems.append(error)
    return Themes(palettes, tuple(problems))


def load_theme(name: str, user_folder: Path) -> Palette:
    """The palette called `name`; one that comes with chatterm without reading all others.

    Raises ConfigError where there is none, as `Themes.find` does.
    """
    folder = _built_in_folder()
    path = folder / f"{name}.toml"
    if not _NAME.fullmatch(name) or not path.is_file():
        return load_themes(user_folder).find(name)
    return _load(path, {} if name in _BASES else _bases(folder))


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1.0 to 21.0, as WCAG 2.2 defines it."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _built_in() -> Mapping[str, Palette]:
    folder = _built_in_folder()
    palettes = _bases(folder)
    for path in _theme_files(folder):
        if path.stem not in palettes:
            palettes[path.stem] = _load(path, palettes)
    return palettes


def _built_in_folder() -> Path:
    package = Path(chatterm.__file__).parent
    # An installed wheel carries them inside the package; a checkout has them at its top.
    return next(f for f in (package / "themes", package.parent / "themes") if f.is_dir())


def _bases(folder: Path) -> dict[str, Palette]:
    palettes: dict[str, Palette] = {}
    for name in _BASES:
        palettes[name] = _load(folder / f"{name}.toml", palettes)
    return palettes


def _theme_files(folder: Path) -> list[Path]:
    try:
        return sorted(folder.glob("*.toml"))[:_MOST_FILES]
    except OSError:
        return []


def _load(path: Path, known: Mapping[str, Palette]) -> Palette:
    file = read_toml(path)
    if file is None:
        raise _rejected(path, "the file is gone")
    values: dict[str, object] = {"name": path.stem, "dark": True} | file.values
    _check_fields(path, values)
    base = known.get(DEFAULT_THEME if values["dark"] else _LIGHT_BASE)
    filled = (dataclasses.asdict(base) if base else {}) | values
    missing = [role for role in _ROLES if role not in filled]
    if missing:
        raise _rejected(path, f"{missing[0]} is missing")
    colours = {role: str(filled[role]).lower() for role in _ROLES}
    palette = Palette(name=str(values["name"]), dark=bool(values["dark"]), **colours)
    _check_readable(path, palette)
    return palette


def _check_fields(path: Path, values: Mapping[str, object]) -> None:
    known = ("name", "dark", *_ROLES)
    if len(values) > len(known):
        raise _rejected(path, f"it has {len(values):,} fields; a theme has at most {len(known)}")
    for field, value in values.items():
        if field not in known:
            import difflib

            near = difflib.get_close_matches(field, known, 1)
            suggestion = f", did you mean {near[0]}?" if near else ""
            raise _rejected(path, f"it has an unknown field {clean_line(field, 64)!r}{suggestion}")
        found = clean_line(str(value), 64)
        if field == "dark":
            if not isinstance(value, bool):
                raise _rejected(path, f"dark is {found!r}; it is true or false")
        elif field == "name":
            if not isinstance(value, str) or not _NAME.fullmatch(value):
                raise _rejected(path, f"the name {found!r} is not made of a-z, 0-9, - and _")
        elif not isinstance(value, str) or not _COLOUR.fullmatch(value):
            raise _rejected(path, f"{field} is {found!r}; a colour is written #rrggbb")


def _check_readable(path: Path, palette: Palette) -> None:
    for ground, texts in TEXT_ON.items():
        for text in texts:
            if contrast(palette.colour(text), palette.colour(ground)) < _LEAST_CONTRAST:
                raise _rejected(path, f"{text} cannot be told from {ground} ({palette.colour(ground)})")


def _luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb`, 0.0 to 1.0, as WCAG 2.2 defines it."""
    channels = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _rejected(path: Path, reason: str) -> ConfigError:
    message = f"The theme file {clean_line(str(path))} cannot be used: {reason}."
    return ConfigError(message, "Correct the file; until then the theme is left out.", path=str(path))
