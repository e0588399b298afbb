"""The built-in tools by name, each made, and its module imported, when it is first needed."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from chatterm.backend.tools.base import Tool
from chatterm.backend.tools.programs.processes import Processes, environment
from chatterm.config.model import ToolSettings
from chatterm.config.paths import Paths

if TYPE_CHECKING:
    from chatterm.backend.tools.builtin.fetch_url import Fetcher
    from chatterm.backend.tools.files.rooted import Root
    from chatterm.backend.tools.files.undo_copies import UndoCopies


class Surroundings:
    """What built-in tools work in: the folder they are kept in, and all that is theirs together.

    `new_fetcher` makes the way to the web. Properties raise `ToolError` where there is no such thing here.
    """

    def __init__(
        self,
        settings: ToolSettings,
        paths: Paths,
        environ: Mapping[str, str],
        processes: Processes,
        new_fetcher: Callable[[], Fetcher],
    ) -> None:
        self.settings, self.paths, self.environ = settings, paths, environ
        self.processes, self.new_fetcher = processes, new_fetcher

    @cached_property
    def folder(self) -> Path:
        """The folder that files and commands are kept in, absolute."""
        return Path(os.path.abspath(os.path.expanduser(self.settings.root or "")))

    @cached_property
    def root(self) -> Root:
        """The same as a place that nothing leads out of."""
        from chatterm.backend.tools.files.denied_paths import denied_paths
        from chatterm.backend.tools.files.rooted import Root

        return Root(self.folder, denied_paths(self.paths, self.environ))

    @cached_property
    def undo_copies(self) -> UndoCopies:
        """What files were before a tool changed them."""
        from chatterm.backend.tools.files.undo_copies import UndoCopies

        return UndoCopies(self.paths.state / "undo")


def builtin_tools(around: Surroundings) -> Mapping[str, Callable[[], Tool]]:
    """What makes each built-in tool, in the order they are listed."""

    def read_file() -> Tool:
        from chatterm.backend.tools.builtin.read_file import ReadFile

        return ReadFile(around.root)

    def list_dir() -> Tool:
        from chatterm.backend.tools.builtin.list_dir import ListDir

        return ListDir(around.root)

    def search_files() -> Tool:
        from chatterm.backend.tools.builtin.search_files import SearchFiles

        return SearchFiles(around.root)

    def write_file() -> Tool:
        from chatterm.backend.tools.builtin.write_file import WriteFile

        return WriteFile(around.root, around.undo_copies)

    def edit_file() -> Tool:
        from chatterm.backend.tools.builtin.edit_file import EditFile

        return EditFile(around.root, around.undo_copies)

    def run_command() -> Tool:
        return _run_command(around)

    def fetch_url() -> Tool:
        from chatterm.backend.tools.builtin.fetch_url import FetchUrl

        return FetchUrl(around.new_fetcher())

    def current_time() -> Tool:
        from chatterm.backend.tools.builtin.current_time import CurrentTime

        return CurrentTime()

    def calculator() -> Tool:
        from chatterm.backend.tools.builtin.calculator import Calculator

        return Calculator()

    makers = (read_file, list_dir, search_files, write_file, edit_file, run_command, fetch_url)
    return {make.__name__: make for make in (*makers, current_time, calculator)}


def _run_command(around: Surroundings) -> Tool:
    from chatterm.backend.tools.builtin.run_command import RunCommand
    from chatterm.backend.tools.programs.sandbox import Layout, Sandbox

    settings, child = around.settings, environment(around.environ)
    layout = Layout(
        root=around.folder,
        home=Path(around.environ.get("HOME") or os.path.expanduser("~")),
        hidden=around.root.denied.places,
        path=child["PATH"],
    )
    return RunCommand(
        root=around.root,
        processes=around.processes,
        sandbox=Sandbox(layout, around.processes, settings.sandbox),
        environment=child,
        limit_seconds=settings.timeouts.get("run_command", settings.timeout_seconds),
    )
