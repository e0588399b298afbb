"""The empty chat screen as text, drawn before anything heavy is imported; and the sizes it shares with the real one.

Standard library only, and nothing of it that costs milliseconds.
"""

from __future__ import annotations

NARROW_COLUMNS = 100
"""Narrower terminals have no sidebar unless it is asked for there."""
SHORT_ROWS = 12
"""Lower terminals show no key hints and no figures."""
TINY_ROWS = 8
"""Lower ones show the conversation and the prompt alone."""
SIDEBAR_COLUMNS = 30
PLACEHOLDER = "Ask anything · / for commands · @ for files"

ENTER = "\x1b[?1049h\x1b[?2004h"
"""The alternate screen, and pastes marked as such: a line break in one must not send it."""
LEAVE = "\x1b[?2004l\x1b[0m\x1b[?1049l\x1b[?25h"

COLOURS = ("background", "foreground", "panel", "accent", "dim", "border")
"""The roles of a palette that the skeleton is drawn with."""
_NO_COLOUR = "\x1b[0m"


class Look:
    """What the skeleton is drawn from: how the screen looked when chatterm was used last.

    `theme` was in use while the settings named `configured`. `colours` are `#rrggbb` by role, `hints` the keys
    with their words in the bottom row.
    """

    __slots__ = ("colours", "configured", "hints", "theme")

    def __init__(
        self, theme: str, configured: str, colours: dict[str, str], hints: list[tuple[str, str]]
    ) -> None:
        self.theme = theme
        self.configured = configured
        self.colours = colours
        self.hints = hints

    def dump(self) -> str:
        """As text, a line for each thing."""
        lines = [f"theme {self.theme}", f"configured {self.configured}"]
        lines += [f"{role} {self.colours[role]}" for role in COLOURS]
        lines += [f"hint {key} {word}" for key, word in self.hints]
        return "\n".join(lines) + "\n"


def parse_look(text: str) -> Look | None:
    """What `dump` wrote; None for what it cannot have written."""
    names: dict[str, str] = {}
    hints: list[tuple[str, str]] = []
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        key, _, word = value.partition(" ")
        if not all(" " <= character <= "~" for character in value):  # it is written to the terminal as it is
            return None
        if name == "hint":
            hints.append((key, word))
        else:
            names[name] = value
    colours = {role: names.get(role, "") for role in COLOURS}
    if not all(map(_is_colour, colours.values())) or "theme" not in names or "configured" not in names:
        return None
    return Look(names["theme"], names["configured"], colours, hints)


def colours_in(toml: str) -> dict[str, str]:
    """The colours that a theme file with one `role = "#rrggbb"` to a line gives; others are left out."""
    found: dict[str, str] = {}
    for line in toml.splitlines():
        role, _, value = line.partition("=")
        colour = value.strip()[1:8]
        if role.strip() in COLOURS and _is_colour(colour):
            found[role.strip()] = colour
    return found


def picture(columns: int, rows: int, look: Look, *, coloured: bool = True) -> str:
    """What to write to a terminal of this size: the empty screen, and the cursor in the prompt."""
    # Colours of which one is missing are those of a theme that could not be read.
    ink = _Ink(look.colours if coloured and len(look.colours) == len(COLOURS) else {})
    pane = columns - SIDEBAR_COLUMNS if columns >= NARROW_COLUMNS else columns
    parts = [ENTER, ink("foreground", "background")]
    if coloured:  # not by a sequence that clears: not every terminal does that in the colour set
        parts += [f"\x1b[{row};1H{' ' * columns}" for row in range(1, rows + 1)]
    if rows >= TINY_ROWS:
        name = f" {ink('accent', 'panel')}\x1b[1mchatterm\x1b[22m"
        parts += ["\x1b[1;1H", ink("foreground", "panel"), name, " " * max(0, columns - 9)]
    # From below: the hints, the line of figures that stands in for the sidebar, the prompt, its border.
    prompt = rows
    if rows >= SHORT_ROWS:
        hints = _hints(look.hints, columns - 2, ink)
        parts += [f"\x1b[{rows};1H", ink("dim", "background"), " ", hints]
        prompt -= 1 if pane < columns else 2
    parts += [f"\x1b[{prompt - 1};1H", ink("border", "background"), "─" * pane]
    parts += [f"\x1b[{prompt};1H", ink("dim", "background"), " ", _first_line(PLACEHOLDER, pane - 2)]
    return "".join([*parts, ink("foreground", "background"), f"\x1b[{prompt};2H\x1b[?25h"])


class _Ink:
    """Sequences that set text and background colour by role; without colours those of the terminal."""

    def __init__(self, colours: dict[str, str]) -> None:
        self._colours = colours

    def __call__(self, text: str, ground: str) -> str:
        if not self._colours:
            return _NO_COLOUR
        return f"\x1b[38;2;{_channels(self._colours[text])};48;2;{_channels(self._colours[ground])}m"


def _hints(hints: list[tuple[str, str]], width: int, ink: _Ink) -> str:
    parts: list[str] = []
    at = 0
    for key, word in hints:
        if at + len(key) + 1 + len(word) > width:
            break
        parts.append(f"{ink('accent', 'background')}{key}{ink('dim', 'background')} {word}")
        at += len(key) + 1 + len(word) + 3
    return "   ".join(parts)


def _first_line(text: str, width: int) -> str:
    """What stands in the first line where the text is wrapped at spaces."""
    return text if len(text) <= width else text[: max(0, width) + 1].rpartition(" ")[0]


def _channels(colour: str) -> str:
    return ";".join(str(int(colour[at : at + 2], 16)) for at in (1, 3, 5))


def _is_colour(text: str) -> bool:
    return len(text) == 7 and text[0] == "#" and all(digit in "0123456789abcdefABCDEF" for digit in text[1:])
