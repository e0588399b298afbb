"""`chatterm models` and its options."""

from __future__ import annotations

from typing import Annotated

import typer

from chatterm.cli.options import BaseUrlOption, ProviderOption, start_options
from chatterm.cli.start_options import StartOptions


def models(
    context: typer.Context,
    *,
    provider: ProviderOption = None,
    base_url: BaseUrlOption = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Only what is known already.", show_default=False)
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.", show_default=False)] = False,
) -> None:
    """List the models of all configured providers, or of one."""
    options = start_options(provider=provider, base_url=base_url)
    from chatterm.cli.model_table import print_models

    before = context.obj if isinstance(context.obj, StartOptions) else StartOptions()
    raise typer.Exit(print_models(options.over(before), as_json=as_json, offline=offline))
