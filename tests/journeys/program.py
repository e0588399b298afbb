"""The real program with a home of its own: started on a pseudo-terminal, and what it left in its database."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tests.doubles.server import ScriptedServer
from tests.doubles.terminal import WAIT_SECONDS, Terminal

CHATTERM = (sys.executable, "-m", "chatterm")

# Port 9, discard: nothing answers there, so no Ollama of the machine is found by chance.
NO_OLLAMA = "127.0.0.1:9"


@dataclass(frozen=True, slots=True)
class StoredReply:
    """One turn as the database has it: the prompt, and the reply with what became of it."""

    prompt: str
    text: str
    thinking: str
    state: str
    error: str | None


class Ended(NamedTuple):
    """What a run left: its exit status, and what it wrote to stdout and stderr."""

    status: int
    output: str
    errors: str


def asking(server: ScriptedServer, *words: str) -> tuple[str, ...]:
    """The arguments that put a prompt to the server."""
    return ("ask", "--base-url", server.base_url("openai"), "-m", "scripted-model", *words)


@dataclass(frozen=True, slots=True)
class Home:
    """A user: where everything of theirs is kept, and their environment."""

    path: Path
    environment: dict[str, str] = field(default_factory=dict[str, str])

    def write_settings(self, toml: str) -> None:
        """Put this into the settings file."""
        self.path.mkdir(mode=0o700, exist_ok=True)
        (self.path / "config.toml").write_text(toml, encoding="utf-8")

    def environ(self) -> dict[str, str]:
        """All variables that the program gets."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.path.parent),
            "LANG": "C.UTF-8",
            "CHATTERM_HOME": str(self.path),
            "OLLAMA_HOST": NO_OLLAMA,
            **self.environment,
        }

    def start(
        self,
        *arguments: str,
        columns: int = 100,
        rows: int = 30,
        program: Sequence[str] = CHATTERM,
        **variables: str,
    ) -> Terminal:
        """Start the program with these arguments on a terminal of this size."""
        environment = {**self.environ(), **variables}
        return Terminal([*program, *arguments], env=environment, columns=columns, rows=rows)

    def run(self, *arguments: str, given: str = "", **variables: str) -> Ended:
        """Run the program to its end without a terminal, with this piped in."""
        done = subprocess.run(
            [*CHATTERM, *arguments],
            env={**self.environ(), **variables},
            input=given,
            capture_output=True,
            check=False,
            encoding="utf-8",
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def wait_stored(
        self, condition: Callable[[list[StoredReply]], object], seconds: float = WAIT_SECONDS
    ) -> None:
        """Wait until this holds for the turns in the database: a text is on the screen before its end is there."""
        deadline = time.monotonic() + seconds
        while not condition(turns := self.stored()):
            assert time.monotonic() < deadline, f"still in the database: {turns}"
            time.sleep(0.02)  # nothing tells of a row of another process

    def stored(self) -> list[StoredReply]:
        """Every turn in the database, in the order of its replies; chunks not folded yet are joined."""
        database = self.path / "data" / "chatterm.db"
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            rows = connection.execute(
                "SELECT reply.id, prompt.parts, reply.parts, reply.state, reply.error_message"
                " FROM message AS reply JOIN message AS prompt ON prompt.id = reply.parent_id"
                " WHERE reply.role = 'assistant' ORDER BY reply.created_at, reply.depth"
            ).fetchall()
            chunks = connection.execute("SELECT message_id, kind, text FROM chunk ORDER BY seq").fetchall()

        def joined(reply_id: str, parts: str, kind: str) -> str:
            folded = "".join(part["text"] for part in json.loads(parts) if part["type"] == kind)
            return folded + "".join(text for owner, of, text in chunks if (owner, of) == (reply_id, kind))

        return [
            StoredReply(
                prompt=joined("", prompt, "text"),
                text=joined(reply_id, reply, "text"),
                thinking=joined(reply_id, reply, "thinking"),
                state=state,
                error=error,
            )
            for reply_id, prompt, reply, state, error in rows
        ]
