"""Outside text to safe text: the only sanitiser.

Whatever comes from a model, a server, a file, the store or the clipboard passes `clean` before it reaches
a screen, a title, a notice, a log or a terminal. Control functions (ECMA-48) cannot survive it: they all
begin with a C0 or C1 code, and every such code but newline and tab becomes a visible picture or U+FFFD.
"""

from __future__ import annotations

import re

# What no shown text may contain: C0 but \t and \n, DEL, C1, bidirectional controls (Unicode UAX #9) and the
# deprecated format characters beside them, zero width space, line and paragraph separators, byte order
# mark, tag characters, surrogates. ZWJ (U+200D) and variation selectors stay: emoji are made with them.
_BIDI = r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f"
_OTHER = r"\u200b\u2028\u2029\ufeff\U000e0000-\U000e007f"
_SURROGATE = r"\ud800-\udfff"
_UNSAFE = re.compile(rf"[\x00-\x08\x0b-\x1f\x7f-\x9f{_BIDI}{_OTHER}{_SURROGATE}]")

_PAIR = r"[\ud800-\udbff][\udc00-\udfff]"
_UNSAFE_UNIT = re.compile(rf"\r\n|{_PAIR}|{_UNSAFE.pattern}")
_UNSTORABLE = re.compile(rf"[\x00{_SURROGATE}]")
_UNSTORABLE_UNIT = re.compile(rf"{_PAIR}|{_UNSTORABLE.pattern}")

# Letters, marks and symbols that are drawn as nothing, beside all of the categories C and Z: fillers, grapheme
# joiner, inherent vowels, variation selectors, empty braille.
_BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
# Letters and digits of all scripts are seen as they are, but for four fillers: text of them is passed over at once.
_TO_JUDGE = re.compile(
    r"(?:[^ -~\w]|[\u115f\u1160\u3164\uffa0])+|\\(?=x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})"
)
_MOST_MARKS = 3

_REPLACEMENT = "\ufffd"


def is_clean(text: str) -> bool:
    """Whether `clean` would leave the text as it is."""
    return _UNSAFE.search(text) is None


def clean(text: str) -> str:
    """The text with nothing in it that could act on a terminal or mislead a reader; idempotent.

    Newlines become `\\n`; other C0 codes and DEL their pictures (U+2400 block); C1 codes, bidirectional
    controls, hidden characters and lone surrogates U+FFFD. Surrogate pairs are joined.
    """
    return _UNSAFE_UNIT.sub(_safe, text) if _UNSAFE.search(text) else text


def clean_line(text: str, limit: int = 200) -> str:
    """`clean` on one line: newlines and tabs become spaces; more than `limit` characters are cut with `…`."""
    # Two source characters at most become one, so this much decides the result however long the text is.
    line = clean(text[: 2 * limit + 2]).replace("\n", " ").replace("\t", " ")
    return line if len(line) <= limit else line[: limit - 1] + "…"


def well_formed(text: str) -> str:
    """The text as it can be stored and encoded as UTF-8.

    Surrogate pairs are joined, lone surrogates become U+FFFD, NUL becomes U+2400; nothing else changes.
    """
    return _UNSTORABLE_UNIT.sub(_storable, text) if _UNSTORABLE.search(text) else text


def plain_json(text: str) -> str:
    """JSON text with all that `clean` would change as `\\u` escapes: it says the same, and acts on nothing."""
    return _UNSAFE.sub(_json_escape, text)


def visible(text: str, keep: str = "") -> str:
    """The whole text, everything invisible or misplaced in it as escapes: for what a user must judge.

    Escaped (`\\x1b`, `\\u202e`, `\\U000e0041`) are controls, newline and tab too unless `keep` has them, formats as
    bidirectional controls, zero width, soft hyphens and tags, spaces but U+0020, fillers, variation selectors, what
    Unicode does not assign, surrogates, and combining marks without a base or after three others. A backslash that
    would read as such an escape is escaped itself, so that no two texts are shown alike.
    """
    return _TO_JUDGE.sub(lambda found: _judged(found, keep), text)


class StreamCleaner:
    """`clean` for text that arrives in pieces: however it is cut, the results joined are the same."""

    def __init__(self) -> None:
        self._held: str = ""

    def feed(self, text: str) -> str:
        """The cleaned text so far undelivered; a last character that may belong to the next is held back."""
        text = self._held + text
        self._held = text[-1:] if text and (text[-1] == "\r" or "\ud800" <= text[-1] <= "\udbff") else ""
        return clean(text[: len(text) - len(self._held)])

    def finish(self) -> str:
        """What was held back, cleaned. The cleaner is as new afterwards."""
        held, self._held = self._held, ""
        return clean(held)


def _safe(match: re.Match[str]) -> str:
    unit = match[0]
    if unit in ("\r\n", "\r"):
        return "\n"
    if len(unit) == 2:
        joined = _join(unit)
        return joined if is_clean(joined) else _REPLACEMENT
    if unit < "\x20":
        return chr(0x2400 + ord(unit))
    return "\u2421" if unit == "\x7f" else _REPLACEMENT


def _judged(found: re.Match[str], keep: str) -> str:
    import unicodedata

    if found[0] == "\\":
        return _escape("\\")
    before = found.string[found.start() - 1 : found.start()]
    marks_left = _MOST_MARKS if before.strip() else 0
    shown: list[str] = []
    for character in found[0]:
        category = unicodedata.category(character)[0]
        is_shown = category not in "CZ" and _BLANK.match(character) is None
        if category == "M" and is_shown:
            is_shown = marks_left > 0
            marks_left -= 1
        else:
            marks_left = _MOST_MARKS if is_shown else 0
        shown.append(character if is_shown or character in keep else _escape(character))
    return "".join(shown)


def _escape(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _json_escape(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))


def _storable(match: re.Match[str]) -> str:
    unit = match[0]
    if len(unit) == 2:
        return _join(unit)
    return "\u2400" if unit == "\x00" else _REPLACEMENT


def _join(pair: str) -> str:
    return pair.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
