"""How long a model took to load, kept from one start to the next."""

from __future__ import annotations

from pathlib import Path

from chatterm.backend.load_times import LOAD_SECONDS, MOST_MODELS, LoadTimes
from chatterm.store.database import Database
from chatterm.store.state import StateStore


async def test_the_last_load_is_known_after_the_next_start(tmp_path: Path) -> None:
    state = StateStore(Database(tmp_path / "chatterm.db"))
    times = LoadTimes(state)
    await times.note("ollama", "llama3", 23.04)
    await times.note("ollama", "llama3", 19.06)
    await times.note("ollama", "llama3", 0.02)  # it was in memory
    await times.note("ollama", "other", None)
    again = LoadTimes(state)
    assert again.of("ollama", "llama3") is None
    await again.read()
    assert (again.of("ollama", "llama3"), again.of("ollama", "other")) == (19.1, None)


async def test_what_was_kept_may_be_anything_and_does_not_grow(tmp_path: Path) -> None:
    state = StateStore(Database(tmp_path / "chatterm.db"))
    await state.put(LOAD_SECONDS, {"ollama/a": "soon", "ollama/b": 3})
    times = LoadTimes(state)
    await times.read()
    assert (times.of("ollama", "a"), times.of("ollama", "b")) == (None, 3.0)
    for number in range(MOST_MODELS + 5):
        await times.note("ollama", str(number), 1.0)
    kept: dict[str, object] = {}
    assert len(await state.get(LOAD_SECONDS, kept)) == MOST_MODELS
    assert times.of("ollama", "b") is None and times.of("ollama", str(MOST_MODELS)) == 1.0
