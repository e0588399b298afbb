"""Documents for the transcript's tests: random ones, and a long one."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import strategies as st

BLOCKS = [
    "# Heading with `code`",
    "## C# and F#",
    "plain words that go on for a while, long enough to be broken more than once at any width we try",
    "**bold** *italic* ***both*** ~~gone~~ `code` [link](http://a.example/b_(c)) and snake_case_name",
    "an *open mark and `an open tick",
    "漢字とかなの長い文は、どこでも折り返せます。けれども句点は行頭に来ません。",
    "emoji 👩‍💻👩‍💻👩‍💻 ❤️ 🇨🇭 e\u0301 mixed 漢字 with words",
    "- a bullet that is long enough to hang under itself when it is broken",
    "  - [x] nested and done",
    "* [ ] to do",
    "12. numbered",
    "> quoted **text**\n> - with a list",
    "---",
    "| a | b |\n|---|---|\n| 1 | `2` |",
    "```python\ndef f():\n\treturn '**no marks**'\n\n```",
    "~~~\nan open fence\n```\nstill inside",
    "  indented text that is broken and keeps its indent on the lines that follow",
    "",
    "\n\n",
    "x" * 90,
    "[/b] [@click=app.quit()] <b>html</b> &amp;",
    "http://example.com/a_b_c?d=*e* and <https://f.example>.",
    "`` ` ``",
    "\ttab\tted",
]
DOCUMENTS = st.lists(st.sampled_from(BLOCKS), max_size=8).map("\n".join)
NOISE = st.text(st.sampled_from("ab `*_~#>-+|[]()!\\1.\n\t漢👩\u200d💻"), max_size=80)
TEXTS = st.one_of(DOCUMENTS, NOISE)


def long_reply(characters: int) -> str:
    """A reply of mixed blocks, about this long."""
    blocks = "\n\n".join(f"({number}) \n{block}" for number, block in enumerate(BLOCKS) if block.strip())
    closed = blocks.replace("~~~\nan open fence\n```\nstill inside", "~~~\na fence\n~~~\n")
    return "\n\n".join([closed] * (characters // len(closed) + 1))[:characters]


def pieces(text: str, cuts: list[int]) -> list[str]:
    """The text cut at these places."""
    edges = sorted({0, len(text), *(min(cut, len(text)) for cut in cuts)})
    return [text[start:end] for start, end in pairwise(edges)]
