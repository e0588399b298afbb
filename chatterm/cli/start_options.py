"""What the command line asks for, as values."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chatterm.config.schema import Path as SettingPath

CUSTOM = "custom"
"""Provider for `--base-url` without `--provider`."""


class OutputForm(StrEnum):
    """What --output names."""

    TEXT = "text"
    JSON = "json"
    JSONL = "jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class StartOptions:
    """What the command line asks for; None and empty where it says nothing.

    `system` is the text itself. `resume` is an id or its beginning. `options` are JSON values.
    `record` is a file to write what goes over the wire to, `replay` one to play, `speed` times as fast, 0 at once.
    """

    provider: str | None = None
    model: str | None = None
    base_url: str | None = None
    system: str | None = None
    continue_last: bool = False
    resume: str | None = None
    options: Mapping[str, object] = field(default_factory=dict[str, object])
    tools: bool = True
    save: bool = True
    theme: str | None = None
    record: Path | None = None
    replay: Path | None = None
    speed: float = 1.0
    save_replayed: bool = False
    cache: bool = False

    def over(self, other: StartOptions) -> StartOptions:
        """`other`, with what is given here in its place."""
        default = StartOptions()
        given = {
            name: getattr(self, name)
            for name in (item.name for item in dataclasses.fields(self))
            if getattr(self, name) != getattr(default, name)
        }
        return dataclasses.replace(other, **given)

    def overrides(self, is_own: Callable[[str], bool]) -> dict[SettingPath, object]:
        """The settings that these options cover, for `load_settings`.

        Where no provider is given, a model of the form P/M names one if P is a service that chatterm knows, or
        `is_own`.
        """
        provider, model = self.provider, self.model
        if self.base_url is not None:
            provider = provider or CUSTOM
        elif provider is None and model is not None:
            from chatterm.backend.providers.registry import is_known, split_model

            provider, model = split_model(model, lambda name: is_own(name) or is_known(name))
        values: dict[SettingPath, object | None] = {
            ("provider",): provider,
            ("model",): model,
            ("system",): self.system,
            ("interface", "theme"): self.theme,
            ("save",): None if self.save and (self.replay is None or self.save_replayed) else False,
            ("cache", "enabled"): True if self.cache else None,
        }
        if self.base_url is not None:
            values["providers", provider or CUSTOM, "base_url"] = self.base_url
        return {path: value for path, value in values.items() if value is not None}
