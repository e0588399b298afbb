from __future__ import annotations

import itertools
import json
import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chatterm.core.clean import StreamCleaner, clean, clean_line, is_clean, plain_json, visible, well_formed
from tests.cpu_time import within

ANY = st.text(st.characters(codec=None, exclude_categories=()), max_size=60)
TRICKY = st.text(
    st.sampled_from(
        "ab \n\r\t\x00\x1b\x07\x7f\x85\x9b\x9d\u202e\u2028\u200d\ufe0f\ufeff\U000e0041"
        "\ud83d\ude00\udb40\udc41"
    ),
    max_size=30,
)
TEXTS = st.one_of(ANY, TRICKY)

# Opening, terminator: every way to begin a control function, in 7 and 8 bit form.
HOSTILE = {
    "clipboard": "\x1b]52;c;aGVsbG8=\x07",
    "clipboard, ST": "\x1b]52;c;aGVsbG8=\x1b\\",
    "clipboard, C1": "\x9d52;c;aGVsbG8=\x9c",
    "link": "\x1b]8;;http://evil.example\x1b\\bank\x1b]8;;\x1b\\",
    "title": "\x1b]0;owned\x07",
    "clear": "\x1b[2J\x1b[H",
    "clear, C1": "\x9b2J",
    "mouse tracking": "\x1b[?1003h",
    "device report": "\x1b[c\x1b[6n\x1bZ",
    "DCS": "\x1bP+q544e\x1b\\",
    "DCS, C1": "\x90+q544e\x9c",
    "APC": "\x1b_Gf=100;AAAA\x1b\\",
    "APC, C1": "\x9fGf=100;AAAA\x9c",
    "PM": "\x1b^text\x1b\\",
    "SOS": "\x1bXtext\x1b\\",
    "reset": "\x1bc",
    "charset": "\x0e\x1b(0lqqk\x0f",
    "overwrite": "rm -rf /\rls        ",
    "backspace": "safe\b\b\b\bevil",
    "bell": "\x07",
    "bidi": "\u202egnp.exe\u202c \u2066x\u2069 \u200e\u200f\u061c",
    "tags": "\U000e0001\U000e0069\U000e0067\U000e007f",
    "tags as pairs": "\udb40\udc69\udb40\udc67",
    "zero width": "a\u200bb\ufeffc\u2028d\u2029e",
    "cut CSI": "text\x1b[",
    "cut OSC": "text\x1b]52;c;aGVs",
    "lone high": "a\ud83d",
    "lone low": "\ude00b",
    "NEL": "a\x85b",
    "DEL": "a\x7fb",
}


def foreign(text: str) -> list[str]:
    """What must never be shown, told by Unicode categories, not by the table under test."""
    return [
        char
        for char in text
        if (unicodedata.category(char) in ("Cc", "Cs") and char not in "\n\t")
        or unicodedata.bidirectional(char) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
        or "\U000e0000" <= char <= "\U000e007f"
        or char in "\u061c\u200b\u200e\u200f\u2028\u2029\ufeff"
    ]


@pytest.mark.parametrize("name", HOSTILE)
def test_no_control_function_survives(name: str) -> None:
    text = HOSTILE[name]
    assert foreign(text)
    shown = clean(f"before {text} after")
    assert foreign(shown) == []
    assert shown.startswith("before ") and shown.endswith(" after")
    assert clean(shown) == shown


@pytest.mark.parametrize("name", HOSTILE)
def test_every_split_in_two_and_every_character_alone(name: str) -> None:
    text = HOSTILE[name] + "\r\n\ud83d\ude00\r"
    whole = clean(text)
    for cut in range(len(text) + 1):
        cleaner = StreamCleaner()
        assert cleaner.feed(text[:cut]) + cleaner.feed(text[cut:]) + cleaner.finish() == whole
    cleaner = StreamCleaner()
    assert "".join(cleaner.feed(char) for char in text) + cleaner.finish() == whole


@given(TEXTS)
def test_nothing_foreign_is_left_and_again_changes_nothing(text: str) -> None:
    shown = clean(text)
    assert foreign(shown) == []
    assert clean(shown) == shown
    assert is_clean(shown)
    assert is_clean(text) == (shown == text)
    shown.encode()


@given(TRICKY, st.lists(st.integers(0, 30), max_size=6))
@example("\ud83d\r\ude00\n", [1, 2, 3])
def test_any_split_gives_the_same(text: str, cuts: list[int]) -> None:
    edges = sorted({0, len(text), *(min(cut, len(text)) for cut in cuts)})
    cleaner = StreamCleaner()
    pieces = [cleaner.feed(text[start:end]) for start, end in itertools.pairwise(edges)]
    assert "".join(pieces) + cleaner.finish() == clean(text)
    assert cleaner.finish() == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x00\x07\x1b\x1f", "\u2400\u2407\u241b\u241f"),
        ("\x7f", "\u2421"),
        ("\x80\x9f", "\ufffd\ufffd"),
        ("a\r\nb\rc\n\rd", "a\nb\nc\n\nd"),
        ("\ud83d\ude00", "😀"),
        ("\ude00\ud83d", "\ufffd\ufffd"),
        ("\t\n [/b] [@click=app.quit()]", "\t\n [/b] [@click=app.quit()]"),
        ("👩‍💻 ❤️ e\u0301 אב 漢字 🇨🇭", "👩‍💻 ❤️ e\u0301 אב 漢字 🇨🇭"),
    ],
)
def test_what_becomes_of_what(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_clean_text_is_returned_as_it_is() -> None:
    text = "plain text, 漢字 and 👩‍💻\n" * 100
    assert clean(text) is text


@given(TEXTS, st.integers(1, 40))
def test_a_line_is_one_clean_line_within_its_limit(text: str, limit: int) -> None:
    line = clean_line(text, limit)
    assert foreign(line) == [] and not re.search(r"[\n\t]", line)
    assert len(line) <= limit
    assert clean_line(line, limit) == line
    whole = clean(text).replace("\n", " ").replace("\t", " ")
    assert line == (whole if len(whole) <= limit else whole[: limit - 1] + "…")


def test_a_long_line_is_cut_with_an_ellipsis() -> None:
    assert clean_line("x" * 1_000_000, 10) == "xxxxxxxxx…"
    assert clean_line("\r\n" * 9 + "ab", 10) == " " * 9 + "…"
    assert clean_line("a\r\nb\tc") == "a b c"


@given(TEXTS)
def test_well_formed_changes_only_surrogates_and_nul(text: str) -> None:
    stored = well_formed(text)
    stored.encode()
    assert "\x00" not in stored and well_formed(stored) == stored
    joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    assert stored == joined.replace("\x00", "\u2400")


def test_well_formed_keeps_what_clean_would_show_otherwise() -> None:
    assert well_formed("\x1b[31m\r\n\x85\u202e") == "\x1b[31m\r\n\x85\u202e"
    assert well_formed("a\x00\ud83d\ude00\ud83d") == "a\u2400😀\ufffd"


ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8}))")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rm -rf /tmp/x", "rm -rf /tmp/x"),
        ("\x1b[2J\x9b", r"\x1b[2J\x9b"),
        ("a\nb\tc\rd", r"a\x0ab\x09c\x0dd"),
        ("safe\u202egpj.exe", r"safe\u202egpj.exe"),
        ("a\u200bb\u200dc\u2060d\ufeff", r"a\u200bb\u200dc\u2060d\ufeff"),
        ("so\u00adft n\u00a0b\u2003e\u3000", r"so\xadft n\xa0b\u2003e\u3000"),
        ("\U000e0041\U000e007f", r"\U000e0041\U000e007f"),
        ("\u3164\u115f\uffa0\u2800\u034f", r"\u3164\u115f\uffa0\u2800\u034f"),
        ("\u2764\ufe0f", "\u2764" + r"\ufe0f"),
        ("\u0301a", r"\u0301a"),
        (" \u0301", r" \u0301"),
        ("e\u0301", "e\u0301"),
        ("e" + 5 * "\u0301", "e" + 3 * "\u0301" + r"\u0301\u0301"),
        ("\u200b\u0301", r"\u200b\u0301"),
        ("\U000f0000\ue000\u0378\ud800", r"\U000f0000\ue000\u0378\ud800"),
        (r"a\u202e", r"a\x5cu202e"),
        (r"C:\new\x \\x4", r"C:\new\x \\x4"),
        ("日本語 привет 🙂 नमस्ते", "日本語 привет 🙂 नमस्ते"),
    ],
)
def test_what_is_judged_has_nothing_invisible(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_a_long_text_of_any_script_is_judged_between_two_frames() -> None:
    text = ("привет мир, как дела? " * 5000)[:100_000]
    assert visible(text) == text
    assert within(0.015, lambda: visible(text)) is None


@given(TEXTS | st.text(st.sampled_from(r"\xuU0123456789abcdef" + "\n\u202e\u0301")))
def test_no_two_texts_are_shown_alike(text: str) -> None:
    shown = visible(text)
    assert is_clean(shown) and "\n" not in shown and "\t" not in shown
    assert ESCAPE.sub(lambda found: chr(int(found[1] or found[2] or found[3], 16)), shown) == text


def test_line_breaks_are_kept_where_lines_are_shown() -> None:
    assert visible("a\n\tb\u0301\r\n\u0301", keep="\n\t") == "a\n\tb\u0301" + r"\x0d" + "\n" + r"\u0301"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_json_made_plain_says_the_same_and_is_clean(text: str) -> None:
    plain = plain_json(json.dumps(text, ensure_ascii=False))
    assert is_clean(plain)
    assert json.loads(plain) == text
