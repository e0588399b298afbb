"""What a Gemini model is, by its name, and how it may be told how much to think.

Source: the Gemini API documentation, "Thinking".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from chatterm.core.turn import Effort, Parameters

_VERSION = re.compile(r"gemini-(\d+)(?:\.(\d+))?")
_NEWEST = (99, 0)

_BUDGETS: dict[Effort, int] = {"none": 0, "minimal": 512, "low": 1024, "medium": 8192, "high": 24_576}
_LEVELS: dict[Effort, str] = {"none": "MINIMAL", "minimal": "MINIMAL", "low": "LOW", "medium": "MEDIUM"}


@dataclass(frozen=True, slots=True)
class GeminiModel:
    """A model by its name. What is no numbered Gemini ("gemini-flash-latest") counts as the newest."""

    name: str

    @property
    def version(self) -> tuple[int, int]:
        """Generation and step; (0, 0) for what is no Gemini."""
        if found := _VERSION.search(self.name):
            return int(found[1]), int(found[2] or 0)
        return _NEWEST if "gemini" in self.name else (0, 0)

    @property
    def is_pro(self) -> bool:
        """Whether it is of the large kind, which never stops thinking."""
        return "pro" in self.name and "flash" not in self.name

    @property
    def is_lite(self) -> bool:
        """Whether it is of the small kind, which thinks only when told to."""
        return "lite" in self.name

    @property
    def has_levels(self) -> bool:
        """Whether it thinks by levels, signs its tool calls, and combines tools with all else."""
        return self.version >= (3, 0)

    @property
    def thinks(self) -> bool:
        """Whether thinking can be set."""
        makes_other = "tts" in self.name or ("image" in self.name and not self.has_levels)
        return self.version >= (2, 5) and not makes_other


def thinking_config(model: GeminiModel, parameters: Parameters) -> dict[str, object]:
    """`generationConfig.thinkingConfig`: the thoughts are asked for, and as many as the parameters want.

    Generation 2.5 is given a number of tokens, later ones the nearest level that the model has.
    """
    if not model.thinks:
        return {}
    if model.has_levels:
        level = _level(model, parameters)
        return {"includeThoughts": True, "thinkingLevel": level} if level else {"includeThoughts": True}
    budget = _budget(model, parameters)
    if budget is None:
        return {} if model.is_lite else {"includeThoughts": True}
    return {"includeThoughts": True, "thinkingBudget": budget} if budget else {"thinkingBudget": 0}


def _budget(model: GeminiModel, parameters: Parameters) -> int | None:
    most = 32_768 if model.is_pro else 24_576
    wanted = parameters.thinking_tokens
    if wanted is None:
        if parameters.effort is None:
            return None
        wanted = _BUDGETS.get(parameters.effort, most)
    least = 128 if model.is_pro else 512 if model.is_lite and wanted > 0 else 0
    return min(max(wanted, least), most)


def _level(model: GeminiModel, parameters: Parameters) -> str:
    effort, tokens = parameters.effort, parameters.thinking_tokens
    if effort is None and tokens is not None:
        fitting: list[Effort] = [name for name, budget in _BUDGETS.items() if tokens <= budget]
        effort = fitting[0] if fitting else "high"
    if effort is None:
        return ""
    level = _LEVELS.get(effort, "HIGH")
    if level == "MINIMAL" and (model.is_pro or (model.version >= (3, 7) and not model.is_lite)):
        return "LOW"
    if level == "MEDIUM" and model.is_pro and model.version == (3, 0):
        return "HIGH"
    return level
