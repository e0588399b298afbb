"""From Enter to a sign of life, and from the server's first byte to the text on screen."""

from __future__ import annotations

import time
from pathlib import Path

from tests.benchmarks.figures import Figure
from tests.doubles import server_replies as replies
from tests.doubles.server import ScriptedServer
from tests.doubles.server_replies import Script, Send, WaitFor
from tests.doubles.terminal import CTRL_N, CTRL_Q, ENTER, below
from tests.journeys.program import Home

TURNS_PER_CONVERSATION = 10
TO_SCREEN_GOAL_MS = 35.0
TO_SIGN_GOAL_MS = 50.0


def _reply(marker: str, sent_at: list[float]) -> Script:
    """Waits for its gate, notes the time, gives the marker with its first bytes, and ends when it was seen."""
    yield WaitFor(f"begin-{marker}")
    first = replies.openai_chunk({"role": "assistant", "content": f"{marker} "})
    sent_at.append(time.monotonic())
    yield Send(replies.head(replies.CONTENT_TYPES["openai"]) + replies.chunk(first))
    yield WaitFor(f"end-{marker}")
    rest = [replies.openai_chunk({"content": "and so on."}), replies.openai_chunk({}, finish_reason="stop")]
    yield Send(b"".join(replies.chunk(frame) for frame in [*rest, b"data: [DONE]\n\n"]) + replies.LAST_CHUNK)


def first_bytes(folder: Path, runs: int) -> list[Figure]:
    """So many turns with a server that answers when the waiting line is on screen."""
    sign = Figure("Enter to prompt and waiting line", "ms", goal=TO_SIGN_GOAL_MS, goal_at=0.95)
    text = Figure("first byte to text on screen", "ms", goal=TO_SCREEN_GOAL_MS, goal_at=0.95)
    home = Home(folder / "first-bytes")
    with ScriptedServer.in_thread() as server:
        arguments = ("--base-url", server.base_url("openai"), "-m", "scripted-model")
        with home.start(*arguments) as terminal:
            terminal.wait_for("/ scripted-model")
            for number in range(runs):
                if number and number % TURNS_PER_CONVERSATION == 0:
                    terminal.send(CTRL_N)
                    terminal.wait_for("Type a message")
                marker, prompt = f"mark{number:04}", f"ask{number:04}"
                sent_at: list[float] = []
                server.reply_script(_reply(marker, sent_at))
                terminal.send(prompt.encode())
                terminal.wait_for(prompt)
                pressed_at = terminal.send(ENTER)
                shown_at = terminal.wait_until(
                    lambda screen, prompt=prompt: " · " in below(screen, f"▌ {prompt}").split("───")[0]
                )
                sign.samples.append((shown_at - pressed_at) * 1000)
                server.wait_until(lambda number=number: len(server.chats) == number + 1)
                server.release(f"begin-{marker}")
                shown_at = terminal.wait_for(marker)
                text.samples.append((shown_at - sent_at[0]) * 1000)
                server.release(f"end-{marker}")
                terminal.wait_until(
                    lambda screen, marker=marker: "scripted-model · " in below(screen, marker)
                )
            terminal.send(CTRL_Q)
            assert terminal.wait_exit() == 0
    return [sign, text]
