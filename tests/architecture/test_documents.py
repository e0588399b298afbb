"""What the documents say exists."""

from __future__ import annotations

import re
import xml.etree.ElementTree

import pytest

from chatterm import __version__
from chatterm.backend.providers.registry import services
from chatterm.tui.commands import COMMANDS
from tests.architecture.sources import ROOT

DOCUMENTS = ("README.md", "CHANGELOG.md", "docs/architecture.md")

SET_UP = "python3 -m venv .venv && .venv/bin/pip install -q -e "


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_two_commands_are_one_line_each() -> None:
    lines = text_of("README.md").splitlines()
    assert [line for line in lines if line.startswith("python3 -m venv")] == [
        f"{SET_UP}. && .venv/bin/chatterm",
        f'{SET_UP}".[test]" && .venv/bin/pytest',
    ]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_and_paths_lead_somewhere(name: str) -> None:
    text = text_of(name)
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    paths = re.findall(r"`((?:chatterm|tests|docs)/[\w./-]+)`", text)
    folder = (ROOT / name).parent
    assert [link for link in links if not (folder / link).exists()] == []
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_modules_named_without_a_path_exist() -> None:
    """Such as `wiring.py` in the page on architecture."""
    names = set(re.findall(r"`([a-z_]+\.py)`", text_of("docs/architecture.md")))
    assert names
    assert names - {path.name for path in (ROOT / "chatterm").rglob("*.py")} == set()


def test_the_keys_of_the_readme_are_bound() -> None:
    table = text_of("README.md").split("## Keys", 1)[1].split("\n\n", 2)[1]
    named = {
        key.lower() for row in table.splitlines()[2:] for key in re.findall(r"`([^`]+)`", row.split("|")[1])
    }
    bound = {key for command in COMMANDS for key in command.keys} | {"esc"}
    assert len(named) >= 15
    assert named - bound == set()


def test_the_services_of_the_readme_are_known() -> None:
    sentence = re.search(r"\n\n([^\n]+)\sname too:", text_of("README.md").replace("\nname", " name"))
    assert sentence is not None
    told = set(re.findall(r"\w*[A-Z]\w*", sentence[1].split(" are known")[0]))
    assert len(told) >= 7
    assert {name.lower() for name in told} - {service.name for service in services()} == set()


def test_the_picture_is_whole_and_shows_every_layer() -> None:
    picture = xml.etree.ElementTree.fromstring(text_of("docs/architecture.svg"))
    words = {element.text for element in picture.iter() if element.tag.endswith("text")}
    layers = {path.parent.name for path in (ROOT / "chatterm").glob("*/__init__.py")}
    assert layers | {"net", "providers"} <= words
    assert {str(step) for step in range(1, 9)} <= words


def test_the_changelog_tells_of_this_version() -> None:
    assert f"## [{__version__}]" in text_of("CHANGELOG.md")


def test_nothing_shouts() -> None:
    """No exclamation marks outside code and pictures' marks."""
    for name in DOCUMENTS:
        plain = re.sub(r"```.*?```|`[^`]*`|!\[|<!--.*?-->", "", text_of(name), flags=re.DOTALL)
        assert "!" not in plain, name
