"""What is installed: the wheel, and a checkout installed in place, have the same pages, palettes and settings."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from chatterm.backend.guide.manual_pages import read_pages
from chatterm.config.render import render_example
from chatterm.config.themes import load_themes
from tests.architecture.sources import ROOT

pytestmark = [pytest.mark.xdist_group("wheel"), pytest.mark.timeout(300)]

THEMES = sorted(path.name for path in (ROOT / "themes").glob("*.toml"))
PAGES = sorted(path.name for path in (ROOT / "chatterm" / "manual").glob("*.md"))

FOUND = """
import json, sys
sys.path.insert(0, sys.argv[1])
import chatterm
from chatterm.backend.guide.manual_pages import read_pages
from chatterm.config.themes import load_themes
print(json.dumps([chatterm.__file__, sorted(load_themes().palettes), sorted(page.topic for page in read_pages())]))
"""


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built once, without the network."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("chatterm-*.whl")
    return zipfile.ZipFile(built)


def names_under(wheel: zipfile.ZipFile, folder: str) -> list[str]:
    return sorted(name.removeprefix(folder) for name in wheel.namelist() if name.startswith(folder))


def test_the_wheel_holds_all_that_is_shown(wheel: zipfile.ZipFile) -> None:
    assert names_under(wheel, "chatterm/themes/") == THEMES
    assert names_under(wheel, "chatterm/manual/") == PAGES
    assert len(THEMES) >= 6
    assert "chatterm/tui/chatterm.tcss" in wheel.namelist()
    example = wheel.read("chatterm/config.example.toml").decode()
    assert example == render_example() == (ROOT / "config.example.toml").read_text(encoding="utf-8")
    assert tomllib.loads(example) == {section: {} for section in tomllib.loads(example)}


def test_the_wheel_holds_the_program_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    modules = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "chatterm").rglob("*.py"))
    assert sorted(name for name in wheel.namelist() if name.endswith(".py")) == modules
    info = {name.split("/")[0] for name in wheel.namelist() if not name.startswith("chatterm/")}
    assert len(info) == 1
    assert info.pop().endswith(".dist-info")


def test_the_wheel_starts_the_program_and_names_its_licence(wheel: zipfile.ZipFile) -> None:
    read = {
        name.split("/", 1)[1]: wheel.read(name).decode() for name in wheel.namelist() if ".dist-info/" in name
    }
    assert "chatterm = chatterm.__main__:main" in read["entry_points.txt"]
    assert "Requires-Python: >=3.11" in read["METADATA"]
    assert "License-Expression: MIT" in read["METADATA"]
    assert "licenses/LICENSE" in read


def test_an_installed_wheel_finds_its_themes_and_pages(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", FOUND, str(tmp_path)], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    file, themes, topics = json.loads(done.stdout)
    assert Path(file).is_relative_to(tmp_path)
    assert [f"{name}.toml" for name in themes] == THEMES
    assert [f"{topic}.md" for topic in topics] == PAGES


def test_a_checkout_finds_its_themes_and_pages() -> None:
    assert sorted(f"{name}.toml" for name in load_themes().palettes) == THEMES
    assert sorted(f"{page.topic}.md" for page in read_pages()) == PAGES
