"""What each configured provider offers, as a table or as JSON."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict

from chatterm.backend.models import ModelList
from chatterm.cli.border import tell
from chatterm.cli.start_options import StartOptions
from chatterm.cli.start_settings import read_settings
from chatterm.cli.statuses import ExitStatus
from chatterm.cli.wiring import Engine, build_engine
from chatterm.core.clean import clean_line


def print_models(options: StartOptions, *, as_json: bool, offline: bool) -> int:
    """Print the models, one to a line; what could not be asked goes to stderr. Returns the exit status."""
    paths, loaded = read_settings(options)
    engine = build_engine(paths, loaded)
    try:
        return asyncio.run(_list(engine, options.provider, as_json=as_json, offline=offline))
    finally:
        engine.database.close(within_seconds=0.5)


async def _list(engine: Engine, provider: str | None, *, as_json: bool, offline: bool) -> int:
    await engine.prepare()
    if provider is not None:
        engine.targets.service(provider)
    providers = (provider,) if provider else engine.targets.configured()
    ask = engine.models.cached if offline else engine.models.fetch
    lists = await asyncio.gather(*(ask(name) for name in providers))
    await engine.aclose()
    for known in lists:
        if known.error is not None:
            tell(f"{known.provider}: {clean_line(str(known.error), 500)}", "")
    if as_json:
        found = [asdict(model) for known in lists for model in known.models]
        # All in ASCII: escaped, what a server calls its models moves no cursor.
        print(json.dumps(found, indent=2))
    else:
        _print_table(lists)
    return ExitStatus.PROVIDER if provider and lists[0].error is not None else ExitStatus.COMPLETE


def _print_table(lists: list[ModelList]) -> None:
    for known in lists:
        for model in known.models:
            context = f"{model.context_tokens:,} tokens" if model.context_tokens is not None else ""
            size = f"{model.size_bytes / 1e9:.1f} GB" if model.size_bytes is not None else ""
            loaded = "loaded" if model.loaded else ""
            notes = " · ".join(note for note in (context, size, loaded) if note)
            line = f"{known.provider}/{clean_line(model.id)}"
            print(f"{line:<50} {notes}".rstrip())
