"""`chatterm models`: what there is, and fetching and deleting what a local server keeps."""

from __future__ import annotations

from typing import Annotated

import typer

from chatterm.cli.options import BaseUrlOption, ProviderOption, start_options
from chatterm.cli.start_options import StartOptions

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the model.")]


def build_app() -> typer.Typer:
    """`chatterm models` itself, and the commands below it."""
    app = typer.Typer(rich_markup_mode=None)
    app.callback(invoke_without_command=True)(models)
    app.command()(pull)
    app.command()(rm)
    return app


def models(
    context: typer.Context,
    *,
    provider: ProviderOption = None,
    base_url: BaseUrlOption = None,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Only what is answered now, no kept list.", show_default=False)
    ] = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="Only what is known already.", show_default=False)
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.", show_default=False)] = False,
) -> None:
    """List the models of all configured providers, or of one.

    Prices are US dollars for a million tokens in and out."""
    if refresh and offline:
        raise typer.BadParameter("--refresh and --offline exclude each other; give one of them.")
    options = _over(context, start_options(provider=provider, base_url=base_url))
    context.obj = options
    if context.invoked_subcommand is None:
        from chatterm.cli.model_table import print_models

        raise typer.Exit(print_models(options, as_json=as_json, offline=offline, refresh=refresh))


def pull(
    context: typer.Context,
    name: NameArgument,
    *,
    provider: ProviderOption = None,
    base_url: BaseUrlOption = None,
) -> None:
    """Fetch a model into Ollama.

    What was fetched stays when it is stopped; pulling again goes on from there."""
    from chatterm.cli.local_models import pull_model

    options = _over(context, start_options(provider=provider, base_url=base_url))
    raise typer.Exit(pull_model(options, name))


def rm(
    context: typer.Context,
    name: NameArgument,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.", show_default=False)] = False,
    provider: ProviderOption = None,
    base_url: BaseUrlOption = None,
) -> None:
    """Delete a model from Ollama. It asks first."""
    from chatterm.cli.local_models import remove_model

    options = _over(context, start_options(provider=provider, base_url=base_url))
    raise typer.Exit(remove_model(options, name, is_sure=yes))


def _over(context: typer.Context, options: StartOptions) -> StartOptions:
    return options.over(context.obj if isinstance(context.obj, StartOptions) else StartOptions())
