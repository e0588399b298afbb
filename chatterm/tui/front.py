"""What the screens need of the application."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Mapping, Sequence

from textual.app import App

from chatterm.config.themes import Palette
from chatterm.tui.clipboard import Clipboard


class Front(App[int], inherit_bindings=False):
    """The application as its screens see it."""

    clipboard_writer: Clipboard
    takes_keys: threading.Event
    """Set once the prompt has the focus: a key before that would go to nobody."""
    lends_terminal: bool = False
    """Whether another program has the terminal now."""

    @abstractmethod
    async def leave(self, status: int = 0) -> None:
        """Save what runs and what is typed, and exit with this status."""

    @abstractmethod
    def offer_themes(self, palettes: Mapping[str, Palette]) -> None:
        """Make these themes known; until then there is only the one in use."""

    @abstractmethod
    def recall_theme(self, remembered: Sequence[str]) -> None:
        """Use the theme that was chosen last: its name, and the one that the settings named then."""
