"""Walking through earlier prompts."""

from __future__ import annotations

from collections.abc import Sequence


class PromptHistory:
    """Earlier prompts, oldest first, and a place in them; past the newest stands what was not sent yet."""

    def __init__(self, prompts: Sequence[str] = ()) -> None:
        self._prompts = list(prompts)
        self._at = len(self._prompts)
        self._unsent = ""

    @property
    def is_at_end(self) -> bool:
        """Whether no earlier prompt is shown."""
        return self._at >= len(self._prompts)

    def add(self, prompt: str) -> None:
        """Keep a prompt that was sent, once if it is sent again, and return to the end."""
        if not self._prompts or self._prompts[-1] != prompt:
            self._prompts.append(prompt)
        self.rewind()

    def rewind(self) -> None:
        """Return to the end, with nothing kept for it."""
        self._at, self._unsent = len(self._prompts), ""

    def previous(self, present: str) -> str | None:
        """The prompt before, `None` at the first; `present` is kept when the walk begins."""
        if self._at == 0:
            return None
        if self.is_at_end:
            self._unsent = present
        self._at -= 1
        return self._prompts[self._at]

    def next(self) -> str | None:
        """The prompt after, in the end what was not sent; `None` when the walk is over."""
        if self.is_at_end:
            return None
        self._at += 1
        return self._unsent if self.is_at_end else self._prompts[self._at]
