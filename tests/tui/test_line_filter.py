from __future__ import annotations

from collections.abc import Sequence
from unittest.mock import patch

from rich.control import Control
from rich.segment import Segment
from rich.style import Style
from textual.app import App, ComposeResult
from textual.color import Color
from textual.content import Content
from textual.filter import LineFilter
from textual.widgets import Input, Label, Static, TextArea

from chatterm.core.clean import is_clean
from chatterm.tui.line_filter import CleanFilter

HOSTILE = "a\x1b]52;c;QUJD\x07b\x9b2Jc\x7f\u202ed\U000e0041e\x00[/b]"
BLACK = Color(0, 0, 0)


def test_unsafe_text_is_replaced_and_the_rest_is_left_alone() -> None:
    own = Control.bell().segment
    style = Style(bold=True)
    shown = CleanFilter().apply([Segment("ok"), Segment(HOSTILE, style), own, Segment("x\r\ny\tz")], BLACK)
    assert shown == [
        Segment("ok"),
        Segment("a␛]52;c;QUJD␇b\ufffd2Jc␡\ufffdd\ufffde␀[/b]", style),
        own,
        Segment("x␍␊y z"),
    ]
    assert len(shown[1].text) == len(HOSTILE)


def test_safe_segments_are_the_same_list() -> None:
    segments = [Segment("plain 漢字 👩‍💻"), Control.home().segment]
    assert CleanFilter().apply(segments, BLACK) is segments


class FilteredApp(App[None]):
    """Widgets given hostile text by somebody who forgot to clean it."""

    def __init__(self) -> None:
        super().__init__()
        self.clean_filter = CleanFilter()

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), self.clean_filter]

    def compose(self) -> ComposeResult:
        yield Static(Content(HOSTILE))
        yield Label(HOSTILE, markup=False)
        yield Input(HOSTILE)
        yield TextArea(HOSTILE)


async def test_textual_passes_every_painted_line_through_the_filter() -> None:
    """Textual calls line filters internal; this fails when a release stops using them."""
    written: list[str] = []
    app = FilteredApp()
    with patch.object(CleanFilter, "apply", autospec=True, side_effect=CleanFilter.apply) as applied:
        async with app.run_test() as pilot:
            app.query_one(Static).border_title = Content(HOSTILE)
            app.query_one(Static).styles.border = ("round", "white")
            await pilot.pause()
            for y in range(app.size.height):
                for strip in app.screen._compositor.render_strips()[y : y + 1]:
                    written += [segment.text for segment in strip if not segment.control]
    assert applied.call_count > 0
    assert sum("52;c;QUJD" in text for text in written) >= 4
    assert all(is_clean(text) for text in written)
