"""Every dependency has its reason, its owner and its use, and nothing else is imported."""

from __future__ import annotations

import re
import sys
import tomllib
from importlib.metadata import packages_distributions

from tests.architecture.sources import ROOT, imported, sources

TEXT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
PROJECT = tomllib.loads(TEXT)["project"]

OWNERS = {
    "textual": ("chatterm/tui/",),
    "rich": ("chatterm/tui/",),
    "pygments": ("chatterm/tui/transcript/",),
    "markdown_it": ("chatterm/tui/transcript/",),
    "mdit_py_plugins": ("chatterm/tui/transcript/",),
    "pylatexenc": ("chatterm/tui/transcript/",),
    "httpx": ("chatterm/backend/net/",),
    "httpcore": ("chatterm/backend/net/",),
    "idna": ("chatterm/backend/net/",),
    "typer": ("chatterm/cli/",),
    "platformdirs": ("chatterm/config/",),
    "tomli_w": ("chatterm/config/",),
    "plotille": ("chatterm/tui/statistics_text.py",),
    "msgspec": ("chatterm/config/", "chatterm/backend/", "chatterm/store/", "chatterm/cli/"),
}
"""Who may import what is not of the standard library."""

OF_EXTRAS = {
    **{package: ("chatterm/backend/tools/mcp/",) for package in ("mcp", "mcp_types", "httpx2", "anyio")},
    "opentelemetry": ("chatterm/backend/reporting/telemetry_writer.py",),
}
"""The same for what an extra brings; imported on use only."""

IMPORTED_AS = {"markdown-it-py": "markdown_it"}
"""Requirements that are not imported by their own name."""

BENEATH = {"sniffio": "imported by httpcore where it is there"}
"""Run-time requirements that another package imports, and none of ours."""

TOOLS = {
    "pytest-asyncio": "asyncio_mode in pyproject.toml",
    "pytest-xdist": "-n in pyproject.toml",
    "pytest-textual-snapshot": "its fixture snap_compare, for pictures of the screen",
    "html-to-markdown": "imported by name in the child process of page_text",
    "pytest-timeout": "timeout in pyproject.toml",
    "ruff": "run by test_checks",
    "basedpyright": "run by test_checks",
    "import-linter": "run by test_layers",
    "build": "run by test_wheel",
    "hatchling": "run by build",
}
"""What the tests use without importing it."""


def name_of(requirement: str) -> str:
    """The name in a requirement, as written."""
    return re.split(r"[<>=!~\[; ]", requirement, maxsplit=1)[0]


def strangers(folder: str) -> list[tuple[str, str]]:
    """(module, imported package) for all that is neither of the standard library nor ours."""
    return [
        (source.name, package)
        for source in sources(folder)
        for package in sorted({name.split(".")[0] for _, name in imported(source.tree)})
        if package not in sys.stdlib_module_names and package not in ("chatterm", "tests")
    ]


def test_every_requirement_has_a_reason_above_it() -> None:
    """In pyproject.toml a comment stands above each; pytest itself needs none."""
    lines = [line.strip() for line in TEXT.splitlines()]
    plain = {"pytest", "pytest-asyncio", "ruff"}
    for group in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()):
        for requirement in group:
            at = max(number for number, line in enumerate(lines) if f'"{requirement}"' in line)
            assert name_of(requirement) in plain or lines[at - 1].startswith("# "), requirement


def test_run_time_imports_are_declared_and_used_by_their_owners() -> None:
    found = strangers("chatterm")
    names = [name for each in PROJECT["dependencies"] if (name := name_of(each)) not in BENEATH]
    assert {IMPORTED_AS.get(name, name.replace("-", "_")) for name in names} == set(OWNERS)
    owners = OWNERS | OF_EXTRAS
    assert {package for _, package in found} == set(owners)
    assert [(name, package) for name, package in found if not name.startswith(owners[package])] == []


def test_the_tests_declare_what_they_use() -> None:
    installed = packages_distributions()
    extra = {name_of(each) for each in PROJECT["optional-dependencies"]["test"]}
    needed = extra | {name_of(each) for each in PROJECT["dependencies"]}
    used: set[str] = set()
    for name, package in strangers("tests"):
        owners = {owner.lower().replace("_", "-") for owner in installed.get(package, [package])}
        used |= owners
        assert owners & needed, f"{name} imports {package}, which no dependency brings"
    assert extra - used - set(TOOLS) == set()
    assert set(TOOLS) - extra == set()
