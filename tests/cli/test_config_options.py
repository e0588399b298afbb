from __future__ import annotations

from pathlib import Path

import pytest
import typer

from chatterm.cli.options import start_options
from chatterm.cli.start_options import StartOptions
from chatterm.cli.statuses import ExitStatus

UNKNOWN = frozenset[str]().__contains__


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("temperature=0.2", "temperature", 0.2),
        ("num_ctx=8192", "num_ctx", 8192),
        ("think=true", "think", True),
        ("think=high", "think", "high"),
        ("stop=[1, 2]", "stop", [1, 2]),
        ('format={"type": "object"}', "format", {"type": "object"}),
        ('s="5"', "s", "5"),
        ("s=", "s", ""),
        ("a=b=c", "a", "b=c"),
        ("x=NaN", "x", "NaN"),
        ("x=Infinity", "x", "Infinity"),
        ("x=null", "x", None),
        (" x =1", "x", 1),
        (f"x={'[' * 9000}", "x", "[" * 9000),
    ],
)
def test_parameters(text: str, name: str, value: object) -> None:
    assert start_options(parameters=[text]).options == {name: value}


def test_several_parameters_the_last_wins() -> None:
    assert start_options(parameters=["a=1", "b=2", "a=3"]).options == {"a": 3, "b": 2}


@pytest.mark.parametrize("text", ["temperature", "=1", " =1", ""])
def test_what_is_no_parameter(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="NAME=VALUE"):
        start_options(parameters=[text])


def test_a_system_prompt_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "role.md").write_text("Be brief.\nBe kind.\n")
    assert start_options(system=f"@{tmp_path}/role.md").system == "Be brief.\nBe kind."
    assert start_options(system="me@home").system == "me@home"


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "there is no file"),
        (lambda path: path.mkdir(), "is a directory"),
        (lambda path: path.write_bytes(b"\xff"), "is not UTF-8"),
        (lambda path: path.write_bytes(b"x" * 2_000_000), "has 2,000,000 bytes"),
    ],
)
def test_a_system_prompt_that_cannot_be_read(tmp_path: Path, make: object, reason: str) -> None:
    assert callable(make)
    make(tmp_path / "role")
    with pytest.raises(typer.BadParameter, match=reason):
        start_options(system=f"@{tmp_path}/role")


def test_continue_and_resume_exclude_each_other() -> None:
    with pytest.raises(typer.BadParameter, match="exclude"):
        start_options(continue_last=True, resume="x")


@pytest.mark.parametrize(
    ("options", "provider", "model"),
    [
        (StartOptions(model="llama3"), None, "llama3"),
        (StartOptions(model="ollama/llama3"), "ollama", "llama3"),
        (StartOptions(model="openai/gpt/x"), "openai", "gpt/x"),
        (StartOptions(model="meta/llama"), None, "meta/llama"),
        (StartOptions(model="openai/gpt", provider="openrouter"), "openrouter", "openai/gpt"),
        (StartOptions(model="openai/gpt", base_url="http://127.0.0.1/v1"), "custom", "openai/gpt"),
        (StartOptions(model="openai"), None, "openai"),
    ],
)
def test_provider_and_model(options: StartOptions, provider: str | None, model: str) -> None:
    overrides = options.overrides({"openai", "ollama"}.__contains__)
    assert overrides.get(("provider",)) == provider
    assert overrides["model",] == model


def test_what_the_options_cover() -> None:
    assert StartOptions().overrides(UNKNOWN) == {}
    url = "http://127.0.0.1:1/v1"
    assert StartOptions(provider="ollama", base_url=url, system="s", theme="t", save=False).overrides(
        UNKNOWN
    ) == {
        ("provider",): "ollama",
        ("providers", "ollama", "base_url"): url,
        ("system",): "s",
        ("interface", "theme"): "t",
        ("save",): False,
    }
    assert StartOptions(base_url=url).overrides(UNKNOWN) == {
        ("provider",): "custom",
        ("providers", "custom", "base_url"): url,
    }


def test_options_of_a_command_cover_those_before_it() -> None:
    before = StartOptions(provider="a", model="b", save=False, options={"x": 1})
    after = StartOptions(model="c", options={"y": 2})
    assert after.over(before) == StartOptions(provider="a", model="c", save=False, options={"y": 2})
    assert StartOptions().over(before) == before


def test_statuses() -> None:
    assert [(status.name, int(status)) for status in ExitStatus] == [
        ("COMPLETE", 0),
        ("MISSED", 1),
        ("USAGE", 2),
        ("INCOMPLETE", 3),
        ("PROVIDER", 4),
        ("CONFIGURATION", 5),
        ("UNFORESEEN", 70),
        ("CANCELLED", 130),
        ("CLOSED_PIPE", 141),
    ]
