"""Imports point right: the contracts of pyproject.toml hold, and each of them bites."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT, imported, sources

CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
    "contracts"
]

CORE_MAY_IMPORT = {
    *("__future__", "collections", "dataclasses", "enum", "itertools", "re", "typing", "unicodedata"),
    "secrets",  # ids: chance, but no clock, no file and no network
}
PROVIDERS_MAY_NOT_IMPORT = {
    *("asyncio", "concurrent", "http", "io", "os", "pathlib", "select", "socket", "ssl", "subprocess"),
    *("tempfile", "threading", "time", "urllib"),
}


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the linter on the package chatterm in `folder`, by the contracts of the pyproject.toml there."""
    return subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command as run; run()",
            "--no-cache",
        ],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package and of the contracts, to be spoilt."""
    folder = tmp_path_factory.mktemp("spoilt")
    shutil.copytree(ROOT / "chatterm", folder / "chatterm", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


@pytest.mark.checks
def test_the_contracts_hold() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Contracts: {len(CONTRACTS)} kept, 0 broken." in done.stdout


SPOILT = {
    "chatterm/core/ids.py": ("chatterm.config.model", "Layers point right"),
    "chatterm/store/rows.py": ("chatterm.config.paths", "Layers point right"),
    "chatterm/backend/context.py": ("chatterm.tui.commands", "Layers point right"),
    "chatterm/backend/recorder.py": ("chatterm.backend.worker", "Inside backend"),
    "chatterm/backend/providers/catalog.py": ("chatterm.backend.net.framing", "Inside backend"),
    "chatterm/backend/stray.py": ("chatterm.core.ids", "Inside backend"),
    "chatterm/stray.py": ("chatterm.core.ids", "Layers point right"),
    "chatterm/backend/export.py": ("httpx", "Only net knows the HTTP client"),
    "chatterm/backend/worker.py": ("mcp", "Only tools knows the MCP library"),
    "chatterm/backend/reporting/telemetry.py": ("opentelemetry", "Only telemetry knows OpenTelemetry"),
    "chatterm/tui/front.py": ("chatterm.backend.net.client", "Only wiring knows net"),
    "chatterm/cli/ask.py": ("textual", "Only tui knows Textual"),
    "chatterm/cli/models.py": ("sqlite3", "Only store knows SQL"),
    "chatterm/tui/commands.py": ("typer", "Only cli knows typer"),
}
"""A module, what it wrongly imports, and the contract that must notice."""


@pytest.mark.checks
def test_every_contract_bites(copied: Path) -> None:
    for name, (module, _) in SPOILT.items():
        with (copied / name).open("a", encoding="utf-8") as file:
            file.write(f"\nimport {module}\n")
    report = lint_imports(copied)
    broken = {
        name for name in (contract["name"] for contract in CONTRACTS) if f"{name} BROKEN" in report.stdout
    }
    assert report.returncode == 1
    assert broken == {contract["name"] for contract in CONTRACTS}, report.stdout + report.stderr
    details = report.stdout.split("Broken contracts", 1)[1]
    for name, (module, contract) in SPOILT.items():
        importer = name.removesuffix(".py").replace("/", ".")
        told = details.split(f"\n{contract}", 1)[1].split("\n---", 2)[1]
        if importer.endswith(".stray"):
            assert f"- {importer}" in told, details
        else:
            assert re.search(rf"{re.escape(importer)} -> {re.escape(module)}\b", told), (importer, details)


def test_every_exception_has_its_reason() -> None:
    """In each list of ignored imports a comment comes first."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    lists = re.findall(r"^ignore_imports = \[\n(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    assert len(lists) == sum("ignore_imports" in contract for contract in CONTRACTS) > 0
    assert [each for each in lists if not each.lstrip().startswith("# ")] == []


def test_core_is_values_and_rules() -> None:
    """No I/O, no clock, no threads, nothing third-party."""
    strangers = [
        f"{source.name}:{line}: {module}"
        for source in sources("chatterm/core")
        for line, module in imported(source.tree)
        if module.split(".")[0] not in CORE_MAY_IMPORT and not module.startswith("chatterm.core")
    ]
    assert strangers == []


def test_wire_formats_do_no_io() -> None:
    doers = [
        f"{source.name}:{line}: {module}"
        for source in sources("chatterm/backend/providers")
        for line, module in imported(source.tree)
        if module.split(".")[0] in PROVIDERS_MAY_NOT_IMPORT
    ]
    assert doers == []
