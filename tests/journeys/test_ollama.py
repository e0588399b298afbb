"""Ollama's own interface on a wide screen: figures, a stop in the middle, and the conversation again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.doubles import server_replies as replies
from tests.doubles.server import ScriptedServer
from tests.doubles.terminal import CTRL_C, CTRL_Q, ENTER, ESC, Terminal, below
from tests.journeys.program import Home

START = ("--provider", "ollama", "--model", "llama3")


@pytest.fixture
def ollama(home: Home, server: ScriptedServer) -> Iterator[Terminal]:
    with home.start(*START, columns=200, rows=60, OLLAMA_HOST=server.url) as terminal:
        terminal.wait_for("ollama / llama3")
        yield terminal


def figures(terminal: Terminal) -> dict[str, str]:
    """Label and value of the rows of the sidebar; rows without a label are left out."""
    rows = [line.rpartition("▏")[2].strip() for line in terminal.lines if "▏" in line]
    pairs = [row.split("  ", 1) for row in rows if "  " in row]
    return {label: value.strip() for label, value in pairs}


@pytest.mark.parametrize(("load_seconds", "warmth"), [(0.02, "warm"), (4.2, "cold")])
def test_the_sidebar_shows_what_the_server_measured(
    server: ScriptedServer, ollama: Terminal, load_seconds: float, warmth: str
) -> None:
    frames = [replies.ollama_line({"role": "assistant", "content": word}) for word in ("Hello ", "there.")]
    done = replies.ollama_done(
        usage=(26, 298), load_seconds=load_seconds, prompt_seconds=0.13, eval_seconds=4.7
    )
    server.reply_script(replies.stream([*frames, done], content_type=replies.CONTENT_TYPES["ollama"]))
    ollama.send(b"Hi" + ENTER)
    wanted = {
        "state": "complete",
        "rate": "63 tok/s",  # 298 tokens in 4.7 s
        "tokens in": "26",
        "tokens out": "298",
        "retries": "0",
        "connection": "new",
        "model": warmth,
        "load": "20 ms" if warmth == "warm" else "4.2 s",
        "prompt": "130 ms",
        "eval": "4.7 s",
    }
    ollama.wait_until(lambda _: wanted.items() <= figures(ollama).items(), what=f"{wanted}")
    assert figures(ollama)["TTFT"].endswith("ms")


@pytest.mark.parametrize("key", [ESC, CTRL_C], ids=["esc", "ctrl-c"])
def test_a_stopped_reply_is_kept_and_goes_on_as_context(
    home: Home, server: ScriptedServer, ollama: Terminal, key: bytes
) -> None:
    server.reply_text("The part before and the part after", provider="ollama", gates={3: "never"})
    ollama.send(b"first question" + ENTER)
    ollama.wait_for("The part before")
    stopped_at = ollama.send(key)
    [request] = server.chats
    server.wait_until(lambda: request.closed_at is not None)
    assert request.closed_at is not None
    assert request.closed_at - stopped_at < 2.0  # the benchmark holds the 50 ms
    ollama.wait_until(lambda screen: "stopped" in below(screen, "The part before"))
    home.wait_stored(lambda turns: (turns[0].text, turns[0].state) == ("The part before ", "cancelled"))
    server.reply_text("A second reply.", provider="ollama")
    ollama.send(b"second question" + ENTER)
    ollama.wait_for("A second reply.")
    ollama.wait_for("complete")
    sent = [(message["role"], message["content"]) for message in server.chats[1].json["messages"]]
    assert [role for role, _ in sent] == ["user", "assistant", "user"]
    assert sent[1][1].startswith("The part before")
    ollama.send(CTRL_Q)
    assert ollama.wait_exit() == 0
    assert ollama.left_on == []
    assert [(turn.text, turn.state) for turn in home.stored()] == [
        ("The part before ", "cancelled"),
        ("A second reply.", "complete"),
    ]
    with home.start("-c", columns=200, rows=60, OLLAMA_HOST=server.url) as again:
        again.wait_for("A second reply.")
        again.wait_for("ollama / llama3")
        for text in ("first question", "The part before", "stopped", "second question"):
            again.wait_for(text)


def test_a_stop_before_the_first_word_gives_the_prompt_back(
    home: Home, server: ScriptedServer, ollama: Terminal
) -> None:
    server.reply(replies.Hang())
    ollama.send(b"a question I regret" + ENTER)
    server.wait_until(lambda: server.chats)
    ollama.wait_for("waiting for llama3")
    ollama.send(ESC)
    server.wait_until(lambda: server.chats[0].closed_at is not None)
    ollama.wait_for("Your prompt is back")
    ollama.wait_until(lambda screen: "▌ a question" not in screen and " a question I regret" in screen)
    assert [turn.state for turn in home.stored()] == ["withdrawn"]


def test_a_model_is_loaded_while_the_prompt_is_typed_and_the_wait_tells_how_long_it_took_before(
    home: Home, server: ScriptedServer
) -> None:
    server.routes["/api/ps"] = lambda _: replies.whole({"models": []})
    server.reply_script(replies.whole({"model": "big", "done": True, "done_reason": "load"}))
    with home.start("--provider", "ollama", "--model", "big", OLLAMA_HOST=server.url) as terminal:
        terminal.wait_for("ollama / big")
        terminal.send(b"Hi")
        server.wait_until(lambda: server.chats)
        assert server.chats[0].json["messages"] == []
        done = replies.ollama_done(usage=(1, 2), load_seconds=4.2, prompt_seconds=0.1, eval_seconds=0.1)
        frames = [replies.ollama_line({"role": "assistant", "content": "Hello."}), done]
        server.reply_script(replies.stream(frames, content_type=replies.CONTENT_TYPES["ollama"]))
        terminal.send(ENTER)
        terminal.wait_for("complete")
        server.reply_text("never", provider="ollama", gates={0: "never"})
        terminal.send(b"Again" + ENTER)
        terminal.wait_for("loading big")
        terminal.wait_for("last time 4.2 s")
        assert [len(chat.json["messages"]) for chat in server.chats] == [0, 1, 3]
