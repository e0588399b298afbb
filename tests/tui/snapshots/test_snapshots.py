"""Pictures of the screen. To make them anew, with the versions below: pytest tests/tui/snapshots --snapshot-update

Every source of chance is pinned: the clock, the ticking, the blinking of the cursor, sizes, themes, versions.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.metadata import version

import pytest
from pytest_textual_snapshot import SVGImageExtension
from syrupy.assertion import SnapshotAssertion
from textual.widgets import Input, TextArea

from chatterm.backend.metrics import figures_of
from chatterm.config.model import InterfaceSettings, Settings
from chatterm.core.errors import ConnectionFailedError
from chatterm.core.timings import ServerTimings
from chatterm.core.usage import Usage
from chatterm.tui.messages import FiguresChanged
from tests.tui.conftest import PLAIN, Launch, Program

PINNED = {"python": "3.11", "textual": "8.2.8", "rich": "15.0.0"}
FOUND = {
    "python": ".".join(platform.python_version_tuple()[:2]),
    "textual": version("textual"),
    "rich": version("rich"),
}

pytestmark = pytest.mark.skipif(
    FOUND != PINNED,
    reason=f"pictures are compared and made with {PINNED} only; here is {FOUND}",
)

SMALL, LARGE, NARROW = (80, 24), (200, 60), (40, 12)


def named(size: tuple[int, int]) -> str:
    """A size as it stands in the name of a picture."""
    return f"{size[0]}x{size[1]}"


REPLY = """\
Use `limit_req_zone` with a key per client:

```nginx
limit_req_zone $binary_remote_addr zone=one:10m rate=5r/s;
```

- The **zone** holds the states.
- A burst waits; see the manual.
"""


@dataclass
class Clock:
    """Stands in for the module `time` where figures are made; the test moves it."""

    now: float = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    clock = Clock()
    for module in ("chatterm.tui.pump", "tests.doubles.provider"):
        monkeypatch.setattr(f"{module}.time", clock)
    monkeypatch.setattr("chatterm.tui.widgets.conversation_pane.TICK_SECONDS", 3600.0)
    # Turned off later, a cursor that is dark by then would stay so: Textual keeps its line for both.
    monkeypatch.setattr(TextArea, "_toggle_cursor_blink_visible", lambda _: None)
    monkeypatch.setattr(Input, "_toggle_cursor", lambda _: None)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    yield clock


@pytest.fixture
def start(launch: Launch, clock: Clock):
    """`launch` on the pinned clock."""

    def started(**arguments):
        return launch(clock=clock.monotonic, **arguments)

    return started


@pytest.fixture
def picture(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot(extension_class=SVGImageExtension)


async def taken(program: Program) -> str:
    """The screen, once nothing moves any more."""
    before, now = "", program.app.export_screenshot()
    while before != now:
        for _ in range(3):
            await program.pilot.pause()
        await program.until(lambda: all(each.group != "standing" for each in program.app.workers))
        await program.pilot.pause()
        before, now = now, program.app.export_screenshot()
    return now


async def streaming(program: Program, clock: Clock):
    """A reply of which a part is there."""
    stream = await program.ask("how do I rate-limit one location?")
    clock.now += 0.312
    stream.send(text=REPLY[:120])
    await program.shown("limit_req_zone $")
    clock.now += 1
    program.pane._tick()
    return stream


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=named)
async def test_empty(start, picture, size) -> None:
    async with start(size=size) as program:
        assert await taken(program) == picture


async def test_guide(start, picture) -> None:
    async with start(settings=Settings()) as program:
        await program.send("how do I use Ollama?")
        await program.shown("No model is involved")
        await program.until(lambda: program.session.running is None)
        await program.pilot.press("ctrl+home")
        assert await taken(program) == picture


async def test_waiting(start, clock, picture) -> None:
    async with start() as program:
        program.provider.opening.clear()
        await program.send("hello there")
        await program.shown("connecting to model")
        clock.now += 16
        program.pane._tick()
        await program.shown("16.0 s")
        assert await taken(program) == picture
        await program.pilot.press("escape")


@pytest.mark.parametrize("size", [SMALL, LARGE, NARROW], ids=named)
async def test_streaming(start, clock, picture, size) -> None:
    async with start(size=size) as program:
        stream = await streaming(program, clock)
        await program.type("typing on")
        assert await taken(program) == picture
        stream.end()


async def test_stopped(start, clock, picture) -> None:
    async with start() as program:
        stream = await streaming(program, clock)
        await program.pilot.press("escape")
        await program.shown("stopped")
        await program.until(stream.closed.is_set)
        await program.until(lambda: program.session.running is None)
        assert await taken(program) == picture


async def test_failed(start, picture) -> None:
    async with start() as program:
        program.provider.open_errors = [
            ConnectionFailedError("Cannot connect to 127.0.0.1:11434.", "Is Ollama running?")
        ]
        await program.send("hello")
        await program.shown("failed")
        assert await taken(program) == picture


async def test_queued(start, clock, picture) -> None:
    async with start() as program:
        stream = await streaming(program, clock)
        await program.send("and for all of them?")
        await program.shown("queued")
        assert await taken(program) == picture
        await program.pilot.press("up")
        stream.end()


@pytest.mark.parametrize("shown", ["folded", "open"])
async def test_thinking(start, clock, picture, shown) -> None:
    async with start() as program:
        stream = await program.ask("why?")
        stream.send(thinking="First I look at the question. Then I look at what is known of it. " * 3)
        stream.reply("Because it is so.", usage=(12, 34))
        await program.until(lambda: program.session.running is None)
        if shown == "open":
            await program.pilot.press("ctrl+t")
        await program.shown("Because")
        assert await taken(program) == picture


@pytest.mark.parametrize("state", ["loading", "listed", "filtered"])
async def test_picker(start, picture, state) -> None:
    async with start() as program:
        program.models.extend(f"family-{number}b" for number in (1, 3, 8))
        if state != "loading":
            program.network.open.set()
        await program.pilot.press("ctrl+l")
        await program.shown("family-8b")
        if state == "loading":
            await program.shown("manual")
        else:
            await program.gone("asking")
        if state == "filtered":
            await program.pilot.press(*"fam")
            await program.gone("other-model")
        assert await taken(program) == picture


async def test_conversations(start, picture) -> None:
    async with start() as program:
        for title in ("rate limits in nginx", "a poem about rain", "what is up"):
            await program.turn(title, "one")
            await program.pilot.press("ctrl+n")
            await program.until(lambda: not program.session.turns)
        await program.pilot.press("ctrl+s")
        await program.shown("a poem about rain")
        assert await taken(program) == picture


async def test_help(start, picture) -> None:
    async with start() as program:
        await program.pilot.press("f1")
        await program.shown("Send the prompt")
        assert await taken(program) == picture


async def test_palette(start, picture) -> None:
    async with start() as program:
        await program.pilot.press("ctrl+p")
        await program.shown("Choose a model")
        assert await taken(program) == picture


async def test_completion(start, picture) -> None:
    async with start() as program:
        await program.pilot.press("/")
        await program.shown("Stop the reply")
        await program.pilot.press("down")
        assert await taken(program) == picture


async def test_notices(start, picture) -> None:
    async with start() as program:
        program.pane.notices.show("2 recovered", "warning")
        program.pane.notices.show("There is no theme 'nope'. Known: ember, moss.", "error")
        assert await taken(program) == picture


async def test_theme_list(start, picture) -> None:
    async with start() as program:
        await program.send("/theme")
        await program.shown("enter keeps")
        await program.pilot.press("down", "down")
        assert await taken(program) == picture


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=named)
async def test_figures_of_ollama(start, clock, picture, size) -> None:
    async with start(size=size) as program:
        stream = await streaming(program, clock)
        stream.reply(REPLY[120:], usage=(26, 282))
        await program.until(lambda: program.session.running is None)
        await program.pilot.pause()
        turn = program.session.turns[-1]
        server = ServerTimings(
            load_seconds=19.2,
            prompt_eval_seconds=0.31,
            eval_seconds=4.8,
            total_seconds=24.4,
            prompt_eval_count=26,
            eval_count=282,
        )
        figures = replace(figures_of(turn), server=server, warm=False, usage=Usage(input=26, output=282))
        program.pane.widgets.post_message(FiguresChanged(figures))
        await program.shown("cold")
        assert await taken(program) == picture


@pytest.mark.parametrize("theme", ["chatterm-light", "high-contrast-dark", "high-contrast-light"])
async def test_themes(start, clock, picture, theme) -> None:
    settings = Settings(provider=PLAIN, interface=InterfaceSettings(theme=theme))
    async with start(settings=settings) as program:
        stream = await streaming(program, clock)
        program.pane.notices.show("A warning looks like this.", "warning")
        assert await taken(program) == picture
        stream.end()
