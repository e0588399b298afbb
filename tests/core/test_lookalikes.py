from __future__ import annotations

import pytest

from chatterm.core.lookalikes import MOST_TOLD, look_alikes
from tests.cpu_time import within


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("/home/ann/notes.txt", ()),
        ("/home/ann/заметки.txt", ()),
        ("/home/ann/メモ2.txt", ()),
        ("/home/zoë/résumé.txt", ()),
        ("https://pаypal.com", ("а is Cyrillic U+0430",)),
        ("https://сосо.com", ("с is Cyrillic U+0441", "о is Cyrillic U+043E")),
        ("/еtc/pαsswd", ("е is Cyrillic U+0435", "α is Greek U+03B1")),
        ("ｃurl", ("ｃ is Fullwidth U+FF43",)),
        ("𝐫m", ("𝐫 is Mathematical U+1D42B",)),
        ("https://good.com∕evil.com", ("∕ is Division slash U+2215",)),
        ("rm ‐rf", ("‐ is Hyphen U+2010",)),
        ("ls \x07\x9b31m", ()),  # shown as escapes, so never said raw here
        ("/etc․d", ("․ is One dot leader U+2024",)),
        ("gıthub.com", ("ı is Latin small letter dotless i U+0131",)),
    ],
)
def test_what_passes_for_something_else_is_told(text: str, told: tuple[str, ...]) -> None:
    assert look_alikes(text) == told


def test_no_more_lines_than_can_be_read() -> None:
    lines = look_alikes("".join(map(chr, range(0xFF41, 0xFF5B))))
    assert len(lines) == MOST_TOLD + 1 and lines[-1].startswith("and 18 more")


def test_arguments_that_say_the_same_over_and_over_are_read_once() -> None:
    text = "人工智能正在改变世界，привет мир, " * 4300
    assert look_alikes(text) == ("， is Fullwidth U+FF0C",)
    assert within(0.025, lambda: look_alikes(text)) is None
