"""Whatever the file holds, loading it gives settings and named problems, never an exception."""

from __future__ import annotations

import datetime
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from chatterm.config.files import parse_toml
from chatterm.config.load import check_tree
from chatterm.config.model import Settings
from chatterm.config.render import render_example, render_settings
from chatterm.core.clean import is_clean
from chatterm.core.errors import ConfigError

FILE = Path("/home/me/config.toml")
EXAMPLE = render_example().replace("\n#", "\n").encode()

NAMES = (
    "provider model save interface theme network connect_seconds pool_maxsize keys providers openai base_url "
    "key_cmd headers options api_key_env stop adapter"
)
names = st.sampled_from(NAMES.split()) | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
scalars = (
    st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.sampled_from(["http://127.0.0.1/v1", "https://h", "http://[", "send", datetime.date(2026, 1, 1)])
)
trees = st.dictionaries(
    names,
    st.recursive(
        scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4)
    ),
    max_size=6,
)


@given(trees)
def test_any_tree(tree: dict[str, object]) -> None:
    loaded = check_tree(tree, FILE)
    assert isinstance(loaded.settings, Settings)
    assert all(problem.message.endswith(".") and problem.hint for problem in loaded.problems)
    assert all(is_clean(str(problem)) for problem in loaded.problems)
    text = render_settings(loaded, lambda _name: False)
    shown = check_tree(parse_toml(text.encode(), FILE), FILE)
    assert shown.settings.interface == loaded.settings.interface
    assert shown.settings.network == loaded.settings.network


@given(st.binary(max_size=200), st.integers(0, len(EXAMPLE)), st.integers(0, 40))
def test_any_bytes(noise: bytes, place: int, width: int) -> None:
    data = EXAMPLE[:place] + noise + EXAMPLE[place + width :]
    try:
        tree = parse_toml(data, FILE)
    except ConfigError as error:
        assert error.message.startswith(f"{FILE}:")
        assert is_clean(str(error))
    else:
        assert isinstance(check_tree(tree, FILE).settings, Settings)
