"""The tools of a program: what of the user's code is loaded, and from where."""

from __future__ import annotations

import time
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from chatterm.backend.endpoint_states import EndpointStates
from chatterm.cli.tool_wiring import ToolService, build_tools
from chatterm.config.load import Loaded
from chatterm.config.model import Settings, ToolSettings
from chatterm.config.paths import Paths


class NoState:
    """A store of values that remembers nothing."""

    async def get(self, key: str, default: object = None) -> object:
        return default

    async def put(self, key: str, value: object) -> None:
        return None


def tools_of(home: Path, settings: ToolSettings | None = None, *, save: bool = True) -> ToolService:
    paths = Paths(settings=home / "settings", data=home / "data", state=home / "state")
    paths.settings.mkdir(exist_ok=True)
    loaded = Loaded(
        settings=Settings(tools=settings or ToolSettings(), save=save),
        problems=(),
        path=paths.settings_file,
        sources={},
        refused={},
    )
    return build_tools(paths, loaded, {}, NoState(), EndpointStates(time.monotonic))  # pyright: ignore[reportArgumentType]  # a double


async def test_files_with_tools_are_looked_for_beside_the_settings_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / "mine.py").write_text("open('run', 'w')\ndef planted(): pass", encoding="utf-8")
    monkeypatch.chdir(work)
    service = tools_of(tmp_path, ToolSettings(modules=("mine.py",), root=str(work)))
    assert await service.registry.enabled() == {}
    (problem,) = await service.registry.problems()
    assert "there is no file" in problem and not (work / "run").exists()
    (tmp_path / "settings" / "mine.py").write_text("def own(): pass", encoding="utf-8")
    service = tools_of(tmp_path, ToolSettings(modules=("mine.py",), root=str(work)))
    assert set(await service.registry.enabled()) == {"own"}


async def test_what_packages_bring_is_off_until_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "theirs_for_wiring.py").write_text("def f(): pass\ndef g(): pass", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    points = EntryPoints([EntryPoint("theirs", "theirs_for_wiring", "chatterm.tools")])
    monkeypatch.setattr(
        "chatterm.backend.tools.functions.files.entry_points", lambda group: points.select(group=group)
    )
    assert set(await tools_of(tmp_path, ToolSettings(enabled=("g",))).registry.enabled()) == {"g"}
