"""Names of keys: from what people write to what Textual calls them, and to what is shown."""

from __future__ import annotations

import difflib
import unicodedata

_MODIFIERS = ("ctrl", "alt", "shift", "super", "hyper", "meta")
_ALIASES = {
    "esc": "escape",
    "return": "enter",
    "pgup": "pageup",
    "pgdn": "pagedown",
    "page_up": "pageup",
    "page_down": "pagedown",
    "del": "delete",
    "ins": "insert",
    "control": "ctrl",
    "option": "alt",
    "cmd": "super",
}
_NAMED = (
    *("enter", "escape", "tab", "space", "backspace", "delete", "insert", "home", "end"),
    *("pageup", "pagedown", "up", "down", "left", "right"),
    *("comma", "minus", "plus", "slash", "backslash", "underscore", "at", "period", "semicolon"),
    *(f"f{number}" for number in range(1, 25)),
)
_CHARACTER_NAMES = {
    "solidus": "slash",
    "reverse_solidus": "backslash",
    "commercial_at": "at",
    "hyphen_minus": "minus",
    "plus_sign": "plus",
    "low_line": "underscore",
    "full_stop": "period",
}
_SAME_KEY = {"ctrl+m": "Enter", "ctrl+i": "Tab", "ctrl+left_square_bracket": "Esc", "ctrl+h": "Backspace"}
_SHOWN = {"escape": "esc", "pageup": "pgup", "pagedown": "pgdn", "delete": "del"}


def normal_key(text: str) -> str:
    """Textual's name of a key as people write it: `Ctrl+L`, `Esc`; ValueError says what is wrong with it.

    A capital letter alone is that letter with Shift.
    """
    # A plus sign at the end is the key itself, not a separator.
    parts = [*text[:-1].lower().split("+")[:-1], "+"] if text.endswith("++") else text.lower().split("+")
    if text == "+":
        parts = ["+"]
    *modifiers, base = [_ALIASES.get(part, part) for part in parts]
    for modifier in modifiers:
        if modifier not in _MODIFIERS:
            raise ValueError(f"{text!r} has no modifier key called {modifier!r}.")
    if len(base) == 1 and base.isalpha() and set(modifiers) <= {"shift"}:
        base, modifiers = (base.upper() if modifiers else text.strip()[-1]), []
    elif len(base) == 1:
        base = base if base.isalnum() else _character_name(base)
    elif base not in _NAMED and not base.endswith(("_bracket", "_sign", "_accent", "_mark")):
        near = difflib.get_close_matches(base, _NAMED, n=1)
        raise ValueError(f"{text!r} is no key." + (f" Did you mean {near[0]!r}?" if near else ""))
    key = "+".join([*(name for name in _MODIFIERS if name in modifiers), base])
    if key in _SAME_KEY:
        raise ValueError(f"{text!r} cannot be told from {_SAME_KEY[key]} on most terminals.")
    return key


def _character_name(character: str) -> str:
    name = unicodedata.name(character, "").lower().replace("-", "_").replace(" ", "_")
    if not name:
        raise ValueError(f"{character!r} is no key.")
    return _CHARACTER_NAMES.get(name, name)


def shown_key(key: str) -> str:
    """How a key is printed in hints: `^l` for ctrl+l, `esc` for escape."""
    *modifiers, base = key.split("+")
    base = _SHOWN.get(base, base)
    if modifiers == ["ctrl"] and len(base) == 1:
        return f"^{base}"
    return "+".join([*modifiers, base])
