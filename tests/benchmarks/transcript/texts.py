"""Texts to measure with: replies of one shape without an end, conversations, and what wants to do harm.

All are drawn from a seed; no two messages of a conversation are alike.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

CHARACTERS_PER_TOKEN = 4

_TEXT = """
a the of to in and is for with on that this when from into than only each every while because between
answer branch buffer cache cell column cursor delta editor event field frame glyph header index kernel
latency layout letter margin memory message module number packet parser pattern pointer process record
region screen signal socket source stream string switch syntax terminal thread token value vector window
accepts begins builds carries compares copies counts draws ends finds follows holds keeps loses measures
moves needs opens paints reads returns sends shows splits stores takes turns waits writes brief careful
early empty exact final narrow plain quiet rare sharp simple slow steady usual wide
"""
_WORDS = _TEXT.split()
_MARKS = ("**{}**", "*{}*", "`{}`", "~~{}~~", "[{}](https://example.com/page)", "***{}***")
_OTHERS = (
    "漢字とかなの文は、どこでも折り返せます。",
    "Größe, naïveté, Ærøskøbing and Łódź.",
    "Stars ★, arrows → and a woman at work 👩‍💻, a flag 🇨🇭.",
    "See <https://example.com/a_b?c=d> or http://example.com/(x) for more.",
    "Set `a_b`, not `a*b`; 2 * 3 * 4 = 24, a < b && c > d.",
)
_LANGUAGES = ("python", "javascript", "bash", "json", "rust", "")


def _words(rng: random.Random, fewest: int, most: int) -> str:
    return " ".join(rng.choices(_WORDS, k=rng.randint(fewest, most)))


def sentence(rng: random.Random) -> str:
    """One sentence; every third has inline marks, a few have other scripts."""
    if rng.random() < 0.05:
        return rng.choice(_OTHERS)
    words = _words(rng, 6, 15)
    if rng.random() < 0.33:
        words += " " + rng.choice(_MARKS).format(_words(rng, 1, 3))
    return words.capitalize() + "."


def paragraph(rng: random.Random) -> str:
    """Two to five sentences."""
    return " ".join(sentence(rng) for _ in range(rng.randint(2, 5)))


def code_lines(rng: random.Random) -> Iterator[str]:
    """Functions one after another, without an end."""
    while True:
        first, second = rng.sample(_WORDS[18:], 2)
        yield f"def {first}_{rng.randint(1, 999)}({second}: int, *rest: str) -> dict[str, int]:"
        yield f'    """{sentence(rng)}"""'
        for _ in range(rng.randint(2, 8)):
            yield f"    {rng.choice(_WORDS)}_{second} = {second} * {rng.random():.3f}  # {_words(rng, 2, 6)}"
        yield f"    return {{'{first}': {second}}}"
        yield ""


def _fence(rng: random.Random) -> str:
    lines = code_lines(rng)
    code = "\n".join(next(lines) for _ in range(rng.randint(4, 14)))
    return f"```{rng.choice(_LANGUAGES)}\n{code}\n```"


def _list(rng: random.Random) -> str:
    numbered = rng.random() < 0.4
    items: list[str] = []
    for number in range(rng.randint(3, 7)):
        items.append(f"{number + 1}. {sentence(rng)}" if numbered else f"- {sentence(rng)}")
        if rng.random() < 0.2:
            items.append(f"   - {sentence(rng)}")
    return "\n".join(items)


def _table_row(rng: random.Random) -> str:
    mark = rng.choice(("{}", "{}", "**{}**", "`{}`"))
    return f"| {mark.format(rng.choice(_WORDS))} | {rng.randint(0, 99999)} | {_words(rng, 2, 6)} |"


_TABLE_HEAD = "| name | count | what it means |\n|:-----|------:|---------------|"


def _table(rng: random.Random) -> str:
    return "\n".join([_TABLE_HEAD, *(_table_row(rng) for _ in range(rng.randint(3, 8)))])


def _quote(rng: random.Random) -> str:
    return "\n".join(f"> {sentence(rng)}" for _ in range(rng.randint(1, 3)))


def _heading(rng: random.Random) -> str:
    return f"{'#' * rng.randint(1, 4)} {_words(rng, 2, 6).capitalize()}"


_BLOCKS: tuple[Callable[[random.Random], str], ...] = (
    *(paragraph, paragraph, paragraph, paragraph, _list, _list, _fence, _table, _heading, _heading, _quote),
    lambda _: "---",
)


def _mixed(rng: random.Random) -> Iterator[str]:
    while True:
        yield rng.choice(_BLOCKS)(rng) + "\n\n"


def _one_fence(rng: random.Random) -> Iterator[str]:
    for line in code_lines(rng):
        yield line + "\n"


def _one_table(rng: random.Random) -> Iterator[str]:
    while True:
        yield _table_row(rng) + "\n"


def _one_list(rng: random.Random) -> Iterator[str]:
    while True:
        yield f"- {sentence(rng)}\n"


def _one_paragraph(rng: random.Random) -> Iterator[str]:
    while True:
        yield sentence(rng) + " "


SHAPES: dict[str, Callable[[random.Random], Iterator[str]]] = {
    "mixed": _mixed,
    "one fence": _one_fence,
    "one table": _one_table,
    "one list": _one_list,
    "one paragraph": _one_paragraph,
}


_HEADS = {"one fence": "```python\n", "one table": _TABLE_HEAD + "\n"}


class Reply:
    """A reply of one shape that goes on as long as it is read.

    How it goes on does not depend on how it began, so that what follows a short and a long one is the same text.
    """

    def __init__(self, shape: str, seed: int) -> None:
        self._head = _HEADS.get(shape, "")
        self._first = SHAPES[shape](random.Random(f"{shape} {seed}"))
        self._more = SHAPES[shape](random.Random(f"{shape} {seed} and on"))
        self._rest = ""

    def begin(self, tokens: int) -> str:
        """The beginning: so many tokens of four characters, and what is missing of the last block."""
        return _at_least(tokens * CHARACTERS_PER_TOKEN, self._head, self._first)

    def read(self, tokens: int) -> str:
        """So many tokens more."""
        count = tokens * CHARACTERS_PER_TOKEN
        text = _at_least(count, self._rest, self._more)
        self._rest = text[count:]
        return text[:count]


def _at_least(characters: int, head: str, parts: Iterator[str]) -> str:
    taken, size = [head], len(head)
    while size < characters:
        taken.append(next(parts))
        size += len(taken[-1])
    return "".join(taken)


def messages(count: int, seed: int) -> Iterator[tuple[str, str]]:
    """Roles and texts of a conversation: prompts and replies in turn, 700 characters on average."""
    rng = random.Random(f"messages {seed}")
    pools: list[list[str]] = [[block(rng) for _ in range(300)] for block in _BLOCKS]
    for number in range(count):
        if number % 2 == 0:
            yield "user", f"({number}) {rng.choice(pools[0])}"
            continue
        blocks = [rng.choice(rng.choice(pools)) for _ in range(rng.randint(2, 9))]
        yield "assistant", f"Reply {number} of {seed}.\n\n" + "\n\n".join(blocks)


def _megabyte(shape: str, scale: float) -> str:
    return Reply(shape, 0).begin(round(250_000 * scale))


def _wide_table(scale: float) -> str:
    row = "|" + "cell|" * 50 + "\n"
    return row + "|" + "---|" * 50 + "\n" + row * round(2_000 * scale)


HOSTILE: dict[str, Callable[[float], str]] = {
    "quotes, 10,000 deep": lambda scale: ">" * round(10_000 * scale) + " deep\n",
    "lists, 10,000 deep": lambda scale: "- " * round(10_000 * scale) + "deep\n",
    "brackets, 10,000 deep": lambda scale: (
        "[" * round(10_000 * scale) + "deep" + "](u)" * round(10_000 * scale)
    ),
    "50,000 ![": lambda scale: "![" * round(50_000 * scale),
    "5,000 bullets": lambda scale: "".join(f"- item {number}\n" for number in range(round(5_000 * scale))),
    "a table of 2,000 x 50": _wide_table,
    "an open fence of 1 MB": lambda scale: _megabyte("one fence", scale),
    "a line of 1 MB, words": lambda scale: _megabyte("one paragraph", scale),
    "a line of 1 MB, no space": lambda scale: "x" * round(1_000_000 * scale),
    "entities that decode to ESC": lambda scale: (
        "&#27;[2J &#x1b;]52;c;aGk=&#7; &Tab;&NewLine; " * round(5_000 * scale)
    ),
    "combining marks, 10,000 on each": lambda scale: ("a" + "\u0301" * round(10_000 * scale) + " ") * 10,
    "emoji joined, 20,000": lambda scale: "👩\u200d👩\u200d👧\u200d👦 🏳️\u200d🌈 " * round(10_000 * scale),
    "flags, 30,000": lambda scale: "🇨🇭🇩🇪🇯🇵 " * round(10_000 * scale),
    "CJK, 110,000": lambda scale: "漢字とかなの長い文は、どこでも折り返せます。" * round(5_000 * scale),
    "right to left": lambda scale: "שלום עולם \u202eabc\u202c مرحبا بالعالم " * round(5_000 * scale),
    "U+2028, VT and FF": lambda scale: "line\u2028line\x0bline\x0cline\n" * round(10_000 * scale),
}
"""Texts that cost a careless program its life, each of the size its name tells at scale 1."""
