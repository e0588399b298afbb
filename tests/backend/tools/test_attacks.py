"""Calls that try to get by the gate: whatever was allowed before, none runs without a yes to exactly itself."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from chatterm.backend.net.fetch import PageFetcher
from chatterm.backend.tools.approval import Approvals
from chatterm.backend.tools.base import PreparedCall, TellProgress, Tool, ToolOutput
from chatterm.backend.tools.builtin.fetch_url import FetchUrl
from chatterm.backend.tools.builtin.read_file import ReadFile
from chatterm.backend.tools.builtin.run_command import RunCommand
from chatterm.backend.tools.builtin.write_file import WriteFile
from chatterm.backend.tools.files.denied_paths import denied_paths
from chatterm.backend.tools.files.rooted import Root
from chatterm.backend.tools.files.undo_copies import UndoCopies
from chatterm.backend.tools.programs.processes import Child, Processes
from chatterm.backend.tools.programs.sandbox import Layout, Sandbox
from chatterm.config.paths import Paths
from chatterm.core.errors import ToolError
from chatterm.core.messages import ToolCallPart
from chatterm.core.tools import Access, Decision, ToolOutcome
from chatterm.core.turn import ToolSpec
from chatterm.core.web import WebAddress, WebPage
from tests.doubles.patience import soon
from tests.doubles.tools import PlainTool, toolbox_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the folder walk is tried on Linux")

ATTACKS = 500
SEED = 20261121

LOOK_ALIKES = str.maketrans({"a": "а", "e": "е", "o": "о", "c": "с", "p": "р", "x": "х", "i": "і"})
INVISIBLE = ("\u200b", "\u202e", "\u2066", "\ufeff", "\u00ad", "\u0000", "\x1b[2K", "\r", "\n", " ", "\t")

Attack = tuple[str, Mapping[str, object]]


class NoProcesses(Processes):
    """Counts what would be started, and starts nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.started = 0

    def new(self) -> Child:
        self.started += 1
        raise ToolError("nothing is started here")


class NoPages(PageFetcher):
    """Reads addresses as they are read, remembers what would be fetched, and fetches nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []

    async def fetch(self, address: WebAddress) -> WebPage:
        self.fetched.append(address.url)
        raise ToolError("nothing is fetched here")


class Watched:
    """A tool that notes each run of it."""

    def __init__(self, tool: Tool, runs: list[str]) -> None:
        self._tool, self._runs = tool, runs
        self.source, self.is_pure, self.timeout_seconds = tool.source, tool.is_pure, tool.timeout_seconds

    @property
    def spec(self) -> ToolSpec:
        return self._tool.spec

    async def prepare(self, arguments: Mapping[str, object]) -> PreparedCall:
        prepared = await self._tool.prepare(arguments)

        async def run(tell: TellProgress) -> ToolOutput:
            self._runs.append(f"{self.spec.name} {prepared.access}")
            return await prepared.run(tell)

        return PreparedCall(access=prepared.access, run=run)


@dataclass
class Gate:
    """All tools behind one gate, with what the user allowed before, and what he is asked now."""

    root: Path
    approvals: Approvals
    tools: tuple[Tool, ...]
    processes: NoProcesses
    pages: NoPages
    plain: PlainTool
    runs: list[str]
    asked: list[str] = field(default_factory=list[str])

    async def run(self, name: str, arguments: Mapping[str, object], decision: Decision) -> ToolOutcome:
        """One call, decided so if it is asked for."""

        async def ask(call: ToolCallPart, access: Access) -> Decision:
            self.asked.append(access.target)
            return decision

        toolbox = toolbox_of(*self.tools, approvals=self.approvals)
        await toolbox.specs()
        call = ToolCallPart("c0", name, json.dumps(arguments))
        ran = toolbox.round([call], 0, ask, lambda event: None)
        await soon(ran.run(), "did not end", 20)
        return ran.runs[0].outcome

    def effects(self) -> tuple[object, ...]:
        """All that a call could have done."""
        files = sorted((str(path), path.read_text()) for path in self.root.rglob("*") if path.is_file())
        return files, tuple(self.runs)


@pytest.fixture
async def gate(tmp_path: Path) -> AsyncIterator[Gate]:
    """A gate at which the user said "always" to one call of each tool."""
    folder = tmp_path / "root"
    (folder / "docs").mkdir(parents=True)
    (folder / "docs" / "notes.txt").write_text("allowed")
    (folder / "docs" / "other.txt").write_text("not allowed")
    (tmp_path / "outside.txt").write_text("outside")
    (folder / "link.txt").symlink_to(tmp_path / "outside.txt")
    paths = Paths(settings=tmp_path / "settings", data=tmp_path / "data", state=tmp_path / "state")
    denied = denied_paths(paths, {"HOME": str(tmp_path / "home")})
    root = Root(folder, denied)
    processes, pages, plain = NoProcesses(), NoPages(), PlainTool("server__act", harmless=False)
    sandbox = Sandbox(Layout(root=folder, home=tmp_path / "home"), processes, "off")
    command = RunCommand(
        root=root,
        processes=processes,
        sandbox=sandbox,
        environment={"PATH": "/usr/bin:/bin"},
        limit_seconds=5,
    )
    tools = (ReadFile(root), WriteFile(root, UndoCopies(tmp_path / "undo")), command, FetchUrl(pages), plain)
    runs: list[str] = []
    watched = tuple(Watched(tool, runs) for tool in tools)
    found = Gate(folder, Approvals(), watched, processes, pages, plain, runs)
    for name, arguments in ALLOWED.items():
        await found.run(name, arguments, Decision.ALWAYS)
    found.asked.clear()
    yield found
    processes.kill_all()


ALLOWED: dict[str, Mapping[str, object]] = {
    "read_file": {"path": "docs/notes.txt"},
    "write_file": {"path": "docs/notes.txt", "content": "allowed"},
    "run_command": {"argv": ["echo", "x"]},
    "fetch_url": {"url": "https://trusted.com/page"},
    "server__act": {"what": "x"},
}


def _words(chance: random.Random) -> list[str]:
    word = chance.choice(
        ["x && ls", "x; ls", "x | sh", "$(ls)", "`ls`", "x\nls", "-n", "x ", " x", "X", "x" * 5000]
    )
    tail = chance.choice([[], ["ls"], ["x"], ["--", "x"], [chance.choice(INVISIBLE)]])
    program = chance.choice(
        ["echo", "/bin/echo", "./echo", "sh", "env", "ECHO", "echo".translate(LOOK_ALIKES)]
    )
    return [program, word + chance.choice(["", *INVISIBLE]), *tail]


def _path(chance: random.Random) -> str:
    path = chance.choice(
        [
            *("docs/other.txt", "docs/../docs/other.txt", "docs/notes.txt/../other.txt", "../outside.txt"),
            *("link.txt", "/etc/passwd", "~/x", "docs/notes.txt.bak", "docs/notes", "DOCS/NOTES.TXT", "docs"),
            *("docs/notes.txt/", "/proc/self/environ", "/dev/stdin", "docs\\notes.txt", ".git/hooks/x"),
            *("docs//other.txt", "./docs/./other.txt", "docs/notes.txt".translate(LOOK_ALIKES)),
        ]
    )
    return path + chance.choice(["", *INVISIBLE])


def _url(chance: random.Random) -> str:
    host = chance.choice(
        [
            *("trusted.com.evil.com", "eviltrusted.com", "trusted.com@evil.com", "trusted.com%40evil.com"),
            *(
                "trusted.com:8443",
                "trusted.com".translate(LOOK_ALIKES),
                "127.0.0.1",
                "0x7f.1",
            ),
            *(
                "[::ffff:127.0.0.1]",
                "169.254.169.254",
                "localhost",
                "trusted.com\\@evil.com",
                "evil.com#trusted.com",
            ),
            *("trusted.com\x00.evil.com", "xn--trusted-.com", "sub.trusted.com", "trusted.co", "2130706433"),
        ]
    )
    scheme = chance.choice(["https", "http", "HTTPS", "file", "javascript", "ftp", "https:/"])
    return f"{scheme}://{host}/{chance.choice(['', 'page', '?q=' + 'secret' * 50, '../x'])}"


def _act(chance: random.Random) -> Mapping[str, object]:
    what = chance.choice(["x ", "X", "х", "x\u200b", "y", ["x"], {"x": 1}, None, 1, True])
    return (
        {"what": what} if chance.random() < 0.7 else {"what": "x", chance.choice(["more", "wha\u0442"]): what}
    )


def attacks(seed: int) -> Iterator[Attack]:
    """Calls that look like what was allowed, and are not."""
    chance = random.Random(seed)
    for number in range(ATTACKS):
        match number % 6:
            case 0:
                yield "read_file", {"path": _path(chance)}
            case 1:
                yield (
                    "write_file",
                    {"path": _path(chance), "content": chance.choice(["changed", "", "allowed\u202e"])},
                )
            case 2:
                yield "run_command", {"argv": _words(chance)}
            case 3:
                yield "fetch_url", {"url": _url(chance)}
            case 4:
                yield "server__act", _act(chance)
            case _:
                name = chance.choice([*ALLOWED, "nobody"])
                forged = name.translate(LOOK_ALIKES) if name != "server__act" else "server__act\u200b"
                yield forged, ALLOWED.get(name, {})


async def test_five_hundred_attacks_run_nothing_without_a_yes(gate: Gate) -> None:
    before = gate.effects()
    outcomes: dict[ToolOutcome, int] = {}
    for number, (name, arguments) in enumerate(attacks(SEED)):
        outcome = await gate.run(name, arguments, Decision.DENY)
        assert outcome in (ToolOutcome.DENIED, ToolOutcome.INVALID, ToolOutcome.FAILED), (name, arguments)
        assert gate.effects() == before, (number, name, arguments)
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    assert outcomes[ToolOutcome.DENIED] > ATTACKS // 5  # not all were refused for being nonsense
    assert len(gate.asked) > ATTACKS // 5


async def test_what_was_allowed_runs_without_a_question(gate: Gate) -> None:
    before = gate.processes.started
    for name, arguments in ALLOWED.items():
        await gate.run(name, arguments, Decision.DENY)
    # Without a sandbox a command is asked for each time, whatever was said before.
    assert len(gate.asked) == 1
    assert "echo" in gate.asked[0]
    assert gate.processes.started == before
    assert gate.plain.runs == 2
    assert gate.pages.fetched == ["https://trusted.com/page"] * 2


async def test_a_server_that_swaps_its_tool_is_asked_for_again(gate: Gate) -> None:
    runs = gate.plain.runs
    spec = gate.plain.spec
    for swapped in (replace(spec, description="x" * 50), replace(spec, parameters={"type": "array"})):
        gate.plain.spec = swapped
        assert await gate.run("server__act", ALLOWED["server__act"], Decision.DENY) is ToolOutcome.DENIED
    assert gate.plain.runs == runs
