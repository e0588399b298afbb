"""`chatterm bench` and its options."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chatterm.cli.options import (
    BaseUrlOption,
    ModelOption,
    NoSaveOption,
    ParameterOption,
    ProviderOption,
    SystemOption,
    start_options,
    typed_text,
)
from chatterm.cli.start_options import StartOptions
from chatterm.core.clean import clean_line
from chatterm.core.errors import ConfigError

if TYPE_CHECKING:
    from chatterm.backend.load_test.goals import Goal
    from chatterm.backend.load_test.plan import LoadPlan

USUAL_REQUESTS, USUAL_PROMPT_TOKENS, USUAL_SEED = 100, 100, 1
MOST_AT_ONCE = 1000
MOST_PROMPT_TOKENS = 1_000_000

ConcurrencyOption = Annotated[
    int,
    typer.Option(
        "--concurrency", "-c", metavar="N", min=1, max=MOST_AT_ONCE, help="Requests at a time, of each model."
    ),
]
RequestsOption = Annotated[
    int | None,
    typer.Option(
        "--requests", "-n", metavar="N", min=1, help="Requests to each model; 100 without --duration."
    ),
]
DurationOption = Annotated[
    float | None, typer.Option("--duration", metavar="S", help="Begin requests for S seconds.")
]
AlsoOption = Annotated[
    list[str] | None,
    typer.Option("--also", metavar="P/M", help="Another model, asked side by side; can be repeated."),
]
AgainstOption = Annotated[
    Path | None, typer.Option("--against", metavar="OLD.json", help="Compare with a saved result.")
]
WarmupOption = Annotated[
    int, typer.Option("--warmup", metavar="N", min=0, help="Requests before, one at a time.")
]
PromptOption = Annotated[
    str | None, typer.Option("--prompt", metavar="TEXT|@FILE", help="What is asked each time.")
]
PromptTokensOption = Annotated[
    int | None,
    typer.Option(
        "--prompt-tokens",
        metavar="N",
        min=1,
        max=MOST_PROMPT_TOKENS,
        help="Ask other words each time, about N tokens; 100 without --prompt.",
    ),
]
MaxTokensOption = Annotated[int, typer.Option("--max-tokens", metavar="N", min=1, help="Longest reply.")]
SeedOption = Annotated[
    int | None,
    typer.Option("--seed", metavar="N", help="For the words; where given it is sent to the model too."),
]
RetriesOption = Annotated[
    int, typer.Option("--retries", metavar="N", min=0, max=100, help="Ask again after a failure.")
]
MaxCostOption = Annotated[
    float | None, typer.Option("--max-cost", metavar="D", help="Spend at most D dollars.")
]
TargetOption = Annotated[
    list[str] | None,
    typer.Option("--target", metavar="F=V", help="Exit with 1 if missed: ttft_p95=1.5; can be repeated."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.", show_default=False)]
OutOption = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Save the result as FILE.")]


def bench(
    context: typer.Context,
    *,
    concurrency: ConcurrencyOption = 25,
    requests: RequestsOption = None,
    duration: DurationOption = None,
    also: AlsoOption = None,
    against: AgainstOption = None,
    warmup: WarmupOption = 1,
    prompt: PromptOption = None,
    prompt_tokens: PromptTokensOption = None,
    max_tokens: MaxTokensOption = 128,
    seed: SeedOption = None,
    retries: RetriesOption = 0,
    max_cost: MaxCostOption = None,
    target: TargetOption = None,
    as_json: JsonOption = False,
    out: OutOption = None,
    provider: ProviderOption = None,
    model: ModelOption = None,
    base_url: BaseUrlOption = None,
    system: SystemOption = None,
    parameters: ParameterOption = None,
    no_save: NoSaveOption = False,
) -> None:
    """Measure how fast models answer under load.

    The result is a table on standard output, and is saved as JSON."""
    before = context.obj if isinstance(context.obj, StartOptions) else StartOptions()
    options = start_options(**context.params).over(before)
    goals = _goals(target or [])
    if out is not None and not out.expanduser().parent.is_dir():
        raise typer.BadParameter(f"--out: there is no folder {clean_line(str(out.parent))!r}.")
    plan = _plan(options, **context.params)
    from chatterm.cli.bench_run import BenchRequest, run_bench

    request = BenchRequest(
        plan=plan, also=tuple(also or ()), against=_own(against), goals=goals, out=_own(out), as_json=as_json
    )
    raise typer.Exit(run_bench(request, options))


def _plan(
    options: StartOptions,
    *,
    concurrency: int,
    requests: int | None,
    duration: float | None,
    warmup: int,
    prompt: str | None,
    prompt_tokens: int | None,
    max_tokens: int,
    seed: int | None,
    retries: int,
    max_cost: float | None,
    **_others: object,
) -> LoadPlan:
    if prompt is not None and prompt_tokens is not None:
        raise typer.BadParameter("--prompt and --prompt-tokens exclude each other; give one of them.")
    for name, value in (("--duration", duration), ("--max-cost", max_cost)):
        if value is not None and not 0 < value < float("inf"):
            raise typer.BadParameter(f"{name} {value:g} is not a number above 0.")
    from chatterm.backend.load_test.plan import LoadPlan

    sent: dict[str, object] = {"max_tokens": max_tokens}
    if seed is not None:
        sent["seed"] = seed
    return LoadPlan(
        concurrency=concurrency,
        requests=USUAL_REQUESTS if requests is None and duration is None else requests,
        duration_seconds=duration,
        warmup=warmup,
        prompt=_prompt_text(prompt),
        prompt_tokens=prompt_tokens or USUAL_PROMPT_TOKENS,
        system=options.system,
        options={**sent, **options.options},
        seed=USUAL_SEED if seed is None else seed,
        retries=retries,
        max_cost_dollars=max_cost,
    )


def _goals(texts: list[str]) -> tuple[Goal, ...]:
    from chatterm.backend.load_test.goals import read_goal

    try:
        return tuple(read_goal(text) for text in texts)
    except ConfigError as error:
        raise typer.BadParameter(str(error)) from None


def _prompt_text(typed: str | None) -> str | None:
    text = typed_text("--prompt", typed)
    if text is not None and not text.strip():
        raise typer.BadParameter("--prompt is empty.")
    return text


def _own(path: Path | None) -> Path | None:
    """The path, `~` being the folder of the user."""
    return path.expanduser() if path is not None else None
