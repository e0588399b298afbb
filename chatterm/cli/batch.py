"""`chatterm batch` and its options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chatterm.cli.options import BaseUrlOption, ModelOption, ProviderOption, SystemOption, start_options
from chatterm.cli.start_options import StartOptions

MOST_AT_A_TIME = 256

FileArgument = Annotated[
    str, typer.Argument(metavar="FILE.jsonl", help="The prompts, one JSON value a line; - is stdin.")
]
OutputOption = Annotated[
    str, typer.Option("--output", "-o", metavar="OUT.jsonl", help="Where the replies go; - is stdout.")
]
JobsOption = Annotated[
    int, typer.Option("--jobs", "-j", metavar="N", min=1, max=MOST_AT_A_TIME, help="So many lines at a time.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="K=V", help="Request parameter for all lines; can be repeated."),
]
CheapOption = Annotated[
    bool,
    typer.Option(
        "--cheap", help="Have the provider do it within a day, at half the price.", show_default=False
    ),
]
CancelOption = Annotated[
    bool, typer.Option("--cancel", help="With --cheap: call off what is under way.", show_default=False)
]
InOrderOption = Annotated[
    bool, typer.Option("--in-order", help="Replies in the order of the prompts.", show_default=False)
]
SkipBadOption = Annotated[
    bool, typer.Option("--skip-bad", help="Leave out lines that cannot be asked.", show_default=False)
]
MaxCostOption = Annotated[
    float | None, typer.Option("--max-cost", metavar="D", help="Begin no line once D dollars are spent.")
]
KeepOption = Annotated[
    bool, typer.Option("--save", help="Keep each line as a conversation.", show_default=False)
]


def batch(
    context: typer.Context,
    file: FileArgument,
    *,
    output: OutputOption = "-",
    jobs: JobsOption = 8,
    provider: ProviderOption = None,
    model: ModelOption = None,
    base_url: BaseUrlOption = None,
    system: SystemOption = None,
    parameters: SetOption = None,
    cheap: CheapOption = False,
    cancel: CancelOption = False,
    in_order: InOrderOption = False,
    skip_bad: SkipBadOption = False,
    max_cost: MaxCostOption = None,
    save: KeepOption = False,
) -> None:
    """Ask many prompts from a file and write the replies to another.

    Run again, it goes on where it was: nothing is asked twice, nothing is lost."""
    before = context.obj if isinstance(context.obj, StartOptions) else StartOptions()
    if fault := _fault(before, output, max_cost, cheap=cheap, cancel=cancel, save=save):
        raise typer.BadParameter(fault)
    options = start_options(
        provider=provider, model=model, base_url=base_url, system=system, parameters=parameters
    )
    from chatterm.cli.batch_run import BatchOrder, run_batch

    order = BatchOrder(
        source=None if file == "-" else Path(file),
        output=None if output == "-" else Path(output),
        at_a_time=jobs,
        cheap=cheap,
        cancel=cancel,
        in_order=in_order,
        skip_bad=skip_bad,
        max_dollars=max_cost,
        keep=save,
    )
    raise typer.Exit(run_batch(order, options.over(before)))


def _fault(
    before: StartOptions, output: str, max_cost: float | None, *, cheap: bool, cancel: bool, save: bool
) -> str:
    """What of the command line cannot be; "" where all can."""
    if cancel and not cheap:
        return "--cancel ends what --cheap began; give both."
    if cheap and output == "-":
        return "--cheap takes hours and remembers beside its output; name one with -o OUT.jsonl."
    if cheap and (save or max_cost is not None):
        return "--save and --max-cost hold for lines that are asked one by one, without --cheap."
    if max_cost is not None and not 0 < max_cost < float("inf"):
        return f"--max-cost {max_cost:g} is no amount; --max-cost 2.5 is two dollars and a half."
    if before.replay or before.record or before.resume or before.continue_last:
        return "chatterm batch takes no recording and goes on with no conversation."
    return ""
