"""API keys: from the environment or from a command, checked before they can get into a header."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Timer

from chatterm.config.model import ProviderSettings
from chatterm.core.clean import clean_line
from chatterm.core.errors import ConfigError

COMMAND_SECONDS = 10.0
"""How long a `key_cmd` may take."""

_LONGEST = 8192
_VISIBLE = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class ProviderKey:
    """A key and where it was found, for example "environment OPENAI_API_KEY". The value is not in its `repr`.

    `warning` is a line for the user when the value had to be trimmed.
    """

    value: str = field(repr=False)
    source: str
    warning: str = ""

    @property
    def ending(self) -> str:
        """The last four characters, by which a person knows a key; nothing of a short one."""
        return self.value[-4:] if len(self.value) >= 16 else ""


class KeyCommands:
    """The commands for keys that run now, so that none outlives the program."""

    def __init__(self) -> None:
        self._groups: set[int] = set()

    @contextlib.contextmanager
    def running(self, group: int) -> Generator[None]:
        """Within it the process group may be ended; it is, where the wait for it is broken off."""
        self._groups.add(group)
        try:
            yield
        except KeyboardInterrupt:  # which does not reach a group of its own
            _kill_group(group)
            raise
        finally:
            self._groups.discard(group)

    def end(self) -> None:
        """End all of them with their children. May be called from any thread."""
        for group in tuple(self._groups):
            _kill_group(group)


def key_variables(provider: str, settings: ProviderSettings, usual: Sequence[str] = ()) -> tuple[str, ...]:
    """Variables that may hold the key: the one named in the settings, else `usual`, else NAME_API_KEY."""
    if settings.api_key_env:
        return (settings.api_key_env,)
    return tuple(usual) or (f"{provider.upper().replace('-', '_')}_API_KEY",)


def find_key(
    provider: str,
    settings: ProviderSettings,
    environ: Mapping[str, str],
    usual: Sequence[str] = (),
    commands: KeyCommands | None = None,
) -> ProviderKey | None:
    """The provider's key from the environment, else from its `key_cmd`; None where neither has one.

    `usual` are the service's own variables; the command is among `commands` while it runs. Blocks for as long as
    the command takes, so call it in a thread where there is a `key_cmd`. Raises ConfigError, without the value, for
    a key that no header can carry and for a command that fails.
    """
    for variable in key_variables(provider, settings, usual):
        if text := environ.get(variable):
            return checked_key(text, f"environment {variable}")
    if not settings.key_cmd:
        return None
    setting = f"providers.{provider}.key_cmd"
    line = _first_line(settings.key_cmd, environ, setting, commands or KeyCommands())
    return checked_key(line, setting)


def checked_key(text: str, source: str) -> ProviderKey:
    """`text` as a key, blanks at its ends trimmed; raises ConfigError unless the rest is visible ASCII."""
    value = text.strip()
    if _VISIBLE.fullmatch(value) and len(value) <= _LONGEST:
        warning = f"The key from {source} had blanks around it, which were left out." if value != text else ""
        return ProviderKey(value, source, warning)
    if not value:
        reason = "it is empty"
    elif len(value) > _LONGEST:
        reason = f"it has {len(value):,} characters"
    elif re.search(r"\s", value):
        reason = "it has a blank or a new line inside"
    else:
        reason = "it holds a character that no key has"
    raise ConfigError(
        f"The key from {source} cannot be used: {reason}.", "Set it again, the key alone.", key=source
    )


def _first_line(
    command: Sequence[str], environ: Mapping[str, str], setting: str, commands: KeyCommands
) -> str:
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            # It might quote a secret, and nobody should see half a screen of it.
            stderr=subprocess.DEVNULL,
            # Keys of other services are none of the command's business.
            env={name: text for name, text in environ.items() if not name.endswith("_API_KEY")},
            # A group of its own, so that children of the command end with it.
            process_group=0,
        )
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or "it cannot be run").lower()
        raise _failed(command, setting, f"cannot be started ({reason})") from None
    timer = Timer(COMMAND_SECONDS, _kill_group, [process.pid])
    timer.daemon = True
    timer.start()
    with process, commands.running(process.pid):
        assert process.stdout is not None
        line = process.stdout.readline(_LONGEST + 1)
        # Before the pipe is closed: a command that still writes would die of it and seem to have failed.
        status = process.wait()
        in_time = timer.is_alive()
        timer.cancel()
    if not in_time:
        raise _failed(command, setting, f"did not end within {COMMAND_SECONDS:g} s")
    if status != 0:
        raise _failed(command, setting, f"failed with status {status}")
    return line.decode(errors="replace").rstrip("\r\n")


def _kill_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _failed(command: Sequence[str], setting: str, reason: str) -> ConfigError:
    name = clean_line(command[0], 64)
    hint = f"Run it by hand to see why, or correct {setting}."
    return ConfigError(f"The command {name} of {setting} {reason}.", hint, key=setting)
