"""`chatterm ask` and its options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chatterm.cli.options import (
    BaseUrlOption,
    CacheOption,
    ContinueOption,
    ModelOption,
    NoSaveOption,
    NoToolsOption,
    ParameterOption,
    ProviderOption,
    RecordOption,
    ReplayOption,
    ResumeOption,
    SaveOption,
    SpeedOption,
    SystemOption,
    start_options,
)
from chatterm.cli.start_options import OutputForm, StartOptions


def ask(
    context: typer.Context,
    prompt: Annotated[list[str] | None, typer.Argument(help="The prompt; words are joined.")] = None,
    *,
    attach: Annotated[
        list[Path] | None,
        typer.Option("--attach", "-a", metavar="FILE", help="Attach a file; can be repeated."),
    ] = None,
    provider: ProviderOption = None,
    model: ModelOption = None,
    base_url: BaseUrlOption = None,
    system: SystemOption = None,
    continue_last: ContinueOption = False,
    resume: ResumeOption = None,
    parameters: ParameterOption = None,
    no_tools: NoToolsOption = False,
    no_save: NoSaveOption = False,
    record: RecordOption = None,
    replay: ReplayOption = None,
    speed: SpeedOption = None,
    save: SaveOption = False,
    cache: CacheOption = False,
    output: Annotated[
        OutputForm,
        typer.Option("--output", help="The reply alone, one object at the end, or a line for each event."),
    ] = OutputForm.TEXT,
    only_code: Annotated[
        bool, typer.Option("-x", help="Print only the code of the reply.", show_default=False)
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the request as a curl command and send nothing.")
    ] = False,
) -> None:
    """Send one prompt and print the reply as it comes.

    What is piped in is added to the prompt. Standard output is the reply and nothing else."""
    options = start_options(**context.params)
    if output is not OutputForm.TEXT and (only_code or dry_run):
        raise typer.BadParameter(f"--output {output} takes neither -x nor --dry-run; leave one out.")
    from chatterm.cli.one_shot import ask_once
    from chatterm.cli.outputs import output_for

    before = context.obj if isinstance(context.obj, StartOptions) else StartOptions()
    form = output_for(output, only_code=only_code)
    raise typer.Exit(ask_once(prompt or [], attach or [], options.over(before), form, dry_run=dry_run))
