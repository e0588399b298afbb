"""The code block and the table at a line, and the tables of a text."""

from __future__ import annotations

import pytest

from chatterm.tui.transcript.document import Address, Document
from chatterm.tui.transcript.entries import Entry, Section
from chatterm.tui.transcript.excerpts import code_at, folds_of, table_at, tables_in
from chatterm.tui.transcript.segments import SEGMENT_ROWS
from tests.tui.transcript.made import addresses, document, entry

LONG = "\n".join(f"print({number})  # `'\"|" for number in range(5 * SEGMENT_ROWS))
CODE = f"""\
Some words.

```py
first = 1

second = 2
```

- an item

  ~~~sh
  ls | wc
    more
  ~~~

```python title="x.py"
{LONG}
```

```
unclosed
"""
CODES = ["first = 1\n\nsecond = 2", "ls | wc\n  more", LONG, "unclosed"]

ROWS = [f"| {number} | name, {number} |" for number in range(200)]
TABLES = "\n".join(
    [
        *("| a | b |", "|---|--:|", "| 1 | *two* |", ""),
        *("Words | no table", "", "> | q | r |", "> |---|---|", "> | 1 | 2 |", ""),
        *("| n | name |", "|---|---|", *ROWS),
    ]
)
CSVS = [
    "a,b\n1,two\n",
    "q,r\n1,2\n",
    "n,name\n" + "".join(f'{number},"name, {number}"\n' for number in range(200)),
]


def live(text: str) -> Document:
    """The same text while it comes in."""
    made = Document(40)
    made.begin_live(entry("r", "", status="live"))
    assert made.live is not None
    made.live.write(text)
    made.settle_live()
    return made


def heads(made: Document, link: str) -> list[Address]:
    """The lines with this link."""
    return [line for line in addresses(made) if any(span.link == link for span in made.line(line).spans)]


@pytest.mark.parametrize("made", [document(entry("r", CODE)), live(CODE)], ids=["whole", "live"])
def test_each_head_gives_the_whole_code_of_its_block(made: Document) -> None:
    assert made.segments(0) > 3
    assert [code_at(made, head) for head in heads(made, "action:copy-code")] == CODES


def test_a_line_of_code_gives_its_whole_block_and_others_give_none() -> None:
    made = document(entry(0, "Words\n\n| a |\n|---|\n| 1 |"), entry("r", CODE))
    by_text = {made.line(address).text.strip(): address for address in addresses(made)}
    last = next(text for text in reversed(by_text) if text.startswith("print("))
    assert code_at(made, by_text[last]) == LONG
    for words in ("Words", "Some words.", "1", ""):
        assert code_at(made, by_text[words]) is None


@pytest.mark.parametrize("made", [document(entry("r", TABLES)), live(TABLES)], ids=["whole", "live"])
def test_each_line_of_a_table_gives_the_whole_table(made: Document) -> None:
    assert made.segments(0) > 1
    lines = addresses(made)
    found = {
        text: table_at(made, line)
        for line in [*lines[:20], *lines[20::30]]
        if (text := made.line(line).text.strip())
    }
    assert found.pop("Words | no table") is None
    assert [*dict.fromkeys(found.values())] == CSVS
    assert found["1   │ two"] == CSVS[0]


def test_a_gap_before_a_table_and_what_is_no_markdown_give_none() -> None:
    made = document(entry("p", "| a |\n|---|\n| 1 |", "user"), entry("r", "x\n\n| a |\n|---|\n| 1 |\n\ny"))
    found = [table_at(made, line) for line in addresses(made)]
    assert [each for each in found if each] == ["a\n1\n"] * 3
    assert found[made.height(0, 0) :][:2] == [None, None]


def test_tables_of_a_text() -> None:
    assert tables_in(TABLES) == CSVS
    assert tables_in("no | table") == tables_in("```\n| a |\n|---|\n| 1 |\n```") == []
    assert tables_in("| a |\n|---|\n| $\\alpha$ |") == ["a\nα\n"]
    assert tables_in("| a |\n|---|\n| $\\alpha$ |", maths=False) == ["a\n$\\alpha$\n"]


def test_the_heads_of_folds_are_found_open_or_closed() -> None:
    reply = Entry(
        id="r",
        role="assistant",
        sections=(
            *(Section("thinking", "why\n" * 100), Section("text", "words\n\n" * 60)),
            *(Section("tool", "{}", "called x"), Section("text", "end")),
        ),
    )
    made = document(entry(0), reply)
    for _ in range(2):
        found = folds_of(made, 1)
        assert [*found] == [0, 2]
        assert made.line(found[2]).text.endswith("called x")
        assert found[0] == (1, 0, 0)
        made.turn_fold(1, 0)
    assert folds_of(made, 0) == {}
