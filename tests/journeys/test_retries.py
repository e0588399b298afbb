"""A server that is busy, and one that stays so: what the user sees, and can do."""

from __future__ import annotations

from tests.doubles.server import ScriptedServer
from tests.doubles.terminal import ENTER, ESC, Terminal
from tests.journeys.program import Home


def busy(server: ScriptedServer, seconds: str) -> None:
    server.reply_status(
        429, {"error": {"message": "Slow down.", "type": "requests"}}, **{"Retry-After": seconds}
    )


def test_a_busy_server_is_asked_again_at_once_when_enter_says_so(
    home: Home, server: ScriptedServer, openai: Terminal
) -> None:
    busy(server, "60")
    server.reply_text("Here it is.")
    openai.send(b"hello" + ENTER)
    openai.wait_for("429 from 127.0.0.1")
    openai.wait_for("(2 of 3)")
    openai.send(ENTER)
    openai.wait_for("Here it is.")
    openai.wait_for("complete")
    assert [turn.state for turn in home.stored()] == ["complete"]
    openai.send(b"/details" + ENTER)
    openai.wait_for("Asked before")
    openai.wait_for("Slow down.")


def test_a_stop_while_it_waits_gives_the_prompt_back(server: ScriptedServer, openai: Terminal) -> None:
    busy(server, "60")
    openai.send(b"hello there" + ENTER)
    openai.wait_for("again in")
    openai.send(ESC)
    openai.wait_until(lambda _: any("hello there" in line for line in openai.lines[-3:]))
    assert len(server.chats) == 1


def test_another_model_answers_and_the_reply_says_which_and_why(home: Home, server: ScriptedServer) -> None:
    home.write_settings(
        f'[providers.box]\nbase_url = "{server.base_url("openai")}"\nretries = 0\n'
        '[providers.box.models.big]\nfallback = ["nowhere", "small"]\n'
    )
    server.reply_status(503, {"error": {"message": "Full."}})
    server.reply_status(
        404, {"error": {"message": "The model nowhere does not exist", "code": "model_not_found"}}
    )
    server.reply_text("From the small one.")
    with home.start("--provider", "box", "-m", "big", columns=160) as terminal:
        terminal.wait_for("box / big")
        terminal.send(b"hello" + ENTER)
        terminal.wait_for("From the small one.")
        terminal.wait_for("box/small answered in the place of box/big")
        assert [chat.json["model"] for chat in server.chats] == ["big", "nowhere", "small"]


def test_ask_tells_each_try_on_stderr(home: Home, server: ScriptedServer) -> None:
    busy(server, "0")
    server.reply_text("Done.")
    status, out, told = home.run("ask", "--base-url", server.base_url("openai"), "-m", "m", "hello")
    assert (status, out) == (0, "Done.\n")
    assert "Slow down." in told and "(2 of 3)" in told
    for _ in range(3):
        busy(server, "0")
    status, out, told = home.run("ask", "--base-url", server.base_url("openai"), "-m", "m", "hello")
    assert (status, out) == (4, "") and told.count("Slow down.") >= 2


def test_a_retry_goes_to_another_of_the_addresses_of_a_service(home: Home, server: ScriptedServer) -> None:
    with ScriptedServer.in_thread() as other:
        addresses = (
            f'base_url = "{server.base_url("openai")}"\nmore_base_urls = ["{other.base_url("openai")}"]\n'
        )
        home.write_settings(f"[providers.box]\n{addresses}retry_first_seconds = 0.1\n")
        server.reply_status(500, {"error": "broken"})
        other.reply_text("From the other.")
        status, out, _ = home.run("ask", "--provider", "box", "-m", "m", "hello")
        assert (status, out, len(server.chats)) == (0, "From the other.\n", 1)
