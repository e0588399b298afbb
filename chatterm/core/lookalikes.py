"""Letters that pass for others: what a reader of a host, a path or a command must be told."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from chatterm.core.clean import visible

MOST_TOLD = 8

_WORD = re.compile(r"[^\W\d_]+")
_ODD = re.compile(r"[^ -~]")
# Letters that look like ASCII ones, by the scripts of Unicode; of other scripts no reader takes them for such.
_TWINS = frozenset(
    "аеорсухіјѕԁԛԝһӏѵԍгпкмнтвАВЕКМНОРСТУХІЈЅԌԚԜҮѴӀοανιρυτκχεωγβημςΑΒΕΖΗΙΚΜΝΟΡΤΥΧօսոցհզԁյսքեԼՕՍՏıɑɡɩʟɪꞁǃǀℓ"
)
_MARKS = frozenset("∕⁄⧸․‥…·‐‑‒–—―−ˉ‘’ʼˈ′‹›˸։׃∶ꓽ⸱〳ⳇ⁚ǀ∣∖⧵﹨⧹")
_CANNOT_MIX = ("CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU", "DESERET")


def look_alikes(*texts: str) -> tuple[str, ...]:
    """One line for each character of the texts that may be taken for another, at most 8: `а is Cyrillic U+0430`.

    Told are letters of another script in a word with Latin ones, words made of nothing but twins of Latin letters,
    wide and styled forms of ASCII characters, and marks that pass for the slash, the dot, the colon or the hyphen.
    """
    text = " ".join(texts)
    told = dict.fromkeys(_found(text)) if _ODD.search(text) else {}
    lines = [f"{each} is {_named(each)} U+{ord(each):04X}" for each in list(told)[:MOST_TOLD]]
    more = len(told) - MOST_TOLD
    return (*lines, f"and {more} more characters that may be taken for others") if more > 0 else tuple(lines)


def _found(text: str) -> Iterator[str]:
    for word in dict.fromkeys(_WORD.findall(text)):
        if word.isascii():
            continue
        foreign = [each for each in word if _script(each) in _CANNOT_MIX]
        twins = [each for each in word if each in _TWINS]
        if len(foreign) < len(word) and any(_script(each) == "LATIN" for each in word):
            yield from foreign
        if len(twins) == len(word) or any(_script(each) == "LATIN" for each in twins):
            yield from twins
    for each in dict.fromkeys(text):
        if each.isascii():
            continue
        folded = unicodedata.normalize("NFKC", each)
        if each in _MARKS or (folded.isascii() and folded.strip() and visible(each) == each):
            yield each


def _script(character: str) -> str:
    return unicodedata.name(character, "").partition(" ")[0]


def _named(character: str) -> str:
    script = _script(character)
    if script in (*_CANNOT_MIX, "FULLWIDTH", "MATHEMATICAL"):
        return script.title()
    return unicodedata.name(character, "a character").capitalize()
