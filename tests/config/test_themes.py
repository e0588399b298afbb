from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import chatterm
from chatterm.config.themes import DEFAULT_THEME, TEXT_ON, Palette, contrast, load_themes
from chatterm.core.errors import ConfigError

FOLDER = Path(__file__).parents[2] / "themes"
BUILT_IN = sorted(path.stem for path in FOLDER.glob("*.toml"))
PAIRS = [(text, ground) for ground, texts in TEXT_ON.items() for text in texts]


def write_theme(folder: Path, name: str, text: str) -> None:
    (folder / f"{name}.toml").write_text(text)


def only_problem(folder: Path) -> ConfigError:
    themes = load_themes(folder)
    assert sorted(themes.palettes) == BUILT_IN
    (problem,) = themes.problems
    return problem


def test_the_palettes_that_come_along() -> None:
    themes = load_themes()
    assert sorted(themes.palettes) == BUILT_IN
    assert themes.problems == ()
    assert len(BUILT_IN) >= 8
    calm = [p for p in themes.palettes.values() if not p.dark or p.name.startswith("high-contrast")]
    assert len(calm) >= 3


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_palette_is_complete_and_can_be_read(name: str) -> None:
    values = tomllib.loads((FOLDER / f"{name}.toml").read_text())
    assert list(values) == [field.name for field in dataclasses.fields(Palette)]
    palette = load_themes().find(name)
    least = 7.0 if name.startswith("high-contrast") else 4.5
    for text, ground in PAIRS:
        assert contrast(palette.colour(text), palette.colour(ground)) >= least, (text, ground)
    darker_ground = contrast(palette.background, "#000000") < contrast(palette.foreground, "#000000")
    assert palette.dark is darker_ground


def test_every_colour_is_a_text_or_a_ground_or_a_line() -> None:
    roles = {field.name for field in dataclasses.fields(Palette)} - {"name", "dark"}
    assert roles == {name for pair in PAIRS for name in pair} | {"border"}


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ("#000000", "#ffffff", 21.0),
        ("#123456", "#123456", 1.0),
        ("#777777", "#ffffff", 4.478),
        ("#ff0000", "#ffffff", 3.998),
    ],
)
def test_contrast(one: str, other: str, ratio: float) -> None:
    assert contrast(one, other) == pytest.approx(ratio, abs=0.001)
    assert contrast(other, one) == contrast(one, other)


def test_a_theme_of_ones_own_fills_its_gaps_from_the_base_of_its_kind(tmp_path: Path) -> None:
    write_theme(tmp_path, "mine", 'accent = "#FFAA00"')
    write_theme(tmp_path, "other", 'name = "pale"\ndark = false\naccent = "#803000"')
    themes = load_themes(tmp_path)
    assert themes.problems == ()
    dark, light = themes.find(DEFAULT_THEME), themes.find("chatterm-light")
    assert themes.find("mine") == dataclasses.replace(dark, name="mine", accent="#ffaa00")
    assert themes.find("pale") == dataclasses.replace(light, name="pale", accent="#803000")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('accent = "tomato"', "accent is 'tomato'"),
        ('accent = "#ff00"', "accent is '#ff00'"),
        ('accent = "#ff00zz"', "accent is '#ff00zz'"),
        ("accent = 16711680", "accent is '16711680'"),
        ('accent = ["#ffffff"]', "accent is"),
        ('accent = "\\u001b]52;c;x\\u0007"', "accent is '␛]52;c;x␇'"),
        ('dark = "yes"', "dark is 'yes'"),
        ("name = 3", "the name '3'"),
        ('name = "../x"', "the name '../x'"),
        ('acent = "#ffffff"', "unknown field 'acent', did you mean accent?"),
        ("[colours]\naccent = 1", "unknown field 'colours'"),
        ('foreground = "#12161b"', "foreground cannot be told from background"),
        ('background = "#d9dee5"', "foreground cannot be told from background"),
        ('comment = "#1b2129"', "comment cannot be told from code_background"),
        ('name = "moss"', "'moss' is taken"),
        ('accent = "#fff', "mine.toml:1:15: Unterminated string"),
        ("\n".join(f'field{n} = "#ffffff"' for n in range(10_000)), "10,002 fields"),
    ],
)
def test_a_bad_theme_is_left_out_by_name(tmp_path: Path, text: str, named: str) -> None:
    write_theme(tmp_path, "mine", text)
    problem = only_problem(tmp_path)
    assert named in problem.message
    assert "mine.toml" in problem.message
    assert "\x1b" not in str(problem)
    assert problem.path == str(tmp_path / "mine.toml")


def test_two_files_of_the_same_name(tmp_path: Path) -> None:
    write_theme(tmp_path, "a", 'name = "mine"\naccent = "#ffffff"')
    write_theme(tmp_path, "b", 'name = "mine"\naccent = "#eeeeee"')
    themes = load_themes(tmp_path)
    assert themes.find("mine").accent == "#ffffff"
    (problem,) = themes.problems
    assert "b.toml" in problem.message


def test_what_is_no_file_is_left_out(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.toml")
    assert "is not a regular file" in only_problem(tmp_path).message


def test_no_folder_of_ones_own(tmp_path: Path) -> None:
    assert load_themes(tmp_path / "absent") == load_themes()


def test_an_unknown_theme_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="There is no theme 'chaterm-dark'") as caught:
        load_themes().find("chaterm-dark")
    assert caught.value.hint.startswith("Did you mean chatterm-dark?")
    assert "fjord" in caught.value.hint


def test_found_inside_an_installed_package(tmp_path: Path) -> None:
    package = Path(chatterm.__file__).parent
    shutil.copytree(package / "config", tmp_path / "chatterm/config")
    shutil.copytree(package / "core", tmp_path / "chatterm/core")
    shutil.copy(package / "__init__.py", tmp_path / "chatterm")
    shutil.copytree(FOLDER, tmp_path / "chatterm/themes")
    (tmp_path / "chatterm/themes/only-here.toml").write_text("")
    code = "import chatterm.config.themes as t; print(*t.load_themes().palettes, t.__file__)"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=30
    )
    assert "only-here" in run.stdout
    assert str(tmp_path) in run.stdout
