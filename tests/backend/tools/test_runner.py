"""A round of tool calls: all at once, each allowed, bounded and reported, none in another's way."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from chatterm.backend.tools import runner
from chatterm.backend.tools.approval import Approvals
from chatterm.backend.tools.base import PreparedCall, TellProgress
from chatterm.backend.tools.results import KeptResults, cut
from chatterm.backend.tools.runner import MOST_CALLS, NOTHING, Ask, ToolRound
from chatterm.backend.tools.toolbox import Toolbox
from chatterm.config.model import ToolSettings
from chatterm.core.errors import InvalidCallError, StoreError, ToolError
from chatterm.core.events import (
    ConsentAsked,
    ToolFinished,
    ToolProgress,
    ToolRequested,
    ToolStarted,
    TurnEvent,
)
from chatterm.core.messages import ToolCallPart, ToolResultPart
from chatterm.core.tools import Access, Decision, ToolOutcome
from tests.doubles.patience import soon
from tests.doubles.tools import Gate, PlainTool, toolbox_of


class Desk:
    """Runs rounds of a toolbox, remembers their events, and decides as it is told; a no where it is not."""

    def __init__(self, toolbox: Toolbox, *decisions: Decision) -> None:
        self.toolbox = toolbox
        self.decisions = list(decisions)
        self.events: list[TurnEvent] = []
        self.asked: list[str] = []
        self.number = 0
        self.arrived = asyncio.Event()
        self.ask: Ask = self._ask

    async def start(self, *calls: str | tuple[str, str]) -> ToolRound:
        """A round of calls by name, or name and arguments; their ids are c0, c1, ..."""
        await self.toolbox.specs()
        pairs = [(call, "{}") if isinstance(call, str) else call for call in calls]
        parts = [ToolCallPart(f"c{number}", *pair) for number, pair in enumerate(pairs)]
        self.number += 1
        return self.toolbox.round(parts, self.number - 1, self.ask, self._emit)

    async def run(self, *calls: str | tuple[str, str]) -> ToolRound:
        """The round, run to its end."""
        started = await self.start(*calls)
        await soon(started.run(), "did not end")
        return started

    async def finished(self, name: str) -> None:
        """Wait until the tool of this name has its result."""
        while name not in [event.run.name for event in self.events if isinstance(event, ToolFinished)]:
            self.arrived.clear()
            await self.arrived.wait()

    def _emit(self, event: TurnEvent) -> None:
        self.events.append(event)
        self.arrived.set()

    async def _ask(self, call: ToolCallPart, access: Access) -> Decision:
        self.asked.append(access.target)
        return self.decisions.pop(0) if self.decisions else Decision.DENY


def outcomes(ran: ToolRound) -> list[ToolOutcome]:
    return [run.outcome for run in ran.runs]


def contents(ran: ToolRound) -> list[str]:
    return [result.content for result in ran.results]


async def test_all_run_at_once_and_answer_in_call_order() -> None:
    gates = [Gate(f"text {number}") for number in range(5)]
    desk = Desk(toolbox_of(*(PlainTool(f"tool{number}", gate) for number, gate in enumerate(gates))))
    running = asyncio.ensure_future(
        (ran := await desk.start(*(f"tool{number}" for number in range(5)))).run()
    )
    for gate in gates:
        await soon(gate.running.wait(), "did not run")
    for number, gate in reversed(list(enumerate(gates))):
        gate.open.set()
        await soon(desk.finished(f"tool{number}"), "was not finished")
    await running
    assert contents(ran) == [f"text {number}" for number in range(5)]
    order = [event.run.name for event in desk.events if isinstance(event, ToolFinished)]
    assert order == ["tool4", "tool3", "tool2", "tool1", "tool0"]


async def test_no_more_run_than_there_are_workers() -> None:
    now = most = 0

    async def work(arguments: Mapping[str, object], tell: TellProgress) -> str:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        now -= 1
        return "done"

    desk = Desk(toolbox_of(PlainTool("tool", work), settings=ToolSettings(workers=3)))
    ran = await desk.run(*(("tool", f'{{"n": {number}}}') for number in range(20)))
    assert most == 3
    assert outcomes(ran) == [ToolOutcome.OK] * 20


async def test_one_that_fails_hangs_or_crashes_ends_no_other() -> None:
    async def fail(arguments: Mapping[str, object], tell: TellProgress) -> str:
        raise ToolError("No such file: 'x'.", "list_dir shows what is there.")

    async def crash(arguments: Mapping[str, object], tell: TellProgress) -> str:
        raise KeyError("a defect")

    async def own_limit(arguments: Mapping[str, object], tell: TellProgress) -> str:
        raise TimeoutError

    hang = Gate()
    tools = (
        *(PlainTool("fail", fail), PlainTool("crash", crash), PlainTool("own", own_limit), PlainTool("good")),
        PlainTool("hang", hang, timeout_seconds=0.05),
    )
    ran = await Desk(toolbox_of(*tools)).run("fail", "crash", "own", "hang", "good")
    assert outcomes(ran) == [
        *(ToolOutcome.FAILED, ToolOutcome.FAILED, ToolOutcome.FAILED),
        *(ToolOutcome.TIMED_OUT, ToolOutcome.OK),
    ]
    assert hang.cancelled
    assert contents(ran)[0] == "No such file: 'x'. list_dir shows what is there."
    assert "defect" not in contents(ran)[1]
    assert "longer than 0.05 s" in contents(ran)[3]
    assert [result.is_error for result in ran.results] == [True, True, True, True, False]


async def test_the_settings_limit_wins_over_that_of_the_tool() -> None:
    settings = ToolSettings(timeouts={"hang": 0.1}, timeout_seconds=0.2)
    hang = PlainTool("hang", Gate(), timeout_seconds=500)
    ran = await Desk(toolbox_of(hang, settings=settings)).run("hang")
    assert outcomes(ran) == [ToolOutcome.TIMED_OUT]


@pytest.mark.parametrize("arguments", ["[1, 2]", "[", "nonsense", '"text"', "null", "[" * 5000, '{"a": 1'])
async def test_arguments_that_are_no_object_run_nothing(arguments: str) -> None:
    tool = PlainTool("tool", harmless=False)
    desk = Desk(toolbox_of(tool), Decision.ONCE)
    ran = await desk.run(("tool", arguments))
    assert outcomes(ran) == [ToolOutcome.INVALID]
    assert (tool.runs, desk.asked) == (0, [])
    assert len(contents(ran)[0]) <= 500


async def test_a_tool_that_does_not_exist_is_named_and_so_are_those_that_do() -> None:
    ran = await Desk(toolbox_of(PlainTool("one"), PlainTool("two"))).run("\x1b]0;three" + "x" * 5000)
    assert outcomes(ran) == [ToolOutcome.INVALID]
    assert "there are: one, two" in contents(ran)[0]
    assert "\x1b" not in contents(ran)[0]
    assert len(contents(ran)[0]) <= 500


async def test_identical_calls_run_once() -> None:
    tool = PlainTool("tool")
    ran = await Desk(toolbox_of(tool)).run(("tool", '{"a":1,"b":2}'), ("tool", '{ "b": 2, "a": 1 }'), "tool")
    assert tool.runs == 2
    assert [run.same_as for run in ran.runs] == ["", "c0", ""]
    assert contents(ran)[0] == contents(ran)[1]
    assert ran.runs[1].seconds is None


async def test_results_that_never_change_are_kept_for_the_conversation_unless_that_is_off() -> None:
    pure, other = PlainTool("pure", is_pure=True), PlainTool("other")
    desk = Desk(toolbox_of(pure, other))
    first, second = await desk.run("pure", "other"), await desk.run("pure", "other")
    assert (pure.runs, other.runs) == (1, 2)
    assert [run.is_cached for run in (*first.runs, *second.runs)] == [False, False, True, False]
    assert contents(first) == contents(second)
    off = Desk(toolbox_of(pure, settings=ToolSettings(cache=False)))
    await off.run("pure")
    await off.run("pure")
    assert pure.runs == 3


async def test_a_failure_is_not_kept() -> None:
    fails = iter([True, False])

    async def work(arguments: Mapping[str, object], tell: TellProgress) -> str:
        if next(fails):
            raise ToolError("not now")
        return "now"

    desk = Desk(toolbox_of(PlainTool("pure", work, is_pure=True)))
    assert contents(await desk.run("pure")) == ["not now"]
    assert contents(await desk.run("pure")) == ["now"]


async def test_a_tool_that_fails_three_times_rests() -> None:
    async def fail(arguments: Mapping[str, object], tell: TellProgress) -> str:
        raise ToolError("broken")

    async def wrong(arguments: Mapping[str, object], tell: TellProgress) -> str:
        raise InvalidCallError("wrong")

    broken, misused = PlainTool("broken", fail), PlainTool("misused", wrong)
    broken.source = "mcp:server"
    desk = Desk(toolbox_of(broken, misused))
    for _ in range(4):
        await desk.run("broken", "misused")
    last = await desk.run("broken", "misused")
    assert broken.runs == 3
    assert misused.runs == 5  # the model's fault, not the tool's
    assert "rests" in contents(last)[0]


async def test_what_a_builtin_tool_was_asked_for_and_could_not_do_is_no_failure_of_the_tool() -> None:
    async def missing(arguments: Mapping[str, object], tell: TellProgress) -> str:
        raise ToolError("There is no such file.")

    reader = PlainTool("reader", missing)
    desk = Desk(toolbox_of(reader))
    ran = await desk.run(*(("reader", f'{{"n": {number}}}') for number in range(6)))
    assert set(contents(ran)) == {"There is no such file."}
    assert contents(await desk.run("reader")) == ["There is no such file."]


async def test_a_stop_is_no_success_of_a_tool_that_failed_before() -> None:
    gate = Gate()
    tool = PlainTool("hangs", gate, timeout_seconds=0.02)
    desk = Desk(toolbox_of(tool))
    for _ in range(2):
        await desk.run("hangs")
    tool.timeout_seconds, gate.running = 30.0, asyncio.Event()
    running = asyncio.ensure_future((await desk.start("hangs")).run())
    await soon(gate.running.wait(), "did not run")
    running.cancel()
    await asyncio.wait({running})
    tool.timeout_seconds = 0.02
    await desk.run("hangs")
    assert "rests" in contents(await desk.run("hangs"))[0]


async def test_no_more_are_prepared_at_once_than_there_are_workers() -> None:
    now = most = 0

    class Slow(PlainTool):
        async def prepare(self, arguments: Mapping[str, object]) -> PreparedCall:
            nonlocal now, most
            now += 1
            most = max(most, now)
            await asyncio.sleep(0)
            now -= 1
            return await super().prepare(arguments)

    desk = Desk(toolbox_of(Slow("tool"), settings=ToolSettings(workers=3)))
    ran = await desk.run(*(("tool", f'{{"n": {number}}}') for number in range(20)))
    assert (most, set(outcomes(ran))) == (3, {ToolOutcome.OK})


async def test_of_a_flood_of_calls_only_so_many_are_run() -> None:
    tool = PlainTool("tool")
    ran = await Desk(toolbox_of(tool)).run(
        *(("tool", f'{{"n": {number}}}') for number in range(MOST_CALLS + 5))
    )
    assert tool.runs == MOST_CALLS
    assert outcomes(ran) == [ToolOutcome.OK] * MOST_CALLS + [ToolOutcome.FAILED] * 5
    assert f"{MOST_CALLS} calls" in contents(ran)[-1]


async def test_a_tool_that_is_cancelled_from_inside_has_failed_and_says_so() -> None:
    async def cancelled(arguments: Mapping[str, object], tell: TellProgress) -> str:
        raise asyncio.CancelledError

    desk = Desk(toolbox_of(PlainTool("odd", cancelled), PlainTool("good")))
    ran = await desk.run("odd", "odd", "good")
    assert outcomes(ran) == [ToolOutcome.FAILED, ToolOutcome.FAILED, ToolOutcome.OK]
    assert "Cancelled by the user" not in contents(ran)[0]
    assert sum(isinstance(event, ToolFinished) for event in desk.events) == 3


async def test_results_that_are_kept_are_bounded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "MOST_CACHED_CHARACTERS", 5000)

    async def long(arguments: Mapping[str, object], tell: TellProgress) -> str:
        return "x" * 2000

    tool = PlainTool("tool", long, is_pure=True)
    desk = Desk(toolbox_of(tool))
    one, two, three = ('{"n": 1}', '{"n": 2}', '{"n": 3}')
    for arguments in (one, two, two, three, three, two, one):
        await desk.run(("tool", arguments))
    assert tool.runs == 4  # the oldest had to go


async def test_consent_is_asked_once_at_a_time_and_an_answer_for_the_conversation_holds_for_the_next() -> (
    None
):
    tool = PlainTool("tool", harmless=False)
    desk = Desk(toolbox_of(tool), Decision.CONVERSATION)
    ran = await desk.run("tool")
    assert outcomes(ran) == [ToolOutcome.OK]
    assert outcomes(await desk.run("tool")) == [ToolOutcome.OK]
    assert len(desk.asked) == 1
    assert outcomes(await desk.run(("tool", '{"a": 1}'))) == [ToolOutcome.DENIED]
    assert len(desk.asked) == 2


async def test_once_is_once() -> None:
    desk = Desk(toolbox_of(PlainTool("tool", harmless=False)), Decision.ONCE)
    assert outcomes(await desk.run("tool")) == [ToolOutcome.OK]
    assert outcomes(await desk.run("tool")) == [ToolOutcome.DENIED]


async def test_what_is_told_comes_in_order() -> None:
    async def work(arguments: Mapping[str, object], tell: TellProgress) -> str:
        tell("half")
        return ""

    desk = Desk(toolbox_of(PlainTool("tool", work, harmless=False)), Decision.ONCE)
    ran = await desk.run("tool")
    kinds = [ToolRequested, ConsentAsked, ToolStarted, ToolProgress, ToolFinished]
    assert [type(event) for event in desk.events] == kinds
    assert ran.results == (ToolResultPart("c0", NOTHING),)


async def test_stopped_calls_have_results_and_started_tools_end() -> None:
    gate = Gate()
    desk = Desk(toolbox_of(PlainTool("gate", gate), PlainTool("waits"), settings=ToolSettings(workers=1)))
    ran = await desk.start("gate", "waits", "gate")
    running = asyncio.ensure_future(ran.run())
    await soon(gate.running.wait(), "did not run")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert gate.cancelled
    assert outcomes(ran) == [ToolOutcome.CANCELLED] * 3
    assert {result.call_id for result in ran.results} == {"c0", "c1", "c2"}
    assert all(result.is_error for result in ran.results)


async def test_a_long_result_is_cut_for_the_model_and_kept_whole(tmp_path: Path) -> None:
    long = "".join(f"line {number} äöü\n" for number in range(20_000))

    async def work(arguments: Mapping[str, object], tell: TellProgress) -> str:
        return long

    kept = KeptResults(tmp_path / "results")
    desk = Desk(
        toolbox_of(PlainTool("tool", work), settings=ToolSettings(output_kilobytes=10), keep=kept.keep)
    )
    ran = await desk.run("tool")
    (result,), (run,) = ran.results, ran.runs
    assert len(result.content.encode()) < 10 * 1024 + 200
    assert result.content.startswith("line 0 äöü\n")
    assert result.content.endswith("line 19999 äöü\n")
    assert "bytes are left out here" in result.content
    assert run.bytes == len(long.encode())
    check_kept(Path(run.file), long)


def check_kept(path: Path, text: str) -> None:
    assert path.read_text(encoding="utf-8") == text
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


async def test_results_that_cannot_be_kept_are_cut_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("in the way")

    async def work(arguments: Mapping[str, object], tell: TellProgress) -> str:
        return "x" * 100_000

    keep = KeptResults(tmp_path / "results").keep
    ran = await Desk(toolbox_of(PlainTool("tool", work), keep=keep)).run("tool")
    assert ran.runs[0].file == ""
    assert outcomes(ran) == [ToolOutcome.OK]


def test_a_cut_leaves_whole_characters_and_counts_what_is_missing() -> None:
    text = "😀" * 1000
    short = cut(text, 101, "")
    head, middle, tail = short.split("\n")
    assert set(head + tail) == {"😀"}
    missing = int("".join(filter(str.isdigit, middle)))
    assert missing == len(text.encode()) - len((head + tail).encode())
    assert cut("short", 5, "") == "short"


# ---- rules that last ---------------------------------------------------------------------------------


class Kept:
    """Where lasting rules are kept between programs."""

    def __init__(self) -> None:
        self.value: object = None

    async def load(self) -> object:
        return self.value

    async def save(self, value: object) -> None:
        self.value = value


async def test_always_lasts_beyond_the_program_and_the_conversation_does_not() -> None:
    kept = Kept()
    desk = Desk(
        toolbox_of(
            PlainTool("one", harmless=False),
            PlainTool("two", harmless=False),
            approvals=Approvals(kept.load, kept.save),
        ),
        *(Decision.ALWAYS, Decision.CONVERSATION),
    )
    await desk.run("one")
    await desk.run("two")
    later = Desk(
        toolbox_of(
            PlainTool("one", harmless=False),
            PlainTool("two", harmless=False),
            approvals=Approvals(kept.load, kept.save),
        )
    )
    assert outcomes(await later.run("one", "two")) == [ToolOutcome.OK, ToolOutcome.DENIED]
    assert later.asked == ["two {}"]


async def test_a_tool_that_describes_itself_otherwise_is_asked_for_again() -> None:
    kept = Kept()
    tool = PlainTool("one", harmless=False)
    await Desk(toolbox_of(tool, approvals=Approvals(kept.load, kept.save)), Decision.ALWAYS).run("one")
    swapped = PlainTool("one", harmless=False)
    swapped.spec = type(tool.spec)(name="one", description="now also deletes", parameters={"type": "object"})
    later = Desk(toolbox_of(swapped, approvals=Approvals(kept.load, kept.save)))
    assert outcomes(await later.run("one")) == [ToolOutcome.DENIED]
    stolen = PlainTool("one", harmless=False)
    stolen.source = "mcp:other"
    assert outcomes(await Desk(toolbox_of(stolen, approvals=Approvals(kept.load))).run("one")) == [
        ToolOutcome.DENIED
    ]


async def test_a_consent_can_be_taken_back() -> None:
    kept = Kept()
    approvals = Approvals(kept.load, kept.save)
    desk = Desk(toolbox_of(PlainTool("one", harmless=False), approvals=approvals), Decision.ALWAYS)
    await desk.run("one")
    (rule,) = approvals.rules("conversation")
    assert (rule.tool, rule.target, rule.conversation_id) == ("one", "one {}", None)
    assert await approvals.revoke(rule)
    assert not await approvals.revoke(rule)
    assert outcomes(await desk.run("one")) == [ToolOutcome.DENIED]
    assert kept.value == []


def lasting_desk(kept: Kept, *decisions: Decision) -> Desk:
    """A program of its own, with tools that ask, on rules that several programs have."""
    tools = (PlainTool(name, harmless=False) for name in ("one", "two"))
    return Desk(toolbox_of(*tools, approvals=Approvals(kept.load, kept.save)), *decisions)


async def test_a_consent_taken_back_in_one_program_is_none_in_another_and_stays_away() -> None:
    kept = Kept()
    here, there = lasting_desk(kept, Decision.ALWAYS), lasting_desk(kept, Decision.DENY, Decision.ALWAYS)
    await here.run("one")
    assert outcomes(await there.run("one")) == [ToolOutcome.OK]
    (rule,) = here.toolbox.approvals.rules("conversation")
    assert await here.toolbox.approvals.revoke(rule)
    assert outcomes(await there.run("one", "two")) == [ToolOutcome.DENIED, ToolOutcome.OK]
    assert outcomes(await lasting_desk(kept).run("one", "two")) == [ToolOutcome.DENIED, ToolOutcome.OK]


async def test_a_stop_while_rules_are_read_loses_none() -> None:
    kept = Kept()
    await lasting_desk(kept, Decision.ALWAYS).run("one")
    stuck, load, stalled = asyncio.Event(), kept.load, True

    async def stall() -> object:
        stuck.set()
        return await asyncio.Event().wait() if stalled else await load()

    kept.load = stall
    desk = lasting_desk(kept, Decision.ALWAYS)
    running = asyncio.ensure_future((await desk.start("two")).run())
    await soon(stuck.wait(), "was not read")
    running.cancel()
    await asyncio.wait({running})
    stalled = False
    await desk.run("two")
    assert outcomes(await lasting_desk(kept).run("one", "two")) == [ToolOutcome.OK, ToolOutcome.OK]


async def test_rules_are_not_overwritten_where_they_could_not_be_read() -> None:
    kept = Kept()
    await lasting_desk(kept, Decision.ALWAYS).run("one")
    load, failures = kept.load, 2

    async def fail_first() -> object:
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise StoreError("The history is busy.")
        return await load()

    kept.load = fail_first
    desk = lasting_desk(kept, Decision.ALWAYS)
    await desk.run("two")
    assert outcomes(await desk.run("two", "one")) == [ToolOutcome.OK, ToolOutcome.OK]
    kept.load = load
    assert outcomes(await lasting_desk(kept).run("one")) == [ToolOutcome.OK]


async def test_calls_that_are_allowed_do_not_wait_for_one_that_is_asked_for() -> None:
    asking, decide = asyncio.Event(), asyncio.Event()
    approvals, free = Approvals(), PlainTool("free", harmless=False)
    access = Access(kind="call", target="free {}")
    await approvals.remember(Decision.CONVERSATION, free, access, "conversation")
    desk = Desk(toolbox_of(PlainTool("asked", harmless=False), free, approvals=approvals))

    async def ask(call: ToolCallPart, access: Access) -> Decision:
        asking.set()
        await decide.wait()
        return Decision.DENY

    desk.ask = ask
    started = await desk.start("asked", "free")
    running = asyncio.ensure_future(started.run())
    await soon(asking.wait(), "was not asked")
    await soon(desk.finished("free"), "waited")
    decide.set()
    await running
    assert outcomes(started) == [ToolOutcome.DENIED, ToolOutcome.OK]


async def test_a_yes_for_the_conversation_is_for_that_one_alone() -> None:
    approvals, tool = Approvals(), PlainTool("one", harmless=False)
    access = Access(kind="call", target="x")
    await approvals.remember(Decision.CONVERSATION, tool, access, "here")
    assert approvals.allows(tool, access, "here")
    assert not approvals.allows(tool, access, "there")
    assert approvals.rules("there") == ()


async def test_what_may_not_be_allowed_for_longer_is_not() -> None:
    approvals, tool = Approvals(), PlainTool("one")
    access = Access(kind="run", target="x", may_always=False)
    await approvals.remember(Decision.ALWAYS, tool, access, "here")
    assert approvals.rules("here") == ()
    assert not approvals.allows(tool, access, "here")


@pytest.mark.parametrize("stored", ["nonsense", [{"tool": 1}], {"a": 1}, [["x"]], 7])
async def test_rules_that_cannot_be_read_are_no_consent(stored: object) -> None:
    kept = Kept()
    kept.value = stored
    desk = Desk(toolbox_of(PlainTool("one", harmless=False), approvals=Approvals(kept.load, kept.save)))
    assert outcomes(await desk.run("one")) == [ToolOutcome.DENIED]


async def test_a_store_that_fails_costs_the_rule_and_not_the_call() -> None:
    async def fail(*_: object) -> None:
        raise StoreError("The disk is full.")

    desk = Desk(
        toolbox_of(PlainTool("one", harmless=False), approvals=Approvals(fail, fail)), Decision.ALWAYS
    )
    assert outcomes(await desk.run("one")) == [ToolOutcome.OK]
    assert outcomes(await desk.run("one")) == [ToolOutcome.OK]


@pytest.mark.parametrize(
    "other",
    ["x ", " x", "X", "x\n", "x\x00", "x y", "", "х", "x;echo", "./x", "x/../x"],
)
async def test_no_other_target_matches_a_rule(other: str) -> None:
    approvals, tool = Approvals(), PlainTool("one")
    await approvals.remember(Decision.ALWAYS, tool, Access(kind="run", target="x"), "here")
    assert approvals.allows(tool, Access(kind="run", target="x"), "here")
    assert not approvals.allows(tool, Access(kind="run", target=other), "here")
    assert not approvals.allows(tool, Access(kind="read", target="x"), "here")


async def test_a_result_that_another_program_makes_room_for_is_told_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "gone.txt").symlink_to("nowhere")  # as if it were removed after it was listed
    path = await KeptResults(tmp_path).keep("tool", "all of it")
    assert (tmp_path / path).read_text() == "all of it"
