"""`chatterm batch` and its options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chatterm.cli.options import BaseUrlOption, ModelOption, ProviderOption, SystemOption, start_options
from chatterm.cli.start_options import StartOptions

MOST_AT_A_TIME = 256


def batch(
    context: typer.Context,
    file: Annotated[
        str, typer.Argument(metavar="FILE.jsonl", help="The prompts, one JSON value a line; - is stdin.")
    ],
    *,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="OUT.jsonl", help="Where the replies go; - is stdout.")
    ] = "-",
    jobs: Annotated[
        int,
        typer.Option("--jobs", "-j", metavar="N", min=1, max=MOST_AT_A_TIME, help="So many lines at a time."),
    ] = 8,
    provider: ProviderOption = None,
    model: ModelOption = None,
    base_url: BaseUrlOption = None,
    system: SystemOption = None,
    parameters: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="K=V", help="Request parameter for all lines; can be repeated."),
    ] = None,
    cheap: Annotated[
        bool,
        typer.Option(
            "--cheap", help="Have the provider do it within a day, at half the price.", show_default=False
        ),
    ] = False,
    cancel: Annotated[
        bool,
        typer.Option("--cancel", help="With --cheap: end what the provider has at hand.", show_default=False),
    ] = False,
    in_order: Annotated[
        bool, typer.Option("--in-order", help="Replies in the order of the prompts.", show_default=False)
    ] = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out lines that cannot be asked.", show_default=False)
    ] = False,
    max_cost: Annotated[
        float | None,
        typer.Option("--max-cost", metavar="D", help="Begin no line that goes beyond D dollars."),
    ] = None,
    save: Annotated[
        bool, typer.Option("--save", help="Keep each line as a conversation.", show_default=False)
    ] = False,
) -> None:
    """Ask many prompts from a file and write the replies to another.

    Run again, it goes on where it was: nothing is asked twice, nothing is lost."""
    if cancel and not cheap:
        raise typer.BadParameter("--cancel ends what --cheap began; give both.")
    if cheap and output == "-":
        raise typer.BadParameter(
            "--cheap takes hours and remembers beside its output; name one with -o OUT.jsonl."
        )
    if cheap and (save or max_cost is not None):
        raise typer.BadParameter(
            "--save and --max-cost hold for lines that are asked one by one, without --cheap."
        )
    if max_cost is not None and not 0 < max_cost < float("inf"):
        raise typer.BadParameter(
            f"--max-cost {max_cost:g} is no amount; --max-cost 2.5 is two dollars and a half."
        )
    before = context.obj if isinstance(context.obj, StartOptions) else StartOptions()
    if before.replay or before.record or before.resume or before.continue_last:
        raise typer.BadParameter("chatterm batch takes no recording and goes on with no conversation.")
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
