"""What OpenAI's models take, as far as their names tell: whether they reason, and how that can be set.

Source: OpenAI's model pages and reasoning guide, 2026. Names that are not here tell nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from chatterm.core.turn import Effort

_LEVELS: tuple[Effort, ...] = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


@dataclass(frozen=True, slots=True)
class Reasoning:
    """How a model reasons: the efforts it takes, weakest first, and whether it does so unasked."""

    efforts: tuple[Effort, ...]
    unasked: bool = True

    def nearest(self, wanted: Effort) -> Effort:
        """The effort nearest to the one wanted; the stronger of two, so that little does not become none."""
        place = _LEVELS.index(wanted)
        return min(reversed(self.efforts), key=lambda level: abs(_LEVELS.index(level) - place))

    def is_on(self, effort: Effort | None) -> bool:
        """Whether the model reasons with this effort, None for the model's own choice.

        While it does, it takes no temperature and no top_p.
        """
        return self.unasked if effort is None else self.nearest(effort) != "none"


_OLD = Reasoning(("low", "medium", "high"))
_FIXED = Reasoning(("medium",))
_LATEST = Reasoning(("none", "low", "medium", "high", "xhigh", "max"))

# The first that matches counts; None for a model that does not reason.
_FAMILIES: tuple[tuple[str, Reasoning | None], ...] = (
    (r"o\d", _OLD),
    (r"gpt-5-chat", None),
    (r"gpt-5\.\d+-chat", _FIXED),
    (r"gpt-5-pro", Reasoning(("high",))),
    (r"gpt-5-codex", _OLD),
    (r"gpt-5(?![.\d])", Reasoning(("minimal", "low", "medium", "high"))),
    (r"gpt-5\.1-codex-max", Reasoning(("low", "medium", "high", "xhigh"))),
    (r"gpt-5\.1-codex", _OLD),
    (r"gpt-5\.1(?!\d)", Reasoning(("none", "low", "medium", "high"), unasked=False)),
    (r"gpt-5\.[2-5]-pro", Reasoning(("medium", "high", "xhigh"))),
    (r"gpt-5\.[234](?!\d)", Reasoning(("none", "low", "medium", "high", "xhigh"), unasked=False)),
    (r"gpt-5\.5", Reasoning(("none", "low", "medium", "high", "xhigh"))),
    (r"gpt-6-astra", Reasoning(("low", "medium", "high", "xhigh", "max"))),
    (r"gpt-(?:[5-9]|\d\d)", _LATEST),
)


def reasoning_of(model: str) -> Reasoning | None:
    """How the model of this id reasons; None for one that does not, or that is not known to.

    What stands before the last slash is a vendor, as gateways write it.
    """
    name = model.rpartition("/")[2].lower()
    return next((found for pattern, found in _FAMILIES if re.match(pattern, name)), None)
