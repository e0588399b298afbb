"""What comes from outside never acts on the terminal, and never ends the program."""

from __future__ import annotations

import re

import pytest

from tests.doubles.server import ScriptedServer
from tests.doubles.terminal import CTRL_L, CTRL_Q, CTRL_T, ENTER, Terminal
from tests.journeys.program import Home

HOSTILE = (
    "before \x1b]52;c;aGFja2Vk\x07 \x1b]0;owned-title\x07 \x9b66;6H \x9d52;c;aGFja2Vk\x9c "
    "\x1b[2J \x1b[?1049l \x1bP+q544e\x1b\\ \x1b[38;5;123m \x1b(0 \x0e \x08\x7f \x00 \u202egnp.exe\u202c "
    "\U000e0041 [/INST] [bold red] [/] [@click=app.quit]x[/] after"
)

# The shapes of what a terminal application itself sends: styles, cursor, modes, the question for a mode,
# the keyboard protocol, the shape of the mouse pointer. Every other control code came from outside.
OWN = re.compile(
    rb"\x1b\]22;[a-z-]+\x07|"
    rb"\x1b\[[0-9;]*m|\x1b\[[0-9;]*H|\x1b\[\?[0-9;]+[hl]|\x1b\[\?[0-9;]+\$p|\x1b\[>[0-9;]*u|\x1b\[<[0-9;]*u"
)
FOREIGN = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]|\xf3\xa0\x81")


def foreign_bytes(output: bytes) -> list[bytes]:
    """Control codes that the program did not send by itself, each with what follows."""
    rest = OWN.sub(b"", output)
    return [rest[match.start() : match.start() + 20] for match in FOREIGN.finditer(rest)]


def check(terminal: Terminal) -> None:
    """Leave, and look at every byte that reached the terminal."""
    terminal.send(CTRL_Q)
    assert terminal.wait_exit() == 0
    assert terminal.left_on == []
    assert foreign_bytes(terminal.output) == []
    for sequence in (b"\x1b[66;6H", b"\x1b[38;5;123m", b"\x1b[2J"):
        assert sequence not in terminal.output
    # The alternate screen is left once, by the program itself.
    assert terminal.output.count(b"\x1b[?1049l") == 1


def test_the_search_finds_what_is_foreign() -> None:
    assert len(foreign_bytes(HOSTILE.encode())) > 10
    assert foreign_bytes(b"\x1b[1;2H\x1b[38;2;1;2;3mtext\r\n\x1b[?25h") == []


@pytest.mark.parametrize("pieces", [[HOSTILE], list(HOSTILE)], ids=["whole", "by-character"])
def test_a_hostile_reply(home: Home, server: ScriptedServer, openai: Terminal, pieces: list[str]) -> None:
    server.reply_text(pieces)
    openai.send(b"question" + ENTER)
    openai.wait_for("after")
    openai.wait_for("complete")
    shown = "[/INST] [bold red] [/] [@click=app.quit]x[/]"
    openai.wait_until(
        lambda screen: shown in " ".join(row.split("▏")[0].strip() for row in screen.split("\n"))
    )
    check(openai)
    with home.start("-c") as again:
        again.wait_for("after")
        check(again)


def test_hostile_thinking(server: ScriptedServer, openai: Terminal) -> None:
    server.reply_text("the answer", thinking=HOSTILE)
    openai.send(b"question" + ENTER)
    openai.wait_for("the answer")
    openai.wait_for("complete")
    openai.send(CTRL_T)  # unfolds the thinking
    openai.wait_for("gnp.exe")
    check(openai)


def test_hostile_model_names(home: Home) -> None:
    # A name with NUL could not be asked for, and is not listed.
    evil = "evil " + HOSTILE.replace("\x00", "")
    with ScriptedServer.in_thread(models=("plain", evil)) as server:
        arguments = ("--base-url", server.base_url("openai"), "-m", "plain")
        with home.start(*arguments, columns=200) as terminal:
            terminal.wait_for("/ plain")
            terminal.send(CTRL_L)
            terminal.wait_for("evil before")
            check(terminal)


def test_a_hostile_error_body(server: ScriptedServer, openai: Terminal) -> None:
    server.reply_status(
        400, {"error": {"message": HOSTILE, "type": "invalid_request_error", "code": HOSTILE}}
    )
    openai.send(b"question" + ENTER)
    openai.wait_for("failed")
    openai.wait_for("alt+r asks")
    check(openai)


def test_a_hostile_prompt_reaches_the_server_as_text(
    home: Home, server: ScriptedServer, openai: Terminal
) -> None:
    pasted = b"\x1b[200~a [/INST] [bold] \x00 \x9b31m \xff \xed\xa0\x80 b\x1b[201~"
    openai.send(pasted)
    openai.wait_for("[/INST]")
    openai.send(ENTER)
    server.wait_until(lambda: server.chats)
    openai.wait_for("complete")
    sent = server.chats[0].json["messages"][-1]["content"]
    assert "a [/INST] [bold]" in sent
    assert sent.rstrip().endswith("b")
    assert home.stored()[0].prompt == sent
    check(openai)
