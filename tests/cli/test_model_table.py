"""The table of `chatterm models`, and how far a pull is."""

from __future__ import annotations

import pytest

from chatterm.backend.model_words import (
    end_text,
    is_listed,
    loaded_text,
    nearest,
    price_text,
    size_text,
    tokens_text,
)
from chatterm.backend.providers.base import ModelInfo
from chatterm.backend.providers.ollama_models import PullProgress
from chatterm.cli.local_models import progress_text
from chatterm.cli.model_table import HEADINGS, table

WHOLE = (
    "ollama/llama3",
    "131k",
    "4k",
    "images, tools",
    "$2.5/$10",
    "4.7 GB",
    "loaded, 6.0 GB",
    "deprecated",
    "fast",
)
BARE = ("guide/manual", *[""] * (len(HEADINGS) - 1))
LONG = ("openrouter/" + "x" * 60, "1M", *[""] * (len(HEADINGS) - 2))


@pytest.mark.parametrize("columns", [20, 40, 60, 80, 120, 200])
def test_no_line_is_wider_than_the_terminal_but_for_a_name(columns: int) -> None:
    lines = table([WHOLE, BARE, LONG], columns)
    assert [line for line in lines if len(line) > columns] == [LONG[0]] * (columns < len(LONG[0]))
    for row in (WHOLE, BARE, LONG):
        assert any(line.startswith(row[0]) for line in lines)  # no name is cut


def test_a_narrow_table_does_without_columns_and_never_cuts_one() -> None:
    wide, narrow = table([WHOLE, BARE], 200), table([WHOLE, BARE], 80)
    assert wide[0].split("  ")[0] == "model"
    assert all(cell in wide[1] for cell in WHOLE)
    shown = [cell for cell in narrow[1].split("  ") if cell.strip()]
    assert {cell.strip() for cell in shown} <= set(WHOLE)
    assert {"ollama/llama3", "131k", "$2.5/$10", "loaded, 6.0 GB"} <= {cell.strip() for cell in shown}


def test_columns_that_nothing_is_known_for_are_left_out() -> None:
    assert table([BARE], 80) == ["model", "guide/manual"]
    assert table([], 80) == []


def test_a_name_too_long_stands_above_its_figures() -> None:
    assert table([LONG], 40) == ["model" + " " * 28 + "context", LONG[0], " " * 33 + "1M"]


def test_a_pipe_gets_every_column_of_every_row() -> None:
    lines = table([WHOLE, BARE, LONG], None)
    assert [line.split("\t") for line in lines] == [
        [cell or "-" for cell in row] for row in (WHOLE, BARE, LONG)
    ]


@pytest.mark.parametrize(
    ("count", "text"),
    [
        *((None, ""), (0, "0"), (512, "512"), (8192, "8k"), (131072, "131k")),
        *((999_499, "999k"), (999_500, "1M"), (1_048_576, "1.05M"), (2_000_000, "2M")),
    ],
)
def test_tokens(count: int | None, text: str) -> None:
    assert tokens_text(count) == text


def test_prices_sizes_memory_and_ends() -> None:
    def model(**told: object) -> ModelInfo:
        return ModelInfo(provider="p", id="m", **told)  # type: ignore[arg-type]  # a table of fields

    assert price_text(model()) == ""
    assert price_text(model(price_input=0.0, price_output=0.0)) == "free"
    assert price_text(model(price_input=0.075, price_output=0.3)) == "$0.075/$0.3"
    assert price_text(model(price_input=2.0, dearer_above_tokens=9)) == "$2/-+"
    assert (size_text(None), size_text(474_000), size_text(4_700_000_000)) == ("", "0.5 MB", "4.7 GB")
    assert loaded_text(model(loaded=False)) == loaded_text(model()) == ""
    assert loaded_text(model(loaded=True)) == "loaded"
    assert loaded_text(model(loaded=True, memory_bytes=6 * 10**9)) == "loaded, 6.0 GB"
    assert (
        loaded_text(model(loaded=True, memory_bytes=8 * 10**9, gpu_bytes=2 * 10**9))
        == "loaded, 8.0 GB, 25 % on GPU"
    )
    assert end_text(model(deprecated=True)) == "deprecated"
    assert end_text(model(retires_on="2026-12-31")) == "gone from 2026-12-31"


@pytest.mark.parametrize(
    ("model", "ids", "listed"),
    [
        ("llama3", ["llama3:latest"], True),
        ("llama3:8b", ["llama3:latest"], False),
        ("openai/gpt:online", ["openai/gpt"], True),
        ("models/gemini-x", ["gemini-x"], True),
        ("GPT", ["gpt"], False),
    ],
)
def test_names_that_mean_a_listed_model(model: str, ids: list[str], listed: bool) -> None:
    assert is_listed(model, ids) is listed


def test_nearest_names() -> None:
    ids = ["llama3.2:latest", "qwen3:8b", "openai/gpt-4o", "openai/gpt-4o-mini"]
    assert nearest("lama3.2", ids) == ["llama3.2:latest"]
    assert nearest("gpt-4o", ids)[0] == "openai/gpt-4o"
    assert nearest("zzz", ids) == []


@pytest.mark.parametrize("columns", [1, 20, 40, 79, 200])
def test_progress_fits_into_its_line(columns: int) -> None:
    half = PullProgress("pulling 8eeb52dfb3bb", 1_000_000_000, 2_000_000_000)
    text = progress_text(half, columns)
    assert len(text) <= columns
    if columns >= 79:
        assert text == "pulling 8eeb52dfb3bb ████████████░░░░░░░░░░░░  50 %  1.0 GB of 2.0 GB"
    assert len(progress_text(PullProgress("x" * 300), columns)) <= columns
