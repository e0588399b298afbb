"""Kept keys: where they are, who can read them, and where they may go."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chatterm.config import key_store
from chatterm.config.key_store import KeyStore, origin_of, safe_keyring
from chatterm.config.keys import ProviderKey
from chatterm.core.errors import ConfigError

CANARY = ProviderKey("sk-canary-0123456789", "the prompt")
HERE = "https://api.openai.com:443"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "settings" / "keys.toml"


@pytest.fixture(autouse=True)
def no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_store, "safe_keyring", lambda: None)


class Ring:
    """A keyring in memory."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, str], str] = {}
        self.locked = False

    def _check(self) -> None:
        if self.locked:
            raise RuntimeError(f"locked, {CANARY.value}")

    def set_password(self, service: str, user: str, password: str) -> None:
        self._check()
        self.held[service, user] = password

    def get_password(self, service: str, user: str) -> str | None:
        self._check()
        return self.held.get((service, user))

    def delete_password(self, service: str, user: str) -> None:
        self._check()
        del self.held[service, user]


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch) -> Ring:
    made = Ring()
    monkeypatch.setattr(key_store, "safe_keyring", lambda: made)
    return made


@pytest.mark.parametrize(
    ("url", "origin"),
    [("https://api.openai.com/v1", HERE), ("HTTPS://API.OpenAI.com:443", HERE), ("https://api.openai.com./x", HERE),
     ("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080"), ("http://[::1]/", "http://[::1]:80"),
     ("http://api.openai.com", "http://api.openai.com:80")],
)  # fmt: skip
def test_origins(url: str, origin: str) -> None:
    assert origin_of(url) == origin


def test_a_key_in_the_file_is_for_its_origin_and_its_owner_alone(file: Path) -> None:
    before = os.umask(0)
    try:
        where = KeyStore(file).keep("openai", HERE, CANARY)
    finally:
        os.umask(before)
    assert where == str(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    found = KeyStore(file).find("openai", HERE)
    assert found == ProviderKey(CANARY.value, "the file keys.toml")
    assert KeyStore(file).find("openai", "https://api.openai.com.evil.example:443") is None
    assert KeyStore(file).find("other", HERE) is None
    assert KeyStore(file).origins() == {"openai": HERE}


def test_a_later_key_takes_the_place_of_the_earlier(file: Path) -> None:
    store = KeyStore(file)
    store.keep("mistral", "https://a:443", CANARY)
    store.keep("openai", HERE, CANARY)
    store.keep("openai", "http://127.0.0.1:1", ProviderKey("sk-other", "x"))
    assert store.find("openai", HERE) is None
    assert store.origins() == {"mistral": "https://a:443", "openai": "http://127.0.0.1:1"}
    assert store.forget("openai") and not store.forget("openai")
    assert store.origins() == {"mistral": "https://a:443"}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o610])
def test_a_file_that_others_can_read_is_refused(file: Path, mode: int) -> None:
    KeyStore(file).keep("openai", HERE, CANARY)
    file.chmod(mode)
    with pytest.raises(ConfigError) as caught:
        KeyStore(file).find("openai", HERE)
    assert "chmod 600" in caught.value.hint and CANARY.value not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["[openai]\nkey = 'sk-canary'\n", "[a]\nkey = 3\norigin = 'x'\n", "openai = 'sk-canary'\n", "[openai\n"],
)
def test_a_damaged_file_is_told_without_its_keys(file: Path, text: str) -> None:
    file.parent.mkdir()
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(ConfigError) as caught:
        KeyStore(file).origins()
    assert "sk-canary" not in f"{caught.value} {caught.value.hint}"


def test_a_keyring_has_the_value_and_the_file_only_its_place(file: Path, ring: Ring) -> None:
    store = KeyStore(file)
    assert store.keep("openai", HERE, CANARY) == "the system's keyring"
    assert CANARY.value not in file.read_text()
    assert ring.held == {("chatterm", f"openai {HERE}"): CANARY.value}
    assert store.find("openai", HERE) == ProviderKey(CANARY.value, "the system's keyring")
    assert store.find("openai", "https://elsewhere:443") is None
    assert store.forget("openai") and ring.held == {}


def test_the_file_where_it_is_asked_for(file: Path, ring: Ring) -> None:
    KeyStore(file).keep("openai", HERE, CANARY, in_file=True)
    assert ring.held == {} and CANARY.value in file.read_text()


def test_a_locked_keyring_is_told_without_what_it_said(file: Path, ring: Ring) -> None:
    store = KeyStore(file)
    store.keep("openai", HERE, CANARY)
    ring.locked = True
    for call in (lambda: store.find("openai", HERE), lambda: store.keep("openai", HERE, CANARY)):
        with pytest.raises(ConfigError, match="keyring could not be") as caught:
            call()
        assert CANARY.value not in f"{caught.value} {caught.value.hint}"
    assert store.forget("openai")


def fake_keyring(monkeypatch: pytest.MonkeyPatch, chosen: Any, chained: tuple[Any, ...] = ()) -> None:
    """An installed keyring library that gives this backend, or a chain of some."""

    class Chainer:
        backends = chained

    modules = {
        "keyring": SimpleNamespace(get_keyring=lambda: Chainer() if chained else chosen),
        "keyring.backends.chainer": SimpleNamespace(ChainerBackend=Chainer),
        "keyring.backends.fail": SimpleNamespace(Keyring=Fail),
        "keyring.backends.null": SimpleNamespace(Keyring=Null),
    }
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)


class Fail: ...


class Null: ...


class PlaintextKeyring: ...


def test_only_a_keyring_that_hides_keys_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    alternative = type("EncryptedKeyring", (), {"__module__": "keyrings.alt.file"})()
    for chosen in (Fail(), Null(), PlaintextKeyring(), alternative):
        fake_keyring(monkeypatch, chosen)
        assert safe_keyring() is None
    good = Ring()
    fake_keyring(monkeypatch, good)
    assert safe_keyring() is good
    fake_keyring(monkeypatch, None, (PlaintextKeyring(), Fail(), good))
    assert safe_keyring() is good


def test_without_the_library_there_is_no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert safe_keyring() is None
