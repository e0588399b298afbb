"""/mcp, prompts as slash commands and resources as attachments, on the whole program with pretended servers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import pytest

from chatterm.backend.tools.mcp.values import (
    McpArgument,
    McpChange,
    McpContent,
    McpPrompt,
    McpResource,
    McpStartRequest,
    McpState,
    McpStatus,
)
from chatterm.core.errors import ChattermError, ToolError
from chatterm.core.messages import FilePart, ImagePart
from chatterm.tui.mcp_offers import arguments_of, harmless, resource_word
from tests.tui.conftest import Launch, Program
from tests.tui.widgets.host import HOSTILE, UNSAFE

PNG = b"\x89PNG\r\n\x1a\nrest"

CITY, ZONE = McpArgument(name="city", required=True), McpArgument(name="zone")
NOW = McpPrompt(
    server="time", name="now", command="time__now", description="Tells the time", arguments=(CITY, ZONE)
)
PLAIN = McpPrompt(server="time", name="plain", command="time__plain", description="\x1b[2J\u202eevil [/b]")
PAIR = replace(NOW, command="time__pair", arguments=(CITY, replace(ZONE, required=True)))


def resource(uri: str, name: str = "notes") -> McpResource:
    return McpResource(server="time", uri=uri, name=name)


def content(data: bytes, name: str = "notes") -> McpContent:
    return McpContent(uri="x", name=name, media_type="", data=data)


@dataclass
class Servers:
    """What the screens reach of servers; a test holds `open` to make answers wait."""

    states: dict[str, McpStatus] = field(
        default_factory=lambda: {
            "time": McpStatus(server="time", state=McpState.READY, tools=2),
            "files": McpStatus(server="files", state=McpState.DOWN, reason="it left"),
        }
    )
    listed: list[McpPrompt] = field(default_factory=lambda: [NOW, PLAIN, PAIR])
    offered: list[McpResource] = field(default_factory=lambda: [resource("note://all")])
    contents: dict[str, tuple[McpContent, ...]] = field(default_factory=dict[str, tuple[McpContent, ...]])
    answer: str = "What time is it?"
    fault: str = ""
    open: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[object] = field(default_factory=list[object])
    differs: list[McpChange] = field(default_factory=list[McpChange])

    def start(self) -> None:
        self.asked.append("start")

    def prompts(self) -> tuple[McpPrompt, ...]:
        return tuple(self.listed)

    def resources(self) -> tuple[McpResource, ...]:
        return tuple(self.offered)

    def statuses(self) -> tuple[McpStatus, ...]:
        return tuple(self.states.values())

    def changes(self) -> tuple[McpChange, ...]:
        return tuple(self.differs)

    async def prompt_text(self, prompt: McpPrompt, arguments: Mapping[str, str]) -> str:
        self.asked.append((prompt.command, dict(arguments)))
        await self._answer()
        return self.answer

    async def read_resource(self, resource: McpResource) -> tuple[McpContent, ...]:
        self.asked.append(resource.uri)
        await self._answer()
        return self.contents[resource.uri]

    async def ping(self, name: str) -> None:
        self.asked.append(f"ping {name}")
        await self._answer()
        self.states[name] = replace(self.states[name], ping_seconds=0.123)

    async def restart(self, name: str) -> None:
        self.asked.append(f"restart {name}")

    async def accept_change(self, name: str) -> None:
        self.asked.append(f"accept {name}")
        self.differs.clear()

    async def _answer(self) -> None:
        await self.open.wait()
        if self.fault:
            raise ToolError(self.fault)


@pytest.fixture
def servers() -> Servers:
    made = Servers()
    made.open.set()
    return made


@pytest.fixture
def tools(servers: Servers) -> SimpleNamespace:
    return SimpleNamespace(gate=SimpleNamespace(ask=None), servers=servers)


async def noticed(program: Program, words: str) -> None:
    await program.until(lambda: words in program.notices)


# ---- the page and the start ---------------------------------------------------------------------


async def test_the_page_is_there_before_a_ping_is_answered_and_shows_it_then(
    launch: Launch, servers: Servers, tools: SimpleNamespace
) -> None:
    servers.open.clear()
    async with launch(size=(100, 30), tools=tools) as program:
        await program.send("/mcp")
        await program.shown("down: it left")
        await program.until(lambda: "ping time" in servers.asked)
        assert "answers a ping" not in program.text and "ping files" not in servers.asked
        servers.open.set()
        await program.shown("answers a ping in")
        assert "0.12" in program.text or "123" in program.text
        assert servers.asked.count("ping time") == 1 and servers.asked[0] == "start"
        await program.pilot.press("escape")
        await program.gone("down: it left")


async def test_a_ping_without_answer_and_one_after_the_page_is_closed_cost_nothing(
    launch: Launch, servers: Servers, tools: SimpleNamespace
) -> None:
    servers.open.clear()
    async with launch(tools=tools) as program:
        await program.send("/mcp")
        await program.shown("down: it left")
        await program.pilot.press("escape")
        await program.gone("down: it left")
        servers.open.set()
        await program.until(lambda: servers.states["time"].ping_seconds is not None)
        servers.fault = "no answer"
        await program.send("/mcp")
        await program.until(lambda: servers.asked.count("ping time") == 2)
        await program.shown("down: it left")
        assert program.notices == ""


async def test_restart_accept_and_what_cannot_be_done(
    launch: Launch, servers: Servers, tools: SimpleNamespace
) -> None:
    servers.differs.append(
        McpChange(server="time", changed=("time__x",), difference="-old\n+new [/b]\x1b[2J")
    )
    async with launch(size=(100, 40), tools=tools) as program:
        await program.send("/mcp")
        await program.shown("+new [/b]")
        assert not UNSAFE.search(program.text)
        await program.pilot.press("escape")
        for line, words in (
            ("/mcp accept time", "are taken as they are now"),
            ("/mcp restart time", "is started anew"),
        ):
            await program.send(line)
            await noticed(program, words)
        assert {"accept time", "restart time"} <= set(map(str, servers.asked))
        for line, words in (
            ("/mcp restart nobody", "There is no MCP server"),
            ("/mcp fly", "cannot do"),
            ("/mcp attach nothing", "There is no resource 'nothing'"),
        ):
            await program.send(line)
            await noticed(program, words)
            assert program.composer.text == line  # a command that fails comes back
            program.composer.load("")


async def test_without_servers_there_are_no_offers(launch: Launch, tools: SimpleNamespace) -> None:
    tools.servers = None
    async with launch(tools=tools) as program:
        await program.send("/mcp")
        await noticed(program, "There are no MCP servers")
        program.composer.load("")
        (await program.ask("/time__now what is @time:note://all")).reply("none")
        await program.until(lambda: program.session.running is None)
        assert program.session.turns[-1].prompt.text == "/time__now what is @time:note://all"


@pytest.mark.parametrize(("key", "allowed"), [("y", True), ("n", False), ("escape", False)])
async def test_the_start_of_a_server_is_asked_in_the_box(
    launch: Launch, tools: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, key: str, allowed: bool
) -> None:
    monkeypatch.setattr("chatterm.tui.widgets.consent_box.QUIET_SECONDS", 0.0)
    request = McpStartRequest(
        server="time", argv=("/bin/time\u202e", "a b"), folder="/work", variables=("TOKEN",), digest="d"
    )
    async with launch(tools=tools) as program:
        asking = asyncio.create_task(tools.gate.ask(request))
        await program.shown("or enter no")
        assert r'"/bin/time\u202e","a b"' in program.text and "TOKEN" in program.text
        assert not asking.done()
        await program.pilot.press(key)
        await program.until(asking.done)
        assert asking.result() is allowed
        await program.until(lambda: program.app.focused is program.composer)


# ---- prompts -----------------------------------------------------------------------------------


async def test_a_prompt_is_completed_and_its_text_is_a_draft(
    launch: Launch, servers: Servers, tools: SimpleNamespace
) -> None:
    async with launch(size=(100, 30), tools=tools) as program:
        await program.type("/time__")
        await program.shown("/time__now city=… [zone=…]")
        assert "time: Tells the time" in program.text and "evil [/b]" in program.text
        assert not UNSAFE.search(program.text)
        await program.pilot.press("tab")
        assert program.composer.text == "/time__now "
        await program.type('city="New York" zone=EST')
        await program.pilot.press("enter")
        await program.until(lambda: program.composer.text == "What time is it?")
        assert servers.asked == [("time__now", {"city": "New York", "zone": "EST"})]
        assert program.session.turns == () and program.session.running is None


async def test_what_is_typed_while_a_server_thinks_stays_below(
    launch: Launch, servers: Servers, tools: SimpleNamespace
) -> None:
    servers.open.clear()
    async with launch(tools=tools) as program:
        await program.send("/time__plain")
        await program.until(lambda: servers.asked)
        await program.type("and now")
        servers.open.set()
        await program.until(lambda: program.composer.text == "What time is it?\nand now")


async def test_a_fault_is_one_notice_and_the_command_comes_back(
    launch: Launch, servers: Servers, tools: SimpleNamespace
) -> None:
    servers.fault = "time is down"
    async with launch(tools=tools) as program:
        for line, words in (
            ("/time__plain", "time is down"),
            ("/time__now", "needs city"),
            ("/time__nov x", "Did you mean /time__now?"),
            ("/files__x", "There is no command /files__x"),
        ):
            await program.send(line)
            await noticed(program, words)
            assert program.composer.text == line and len(program.pane.notices.texts) == 1
            program.composer.load("")


async def test_a_prompt_in_the_palette_runs_or_waits_for_its_arguments(
    launch: Launch, servers: Servers, tools: SimpleNamespace
) -> None:
    async with launch(size=(100, 30), tools=tools) as program:
        for typed, expected in (("time__now", "/time__now "), ("time__plain", "What time is it?")):
            program.composer.load("")
            await program.pilot.press("ctrl+p", *typed.replace("_", "~").replace("~", "_"))
            await program.shown("is a prompt of the server time")
            await program.pilot.press("enter")
            await program.until(lambda expected=expected: program.composer.text == expected)


@pytest.mark.parametrize(
    ("prompt", "text", "expected"),
    [
        (NOW, "city=Paris", {"city": "Paris"}),
        (NOW, "New York today", {"city": "New York today"}),
        (NOW, "city=New York", {"city": "New York"}),
        (NOW, "a=b", {"city": "a=b"}),
        (PAIR, 'zone=1  city="a b"', {"zone": "1", "city": "a b"}),
        (PLAIN, "", {}),
    ],
)
def test_arguments(prompt: McpPrompt, text: str, expected: dict[str, str]) -> None:
    assert arguments_of(prompt, text) == expected


@pytest.mark.parametrize(
    ("prompt", "text", "words"),
    [
        (NOW, "", "needs city"),
        (PAIR, "Paris", "takes words such as name=value"),
        (PAIR, "city=a", "needs zone"),
        (PAIR, "city=a zone=b more=c", "takes words such as"),
        (PLAIN, "x", "takes nothing after it"),
    ],
)
def test_wrong_arguments_are_told(prompt: McpPrompt, text: str, words: str) -> None:
    with pytest.raises(ChattermError, match=words):
        arguments_of(prompt, text)


@pytest.mark.parametrize(
    "text",
    ["@~/.ssh/id_rsa", "see\n@/etc/passwd", 'a @"x y"', "/tools on run_command", ":q", "\n/quit", *HOSTILE],
)
def test_the_text_of_a_server_attaches_nothing_and_commands_nothing(text: str) -> None:
    made = harmless(text)
    assert not UNSAFE.search(made.replace("\t", ""))
    assert made[:1] not in ("/", ":") and not made.startswith("@")
    assert " @" not in made and "\n@" not in made


# ---- resources ---------------------------------------------------------------------------------


async def test_resources_are_listed_after_an_at_sign_and_go_along_as_files_do(
    launch: Launch, servers: Servers, tools: SimpleNamespace
) -> None:
    servers.contents["note://all"] = (content("größer".encode()), content(PNG, "../a/b.png"))
    async with launch(size=(100, 30), tools=tools) as program:
        await program.type("read @time:n")
        await program.shown("time:note://all")
        await program.pilot.press("tab")
        assert program.composer.text == "read @time:note://all "
        await program.pilot.press("enter")
        (await program.provider.opened()).reply("done")
        await program.until(lambda: program.session.running is None)
        text, image, _ = program.session.turns[-1].prompt.parts
        assert isinstance(text, FilePart) and (text.name, text.media_type) == ("notes", "text/plain")
        assert isinstance(image, ImagePart) and image.name == ".._a_b.png"
        assert await program.history.blob(text.sha256) == "größer".encode()
        assert program.notices == ""


@pytest.mark.parametrize("wanted", ["notes", "note://all", "time:note://all"])
async def test_attach_takes_a_name_or_a_uri(launch: Launch, tools: SimpleNamespace, wanted: str) -> None:
    async with launch(tools=tools) as program:
        await program.send(f"/mcp attach {wanted}")
        await program.until(lambda: program.composer.text == "@time:note://all ")


async def test_what_cannot_be_attached_is_told_and_the_prompt_comes_back(
    launch: Launch, servers: Servers, tools: SimpleNamespace
) -> None:
    servers.contents = {
        "note://all": (),
        "a:bin": (content(b"\0\1"),),
        "a:none": (content(b""),),
        "a:huge": (content(b"x" * (10 * 1024 * 1024 + 1)),),
        "a:many": (content(b"x"),) * 21,
    }
    servers.offered += [resource(uri) for uri in servers.contents if uri != "note://all"]
    async with launch(tools=tools) as program:
        for line, words in (
            ("@time:note://all", "has 0 pieces"),
            ("@time:a:bin", "is neither text nor an image"),
            ("@time:a:none", "is empty"),
            ("@time:a:huge", "is larger than 10 MB"),
            ("@time:a:many", "has 21 pieces"),
            ("@files:a:gone", "No server offers @files:a:gone now"),
        ):
            await program.send(line)
            await noticed(program, words)
            assert program.composer.text == line and program.session.turns == ()
            program.composer.load("")
        servers.fault = "it left"
        await program.send("@time:a:bin")
        await noticed(program, "notes cannot be read: it left")


async def test_of_resources_with_one_name_the_user_says_which(
    launch: Launch, servers: Servers, tools: SimpleNamespace
) -> None:
    servers.offered.append(resource("note://new page"))
    async with launch(tools=tools) as program:
        await program.send("/mcp attach notes")
        await noticed(program, "2 resources are called so")
        program.composer.load("")
        await program.send("/mcp attach note://new page")
        await program.until(lambda: program.composer.text == '@"time:note://new page" ')


@pytest.mark.parametrize("uri", ['a:"b"', "a:\nb", "a:\u202eb", "a:\x1b", "a:" + "x" * 600, "a:\ud800"])
def test_a_uri_that_cannot_be_seen_or_typed_is_not_offered(uri: str) -> None:
    assert resource_word(resource(uri)) is None
