"""Two servers: rules send one prompt to the other one, and the next goes where the conversation goes."""

from __future__ import annotations

from tests.doubles.server import ScriptedServer
from tests.doubles.terminal import ENTER
from tests.journeys.program import Home


def rules(home: Home, server: ScriptedServer, other: ScriptedServer) -> None:
    home.write_settings(
        'provider = "near"\nmodel = "own"\n'
        "[routing]\nenabled = true\n"
        '[[routing.rules]]\nrecent = true\nmodel = "far/searcher"\n'
        f'[providers.near]\nbase_url = "{server.base_url("openai")}"\n'
        f'[providers.far]\nbase_url = "{other.base_url("openai")}"\nretries = 0\n'
    )


def test_a_prompt_goes_to_the_other_server_and_the_next_does_not(home: Home, server: ScriptedServer) -> None:
    with ScriptedServer.in_thread() as other:
        rules(home, server, other)
        other.reply_text("Much happened.")
        server.reply_text("You are welcome.")
        with home.start(columns=160) as terminal:
            terminal.wait_for("rules · near / own")
            terminal.send(b"What are the latest news from Rome?" + ENTER)
            terminal.wait_for("Much happened.")
            terminal.wait_for("routed to far/searcher because it asks for recent events")
            terminal.send(b"Thank you" + ENTER)
            terminal.wait_for("You are welcome.")
            home.wait_stored(lambda turns: [turn.state for turn in turns] == ["complete", "complete"])
        assert [chat.json["model"] for chat in other.chats] == ["searcher"]
        assert [chat.json["model"] for chat in server.chats] == ["own"]
        with home.start("-c", columns=160) as terminal:
            terminal.wait_for("routed to far/searcher because it asks for recent events")


def test_ask_routes_and_tells_it_and_the_own_model_stands_in(home: Home, server: ScriptedServer) -> None:
    with ScriptedServer.in_thread() as other:
        rules(home, server, other)
        other.reply_text("Much happened.")
        status, out, told = home.run("ask", "What happened in Rome today?")
        assert (status, out) == (0, "Much happened.\n")
        assert "routed to far/searcher because it asks for recent events" in told
        status, out, _ = home.run("ask", "--dry-run", "What happened in Rome today?")
        assert status == 0 and '"searcher"' in out and len(other.chats) == 1
        server.reply_text("Named.")
        assert home.run("ask", "-m", "near/own", "What happened in Rome today?").output == "Named.\n"
        other.reply_status(404, {"error": {"message": "No model searcher", "code": "model_not_found"}})
        server.reply_text("I do not know.")
        status, out, told = home.run("ask", "What happened in Rome today?")
        assert (status, out) == (0, "I do not know.\n")
        assert "near/own is asked" in told
