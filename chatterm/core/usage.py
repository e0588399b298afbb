"""Token counts as the provider reported them."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one turn, each `None` where the provider did not report it; never an invented zero.

    `input` includes what came from the provider's cache; `output` includes reasoning.
    """

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None

    def updated(self, other: Usage) -> Usage:
        """These counts, overridden by every count that `other` reports."""
        merged = {
            field.name: (
                theirs if (theirs := getattr(other, field.name)) is not None else getattr(self, field.name)
            )
            for field in fields(self)
        }
        return Usage(**merged)
