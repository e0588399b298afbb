"""The options that `chatterm` and `chatterm ask` share, as typed on the command line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from chatterm.cli.start_options import StartOptions
from chatterm.core.errors import ConfigError

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
NoToolsOption = Annotated[
    bool, typer.Option("--no-tools", help="Let the model call no tools.", show_default=False)
]
NoSaveOption = Annotated[bool, typer.Option("--no-save", help="Store nothing.", show_default=False)]
ThemeOption = Annotated[str | None, typer.Option("--theme", metavar="T", help="Colours.")]

RecordOption = Annotated[
    Path | None,
    typer.Option("--record", metavar="FILE", help="Write every request and reply to FILE, without keys."),
]
ReplayOption = Annotated[
    Path | None,
    typer.Option("--replay", metavar="FILE", help="Play a recording instead of asking anybody."),
]
SpeedOption = Annotated[
    float | None,
    typer.Option("--speed", metavar="N", help="Play N times as fast; 0 shows replies at once."),
]
SaveOption = Annotated[
    bool, typer.Option("--save", help="Keep what is played in the history.", show_default=False)
]
CacheOption = Annotated[
    bool,
    typer.Option("--cache", help="Answer what was asked before as it was then.", show_default=False),
]


def start_options(
    *,
    provider: str | None = None,
    model: str | None = None,
    base_url: str | None = None,
    system: str | None = None,
    continue_last: bool = False,
    resume: str | None = None,
    parameters: Sequence[str] | None = None,
    no_tools: bool = False,
    no_save: bool = False,
    theme: str | None = None,
    record: Path | None = None,
    replay: Path | None = None,
    speed: float | None = None,
    save: bool = False,
    cache: bool = False,
    **_others: object,
) -> StartOptions:
    """The options as typed, read and checked; raises typer's BadParameter."""
    if replay is None and (speed is not None or save):
        raise typer.BadParameter(
            "--speed and --save say how to play a recording; name it with --replay FILE."
        )
    if replay is not None and (provider or model or base_url or resume or continue_last):
        raise typer.BadParameter("--replay begins a conversation with whom was recorded; name nobody else.")
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
        tools=not no_tools,
        save=not no_save,
        theme=theme,
        record=record,
        replay=replay,
        speed=_speed(speed),
        save_replayed=save,
        cache=cache,
    )


def _speed(speed: float | None) -> float:
    """How many times as fast; 0 for at once."""
    if speed is None:
        return 1.0
    if not speed >= 0:
        raise typer.BadParameter(f"--speed {speed} is no speed; 2 plays twice as fast, 0 at once.")
    return 0.0 if math.isinf(speed) else speed


def _parameter(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise typer.BadParameter(f"-o {text!r} is not of the form NAME=VALUE, such as temperature=0.2.")
    from chatterm.backend.parameters import typed_value

    return name.strip(), typed_value(value)


def _system_text(system: str | None) -> str | None:
    text = typed_text("--system", system)
    return text.strip() if text is not None and text is not system else text


def typed_text(option: str, typed: str | None) -> str | None:
    """What was typed behind the option, or what is in the file that `@FILE` names; raises typer's BadParameter."""
    if typed is None or not typed.startswith("@"):
        return typed
    from chatterm.config.files import read_text

    try:
        text = read_text(Path(typed[1:]).expanduser())
    except ConfigError as error:
        raise typer.BadParameter(f"{option}: {error}") from None
    if text is None:
        raise typer.BadParameter(f"{option}: there is no file {typed[1:]!r}.")
    return text
