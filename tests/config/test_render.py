from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from chatterm.config.load import Loaded, check_tree
from chatterm.config.model import RoutingRule, Settings
from chatterm.config.render import render_example, render_settings, toml_value
from chatterm.config.schema import Entry, dotted, walk

EXAMPLE = Path(__file__).parents[2] / "config.example.toml"
Load = Callable[..., Loaded]


def uncommented() -> str:
    return re.sub(r"^#(?=[\[a-z])", "", EXAMPLE.read_text(), flags=re.MULTILINE)


def keys_of(value: object, prefix: tuple[str, ...] = ()) -> set[str]:
    """Every key that the model has, by its docstrings and types alone."""
    import dataclasses
    from typing import get_args, get_origin, get_type_hints

    found: set[str] = set()
    for name, hint in get_type_hints(value).items():
        if dataclasses.is_dataclass(hint):
            found |= keys_of(hint, (*prefix, name))
        elif get_origin(hint) is not None and dataclasses.is_dataclass(get_args(hint)[-1]):
            found |= keys_of(get_args(hint)[-1], (*prefix, name, "NAME"))
        else:
            found.add(".".join((*prefix, name)))
    return found


def test_the_example_is_up_to_date() -> None:
    assert EXAMPLE.read_text() == render_example()


def test_the_example_as_it_is_changes_nothing() -> None:
    loaded = check_tree(tomllib.loads(EXAMPLE.read_text()), EXAMPLE)
    assert (loaded.settings, loaded.problems) == (Settings(), ())


def test_the_example_names_every_key_and_every_line_of_it_can_be_used() -> None:
    tree = tomllib.loads(uncommented())
    assert check_tree(tree, EXAMPLE).problems == ()
    entries = [item for item in walk(tree) if isinstance(item, Entry)]
    names = {re.sub(r"^providers\.[^.]*", "providers.NAME", dotted(entry.path)) for entry in entries}
    names = {re.sub(r"\.models\.[^.]*", ".models.NAME", name) for name in names}
    names = {re.sub(r"^mcp\.[^.]*", "mcp.NAME", name) for name in names}
    names = {re.sub(r"^(routing\.rules)\..*", r"\1", name) for name in names}
    names = {
        re.sub(r"^(keys|aliases|.*\.headers|.*\.options|.*\.timeouts|mcp\.NAME\.env)\..*", r"\1", name)
        for name in names
    }
    assert names == keys_of(Settings)


def test_the_example_has_a_rule_with_every_key_of_one() -> None:
    (rule,) = tomllib.loads(uncommented())["routing"]["rules"]
    assert set(rule) == keys_of(RoutingRule)


def test_the_example_gives_the_defaults() -> None:
    lines = [line for line in EXAMPLE.read_text().splitlines() if "an example; not set" not in line]
    text = re.sub(r"^#(?=[a-z])", "", "\n".join(lines), flags=re.MULTILINE)
    text = text.replace("#[providers", "[providers").replace("#[mcp", "[mcp")
    loaded = check_tree(tomllib.loads(text), EXAMPLE)
    (provider,) = loaded.settings.providers.values()
    (server,) = loaded.settings.mcp.values()
    assert loaded.problems == ()
    assert loaded.settings == Settings(providers={"my-server": provider}, mcp={"my-server": server})
    assert (provider, server) == (type(provider)(), type(server)())


def test_every_key_of_the_example_is_explained() -> None:
    lines = EXAMPLE.read_text().splitlines()
    settings = [
        n
        for n, line in enumerate(lines)
        if re.match(r"#[a-z_]+ = ", line) and not re.match("#(stop|fast) =", line)
    ]
    assert len(settings) > 25
    assert all(re.match(r"# [A-Z]", lines[n - 1]) for n in settings)


@pytest.mark.parametrize(
    "value",
    [
        *(True, 3, -0.5, 1e300, "", "plain", 'q"uo\\te', "new\nline", "tab\t", "\x7f", "ümläut", "😀"),
        *(["a", "b"], [], {"a b": 1, "c": {"d": "e"}}, {}, "\x1b[2J", "\u202e", "\x9b", "[/b]"),
    ],
)
def test_values_come_back(value: object) -> None:
    text = toml_value(value)
    assert tomllib.loads(f"x = {text}") == {"x": value}
    assert text.isprintable()


def test_settings_in_effect_with_their_sources(load: Load) -> None:
    loaded = load(
        'model = "m"\n[providers.ollama]\noptions = { num_ctx = 1 }\n[keys]\nstop = "f9"',
        {"CHATTERM_THEME": "moss"},
    )
    text = render_settings(loaded, lambda _name: False)
    assert tomllib.loads(text)["providers"] == {
        "ollama": {"allow_insecure": False, "stream": True, "options": {"num_ctx": 1}}
    }
    assert 'model = "m"  # settings file\n' in text
    assert 'theme = "moss"  # environment CHATTERM_THEME\n' in text
    assert "reading_width = 100\n" in text
    assert '[keys]\nstop = "f9"  # settings file\n' in text
    assert check_tree(tomllib.loads(text), EXAMPLE).settings == loaded.settings


def test_nothing_that_may_be_a_secret_is_shown(load: Load) -> None:
    loaded = load("""
        system = "the key is sk-canary-0123456789"
        [providers.a]
        api_key_env = "canary"
        key_cmd = ["echo", "canary"]
        base_url = "https://me:canary@host"
        headers = { Authorization = "Bearer canary", X-Key = "canary" }
        options = { api_key = "canary", auth = { x = "canary" }, max_tokens = 5 }
        [providers.b]
        api_key_env = "B_KEY"
    """)
    text = render_settings(loaded, lambda name: name == "B_KEY")
    assert "canary" not in text
    assert 'base_url = "[refused]"' in text
    assert 'api_key_env = "B_KEY"' in text
    assert "max_tokens = 5" in text
