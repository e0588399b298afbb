"""The options that `chatterm` and `chatterm ask` share, as typed on the command line and as values."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chatterm.core.errors import ConfigError

if TYPE_CHECKING:
    from chatterm.config.schema import Path as SettingPath

ProviderOption = Annotated[str | None, typer.Option("--provider", metavar="P", help="Provider to talk to.")]
ModelOption = Annotated[
    str | None, typer.Option("--model", "-m", metavar="M", help="Model, or P/M for provider and model.")
]
BaseUrlOption = Annotated[
    str | None, typer.Option("--base-url", metavar="U", help="Address of a server that speaks OpenAI's API.")
]
SystemOption = Annotated[
    str | None,
    typer.Option("--system", metavar="TEXT|@FILE", help="System prompt, or the file that holds it."),
]
ContinueOption = Annotated[
    bool, typer.Option("--continue", "-c", help="Go on with the last conversation.", show_default=False)
]
ResumeOption = Annotated[str | None, typer.Option("--resume", metavar="ID", help="Open this conversation.")]
ParameterOption = Annotated[
    list[str] | None, typer.Option("-o", metavar="K=V", help="Request parameter; can be repeated.")
]
NoSaveOption = Annotated[bool, typer.Option("--no-save", help="Store nothing.", show_default=False)]
ThemeOption = Annotated[str | None, typer.Option("--theme", metavar="T", help="Colours.")]

CUSTOM = "custom"
"""Provider for `--base-url` without `--provider`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartOptions:
    """What the command line asks for; None and empty where it says nothing.

    `system` is the text itself. `resume` is an id or its beginning. `options` are JSON values.
    """

    provider: str | None = None
    model: str | None = None
    base_url: str | None = None
    system: str | None = None
    continue_last: bool = False
    resume: str | None = None
    options: Mapping[str, object] = field(default_factory=dict[str, object])
    save: bool = True
    theme: str | None = None

    def over(self, other: StartOptions) -> StartOptions:
        """`other`, with what is given here in its place."""
        default = StartOptions()
        given = {
            name: getattr(self, name)
            for name in (item.name for item in dataclasses.fields(self))
            if getattr(self, name) != getattr(default, name)
        }
        return dataclasses.replace(other, **given)

    def overrides(self, known: Collection[str]) -> dict[SettingPath, object]:
        """The settings that these options cover, for `load_settings`.

        `known` are the names of providers: where no provider is given, a model of the form P/M names one only
        if P is among them, since many model ids hold a slash.
        """
        provider, model = self.provider, self.model
        if self.base_url is not None:
            provider = provider or CUSTOM
        elif provider is None and model is not None:
            before, slash, after = model.partition("/")
            if slash and before in known:
                provider, model = before, after
        values: dict[SettingPath, object | None] = {
            ("provider",): provider,
            ("model",): model,
            ("system",): self.system,
            ("interface", "theme"): self.theme,
            ("save",): None if self.save else False,
        }
        if self.base_url is not None:
            values["providers", provider or CUSTOM, "base_url"] = self.base_url
        return {path: value for path, value in values.items() if value is not None}


def start_options(
    *,
    provider: str | None = None,
    model: str | None = None,
    base_url: str | None = None,
    system: str | None = None,
    continue_last: bool = False,
    resume: str | None = None,
    parameters: Sequence[str] | None = None,
    no_save: bool = False,
    theme: str | None = None,
) -> StartOptions:
    """The options as typed, read and checked; raises typer's BadParameter."""
    if continue_last and resume is not None:
        raise typer.BadParameter("--continue and --resume exclude each other; give one of them.")
    return StartOptions(
        provider=provider,
        model=model,
        base_url=base_url,
        system=_system_text(system),
        continue_last=continue_last,
        resume=resume,
        options=dict(_parameter(text) for text in parameters or ()),
        save=not no_save,
        theme=theme,
    )


def _parameter(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise typer.BadParameter(f"-o {text!r} is not of the form NAME=VALUE, such as temperature=0.2.")
    try:
        return name.strip(), json.loads(value, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return name.strip(), value


def _refuse(constant: str) -> object:
    """NaN and the like are no JSON: they stay text."""
    raise ValueError(constant)


def _system_text(system: str | None) -> str | None:
    if system is None or not system.startswith("@"):
        return system
    from chatterm.config.files import read_text

    try:
        text = read_text(Path(system[1:]).expanduser())
    except ConfigError as error:
        raise typer.BadParameter(f"--system: {error}") from None
    if text is None:
        raise typer.BadParameter(f"--system: there is no file {system[1:]!r}.")
    return text.strip()
