"""A box over the screen that shows how far a load test is, and then what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

if TYPE_CHECKING:
    from chatterm.backend.load_test.engine import LoadTest
    from chatterm.backend.load_test.plan import LoadPlan

DRAW_SECONDS = 0.25


class LoadTestBox(ModalScreen[bool]):
    """Esc stops the test, and closes the box once it is over; b closes it before. True if the result was seen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "stop", "Stop, then close"),
        Binding("b", "leave", "Leave it running"),
    ]
    DEFAULT_CSS = """
    LoadTestBox {
        align: center middle;
        & > Vertical {
            width: 100%; max-width: 100; height: auto; max-height: 90%;
            border: round $chatterm-border; background: $surface; padding: 0 1;
            border-title-color: $accent; border-subtitle-color: $chatterm-dim;
        }
        VerticalScroll { height: auto; max-height: 100%; }
    }
    """

    def __init__(self, test: LoadTest, plan: LoadPlan) -> None:
        super().__init__()
        self._test, self._plan = test, plan
        self._text = Static(markup=False)
        self._is_seen = False

    def compose(self) -> ComposeResult:
        """The box."""
        with Vertical() as box, VerticalScroll():
            yield self._text
        box.border_title = Content("Load test")

    def on_mount(self) -> None:
        """Show how far it is from now on."""
        self.query_one(VerticalScroll).focus()
        self._drawing = self.set_interval(DRAW_SECONDS, self._draw)
        self._draw()

    def action_stop(self) -> None:
        """Stop the test; where what was found is shown, back to the screen below."""
        if self._is_seen:
            self.dismiss(True)
            return
        if not self._test.is_over:  # else it ended since it was drawn last
            self._test.stop()
        self._draw()

    def action_leave(self) -> None:
        """Back to the screen below, while the test goes on."""
        self.dismiss(self._is_seen)

    def _draw(self) -> None:
        # Here, as with all that only a load test needs: every start would take longer for it.
        from chatterm.backend.load_test.progress import progress_lines
        from chatterm.backend.load_test.table import result_lines

        test, keys = self._test, "b leaves it running"
        if test.is_over:
            self._is_seen = True
            self._drawing.stop()
            lines, keys = [*result_lines(test.result())], "esc closes"
            while lines and not lines[-1]:
                del lines[-1]
        elif test.is_stopped:
            lines, keys = ["stopping"], ""
        else:
            lines = progress_lines(test.progress(), test.measured_seconds, self._plan, 200, "esc")
        self._text.update(Content("\n".join(lines)))
        self.query_one(Vertical).border_subtitle = Content(keys)
