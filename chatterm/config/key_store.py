"""API keys that the user gave to chatterm: in the system's keyring, else in a file that only the user can read.

Each is bound to the origin it was given for, and is found for no other. The file lists the keys of the keyring
too, without their values, so that nobody's keyring is asked for keys that are not there.
"""

from __future__ import annotations

import stat
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from chatterm.config.files import parse_toml, read_file, write_private
from chatterm.config.keys import ProviderKey, checked_key
from chatterm.config.paths import private_folder
from chatterm.core.clean import clean_line
from chatterm.core.errors import ConfigError

SERVICE = "chatterm"
"""The name under which keys are in the keyring; the user name there is provider and origin."""

_PORTS = {"http": 80, "https": 443}


def origin_of(url: str) -> str:
    """Scheme, host and port of an address (RFC 6454): where a key may go."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    return (
        f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{parts.port or _PORTS.get(parts.scheme, 0)}"
    )


@dataclass(frozen=True, slots=True)
class _Entry:
    """One key of the file; without a value it is in the keyring."""

    origin: str
    value: str | None


class KeyStore:
    """The kept keys. All methods may block: on the disk, and on a keyring that asks to be unlocked."""

    def __init__(self, file: Path) -> None:
        self._file = file

    @property
    def file(self) -> Path:
        """Where keys are that no keyring took."""
        return self._file

    def origins(self) -> dict[str, str]:
        """The origin of each provider that has a kept key. Raises ConfigError for a file that cannot be read."""
        return {provider: entry.origin for provider, entry in self._entries(for_names=True).items()}

    def find(self, provider: str, origin: str) -> ProviderKey | None:
        """The key that was given for this provider at this origin.

        Raises ConfigError where others can read the file, where it is damaged, and where the keyring fails.
        """
        entry = self._entries().get(provider)
        if entry is None or entry.origin != origin:
            return None
        if entry.value is not None:
            return checked_key(entry.value, f"the file {clean_line(self._file.name)}")
        with _keyring_errors("read"):
            ring = safe_keyring()
            value = ring.get_password(SERVICE, f"{provider} {origin}") if ring is not None else None
        return checked_key(value, "the system's keyring") if value else None

    def keep(self, provider: str, origin: str, key: ProviderKey, *, in_file: bool = False) -> str:
        """Keep the key for this origin alone, in place of an earlier one; says where it is now.

        Raises ConfigError where neither takes it.
        """
        entries = self._entries()
        ring = None if in_file else safe_keyring()
        if ring is not None:
            with _keyring_errors("written"):
                ring.set_password(SERVICE, f"{provider} {origin}", key.value)
        entries[provider] = _Entry(origin, None if ring is not None else key.value)
        self._write(entries)
        return "the system's keyring" if ring is not None else str(self._file)

    def forget(self, provider: str) -> bool:
        """Take the provider's key away, from wherever it is; whether there was one. Raises ConfigError."""
        entries = self._entries()
        entry = entries.pop(provider, None)
        if entry is None:
            return False
        if entry.value is None and (ring := safe_keyring()) is not None:
            with suppress(Exception):  # it may be gone already; what counts is that it is asked for no more
                ring.delete_password(SERVICE, f"{provider} {entry.origin}")
        self._write(entries)
        return True

    def _entries(self, *, for_names: bool = False) -> dict[str, _Entry]:
        found = read_file(self._file)
        if found is None:
            return {}
        data, status = found
        name = clean_line(str(self._file))
        if not for_names and status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ConfigError(
                f"The keys in {name} are not used: others can read or change it.",
                f"Run: chmod 600 {name}",
                path=str(self._file),
            )
        entries: dict[str, _Entry] = {}
        for provider, fields in parse_toml(data, self._file).items():
            entry = cast("dict[str, object]", fields) if isinstance(fields, dict) else dict[str, object]()
            origin, value = entry.get("origin"), entry.get("key")
            if not isinstance(origin, str) or not isinstance(value, str | None):
                raise ConfigError(
                    f"The key of {clean_line(provider, 60)} in {name} has no origin, or is no text.",
                    f"Set it again with: chatterm config set-key {clean_line(provider, 60)}",
                    path=str(self._file),
                )
            entries[provider] = _Entry(origin, value)
        return entries

    def _write(self, entries: Mapping[str, _Entry]) -> None:
        import tomli_w

        tree = {
            provider: {"origin": entry.origin} | ({"key": entry.value} if entry.value is not None else {})
            for provider, entry in sorted(entries.items())
        }
        try:
            private_folder(self._file.parent)
            write_private(self._file, tomli_w.dumps(tree).encode())
        except OSError as error:
            reason = (error.strerror or type(error).__name__).lower()
            raise ConfigError(
                f"{clean_line(str(self._file))} cannot be written ({reason}).", "The key was not kept."
            ) from None


def safe_keyring() -> Any | None:
    """The system's keyring, or None: not installed, none running, or one that keeps keys in the clear."""
    try:
        keyring: Any = import_module("keyring")
        chainer: Any = import_module("keyring.backends.chainer")
        useless: Any = [import_module(f"keyring.backends.{name}").Keyring for name in ("fail", "null")]
    except ImportError:
        return None
    ring: Any = keyring.get_keyring()
    rings: list[Any] = list(ring.backends) if isinstance(ring, chainer.ChainerBackend) else [ring]
    return next((one for one in rings if type(one) not in useless and not _is_in_the_clear(one)), None)


def _is_in_the_clear(ring: object) -> bool:
    return type(ring).__module__.startswith("keyrings.alt") or "plaintext" in type(ring).__name__.lower()


@contextmanager
def _keyring_errors(done: str) -> Generator[None]:
    """Whatever a keyring raises becomes one ConfigError: its libraries have no common base."""
    try:
        yield
    except Exception as error:
        raise ConfigError(
            f"The system's keyring could not be {done} ({type(error).__name__}).",
            "Unlock it, or keep the key in a file: chatterm config set-key --file PROVIDER",
        ) from None
