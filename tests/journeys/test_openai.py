"""A long reply in the OpenAI format, and prompts sent while it comes in."""

from __future__ import annotations

from tests.doubles.server import ScriptedServer
from tests.doubles.terminal import ENTER, UP, Terminal
from tests.journeys.program import Home

LONG_REPLY_TOKENS = 8_000
WORDS_PER_LINE = 10


def long_reply() -> list[str]:
    """So many pieces, numbered, in lines and paragraphs; the last line is a marker of its own."""
    pieces: list[str] = []
    for number in range(LONG_REPLY_TOKENS):
        last_of_line = number % WORDS_PER_LINE == WORDS_PER_LINE - 1
        end = ("\n\n" if number % (WORDS_PER_LINE * 7) == 9 else "\n") if last_of_line else " "
        pieces.append(f"w{number:04}{end}")
    return [*pieces, "\nthe very end of it"]


def test_a_long_reply_arrives_whole(home: Home, server: ScriptedServer, openai: Terminal) -> None:
    pieces = long_reply()
    server.reply_text(pieces, usage=(12, LONG_REPLY_TOKENS))
    openai.send(b"Tell me everything" + ENTER)
    openai.wait_for("the very end of it", 60)
    openai.wait_for("complete")
    openai.wait_for(f"{LONG_REPLY_TOKENS:,} tok")
    rows = [line.split("▏")[0].strip() for line in openai.lines]
    end = rows.index("the very end of it")
    tail = [line for line in "".join(pieces).splitlines() if line.strip()][-10:]
    assert [row for row in rows[: end + 1] if row][-10:] == tail
    [turn] = home.stored()
    assert turn.text == "".join(pieces)
    assert turn.state == "complete"
    [request] = server.chats
    assert request.json["messages"][-1] == {"role": "user", "content": "Tell me everything"}


def test_a_prompt_sent_meanwhile_waits_and_can_be_taken_back(
    home: Home, server: ScriptedServer, openai: Terminal
) -> None:
    server.reply_text("one two three four", gates={3: "rest"})
    server.reply_text("the second reply")
    openai.send(b"first question" + ENTER)
    openai.wait_for("one two")
    openai.send(b"second question" + ENTER)
    openai.wait_for("queued")
    openai.send(UP)
    openai.wait_until(lambda screen: "queued" not in screen and "▌ second question" not in screen)
    openai.wait_for(" second question")  # in the prompt again
    openai.send(ENTER)
    openai.wait_for("queued")
    server.release("rest")
    openai.wait_for("the second reply")
    openai.wait_until(lambda screen: "queued" not in screen)
    openai.wait_until(lambda screen: screen.count("scripted-model · ") == 2)
    assert [(turn.prompt, turn.text, turn.state) for turn in home.stored()] == [
        ("first question", "one two three four", "complete"),
        ("second question", "the second reply", "complete"),
    ]
    texts = [message["content"] for message in server.chats[1].json["messages"]]
    assert texts == ["first question", "one two three four", "second question"]


def test_a_draft_typed_while_a_reply_comes_in_stays(server: ScriptedServer, openai: Terminal) -> None:
    server.reply_text("one two three four", gates={3: "rest"})
    openai.send(b"question" + ENTER)
    openai.wait_for("one two")
    openai.send(b"a next thou")
    openai.wait_for("a next thou")
    server.release("rest")
    openai.wait_for("one two three four")
    openai.send(b"ght")
    openai.wait_for("a next thought")
