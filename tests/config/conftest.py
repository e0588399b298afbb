from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from chatterm.config.load import Loaded, load_settings

Load = Callable[..., Loaded]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Loads a settings file of the given text or bytes."""

    def load_text(
        text: str | bytes = "",
        environ: Mapping[str, str] | None = None,
        overrides: Mapping[tuple[str, ...], object] | None = None,
    ) -> Loaded:
        path = tmp_path / "config.toml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return load_settings(path, environ or {}, overrides)

    return load_text
