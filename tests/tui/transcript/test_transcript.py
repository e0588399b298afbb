from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Sequence

import pytest
from textual import events
from textual.app import App, ComposeResult
from textual.filter import LineFilter
from textual.geometry import Offset, Region, Size
from textual.message import Message
from textual.pilot import Pilot
from textual.screen import Screen
from textual.theme import Theme

from chatterm.core.clean import is_clean
from chatterm.core.errors import ChattermError, StoreError
from chatterm.tui.transcript import transcript as transcript_module
from chatterm.tui.transcript.earlier_view import Earlier
from chatterm.tui.transcript.entries import Entry
from chatterm.tui.transcript.entry_list import Extent
from chatterm.tui.transcript.transcript import Transcript
from tests.cpu_time import seconds
from tests.tui.transcript.documents import long_reply
from tests.tui.transcript.made import document, texts

SIZE = (60, 20)
COLOURS = {
    "chatterm-dim": "#808080",
    "chatterm-user": "#00ff00",
    "chatterm-heading": "#00ffff",
    "chatterm-quote": "#aaaaaa",
    "chatterm-link": "#0000ff",
    "chatterm-code-foreground": "#ffff00",
    "chatterm-code-background": "#222222",
    "chatterm-selection": "#334455",
    **{
        f"chatterm-{kind}": "#ffffff"
        for kind in ("keyword", "string", "number", "comment", "function", "type")
    },
}


class Host(App[None]):
    """A bare app around one transcript; it keeps the transcript's messages."""

    CSS = "Transcript { height: 1fr; }"

    def __init__(self, transcript: Transcript | None = None) -> None:
        super().__init__()
        self.transcript = transcript or Transcript()
        self.messages: list[Message] = []
        self.selections: list[str] = []
        self.clicked: list[str] = []
        self.failed: list[ChattermError] = []

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return COLOURS

    def get_line_filters(self) -> Sequence[LineFilter]:
        return []

    def compose(self) -> ComposeResult:
        yield self.transcript

    def on_transcript_following_changed(self, event: Transcript.FollowingChanged) -> None:
        self.messages.append(event)

    def on_transcript_selected(self, event: Transcript.Selected) -> None:
        self.selections.append(event.text)

    def on_transcript_read_failed(self, event: Transcript.ReadFailed) -> None:
        self.failed.append(event.error)

    def on_transcript_clicked(self, event: Transcript.Clicked) -> None:
        self.clicked.append(event.link)

    def on_transcript_new_text_below(self, event: Transcript.NewTextBelow) -> None:
        self.messages.append(event)


def entry(name: str, text: str = "", *, live: bool = False, thinking: str = "") -> Entry:
    return Entry(id=name, role="assistant", text=text, status="live" if live else "done", thinking=thinking)


def prompt(name: str, text: str, *, queued: bool = False) -> Entry:
    return Entry(id=name, role="user", text=text, status="queued" if queued else "done")


def painted(transcript: Transcript) -> list[str]:
    """What is on the screen where the transcript is, as the compositor has it."""
    region = transcript.scrollable_content_region
    strips = transcript.screen._compositor.render_strips()
    return [strips[y].crop(region.x, region.right).text.rstrip() for y in range(region.y, region.bottom)]


def expected(transcript: Transcript, *entries: Entry) -> list[str]:
    """The last screen of these entries, laid out whole."""
    width = min(transcript.scrollable_content_region.width - 3, 100)
    lines = [
        (("▌ " if shown.role == "user" and line else "  ") + line).rstrip()
        for shown in entries
        for line in texts(document(shown, width=width))
    ]
    height = transcript.size.height
    return lines[-height:] + [""] * (height - len(lines))


async def settled(pilot: Pilot[None], transcript: Transcript) -> None:
    """All text is taken in and painted."""
    for _ in range(500):
        if not transcript._backlog and transcript._clock is None:
            break
        await pilot.pause(0.01)
    await pilot.pause()


# ---- streaming ----------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [1, 7, 1000])
async def test_what_streamed_in_is_painted_as_laid_out_whole(step: int) -> None:
    text = long_reply(3000)[: 300 * step] + "\nend"
    host = Host(Transcript(frames_per_second=200))
    async with host.run_test(size=SIZE) as pilot:
        host.transcript.append(prompt("u", "hello"))
        host.transcript.begin_live(entry("r", live=True))
        for at in range(0, len(text), step):
            host.transcript.write(text[at : at + step])
            if at % 50 == 0:
                await asyncio.sleep(0)
        await settled(pilot, host.transcript)
        final = entry("r", text)
        assert painted(host.transcript) == expected(host.transcript, prompt("u", "hello"), final)
        host.transcript.end_live(final)
        await pilot.pause()
        assert painted(host.transcript) == expected(host.transcript, prompt("u", "hello"), final)


async def test_every_frame_is_painted_right_while_the_view_scrolls() -> None:
    host = Host()
    async with host.run_test(size=(40, 8)) as pilot:
        transcript = host.transcript
        transcript.begin_live(entry("r", live=True))
        text = ""
        for number in range(16):
            piece = f"line {number}\n- words that are broken over two lines {number}\n"
            text += piece
            transcript.write(piece)
            transcript._flush()
            await pilot.pause()
            assert painted(transcript) == expected(transcript, entry("r", text))


async def test_the_first_text_after_a_pause_does_not_wait_for_a_frame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transcript_module, "QUIET_SECONDS", 3600.0)
    host = Host(Transcript(frames_per_second=1))
    async with host.run_test(size=SIZE) as pilot:
        host.transcript.begin_live(entry("r", live=True))
        host.transcript.write("first")
        await pilot.pause()
        assert painted(host.transcript)[0] == "  first"
        host.transcript.write(" second")
        await pilot.pause()
        assert painted(host.transcript)[0] == "  first"
        host.transcript._flush()
        await pilot.pause()
        assert painted(host.transcript)[0] == "  first second"


async def test_streaming_lays_no_widget_out_and_repaints_only_what_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host = Host(Transcript(frames_per_second=200))
    async with host.run_test(size=SIZE) as pilot:
        transcript = host.transcript
        transcript.begin_live(entry("r", live=True))
        transcript.write("one\ntwo\nthree")
        await settled(pilot, transcript)
        layouts: list[object] = []
        refreshed: list[tuple[Region, ...]] = []
        refresh = transcript.refresh
        monkeypatch.setattr(Screen, "_refresh_layout", lambda *_, **__: layouts.append(1))
        monkeypatch.setattr(
            transcript, "refresh", lambda *regions, **_: refreshed.append(regions) or refresh(*regions)
        )
        transcript._flushed_at = 0.0
        transcript.write(" and")
        assert [region.y for (region,) in refreshed] == [2]
        for _ in range(200):
            transcript.write("more\n")
            await asyncio.sleep(0.001)
        await settled(pilot, transcript)
        assert transcript.virtual_size.height > SIZE[1]
        assert layouts == []


async def test_a_reply_at_full_speed_never_stalls() -> None:
    """8k tokens in one burst: no frame takes more than 50 ms of processor time, and nothing is lost.

    Three tries: a frame in which something else disturbed the processor is not the reply's fault.
    """
    text = long_reply(32_000)
    host = Host(Transcript(frames_per_second=200))
    async with host.run_test(size=(120, 40)) as pilot:
        transcript = host.transcript
        costs: list[float] = []
        flush = transcript._flush
        transcript._flush = lambda: costs.append(seconds(flush))
        longest: list[float] = []
        for number in range(3):
            costs.clear()
            gc.collect()
            transcript.begin_live(entry(f"r{number}", live=True))
            await pilot.pause()
            for at in range(0, len(text), 4):
                transcript.write(text[at : at + 4])
            await settled(pilot, transcript)
            transcript.end_live(entry(f"r{number}", text))
            await pilot.pause()
            assert painted(transcript)[-20:] == expected(transcript, entry("r", text))[-20:]
            longest.append(max(costs))
            if longest[-1] < 0.05:
                break
        assert min(longest) < 0.05, longest


async def test_a_long_backlog_is_shown_before_the_reply_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcript_module, "BUDGET_SECONDS", 0.0)
    text = long_reply(40_000)
    host = Host(Transcript(frames_per_second=200))
    async with host.run_test(size=SIZE) as pilot:
        transcript = host.transcript
        transcript.begin_live(entry("r", live=True))
        transcript.write(text)
        transcript.end_live(entry("r", text))
        assert transcript._document.live is not None
        await settled(pilot, transcript)
        assert transcript._document.live is None
        assert painted(transcript) == expected(transcript, entry("r", text))
        transcript.begin_live(entry("s", live=True))
        transcript.write(text)
        transcript.end_live(entry("s", text))
        transcript.begin_live(entry("t", live=True))
        assert transcript._document.entries.place("t") == 2


async def test_hostile_text_is_painted_visibly() -> None:
    hostile = "\x1b]52;c;QUJD\x07\x9b2J[/b][@click=app.quit()]x[/]\x00"
    host = Host()
    async with host.run_test(size=SIZE) as pilot:
        transcript = host.transcript
        transcript.append(Entry(id="u", role="user", text=hostile, label=hostile))
        transcript.begin_live(entry("r", live=True))
        for write in (transcript.write, transcript.write_thinking):
            for char in hostile:
                write(char)
        transcript.set_waiting(hostile)
        transcript.toggle_thinking()
        await settled(pilot, transcript)
        lines = painted(transcript)
        assert all(is_clean(line) for line in lines)
        assert sum("[@click=app.quit()]x[/]␀" in line for line in lines) == 5
        transcript.end_live(
            Entry(id="r", role="assistant", text=hostile, ending=hostile, figures=hostile, thinking=hostile)
        )
        await pilot.pause()
        assert sum("␛]52;c;QUJD␇" in line for line in painted(transcript)) == 6
        assert all(is_clean(line) for line in painted(transcript))


async def test_the_waiting_line_comes_and_goes() -> None:
    host = Host()
    async with host.run_test(size=SIZE) as pilot:
        transcript = host.transcript
        transcript.set_waiting("nothing is live: passed over")
        transcript.begin_live(entry("r", live=True))
        transcript.set_waiting("waiting for llama3 · 0.1 s")
        await pilot.pause()
        first = painted(transcript)[0]
        transcript.set_waiting("waiting for llama3 · 0.2 s")
        await pilot.pause()
        second = painted(transcript)[0]
        assert first.endswith("waiting for llama3 · 0.1 s") and second.endswith("0.2 s")
        assert first[2] != second[2]
        transcript.set_waiting(None)
        transcript.write("there")
        await pilot.pause()
        assert painted(transcript)[:2] == ["  there", ""]


async def test_text_for_a_reply_that_went_away_is_passed_over() -> None:
    host = Host()
    async with host.run_test(size=SIZE) as pilot:
        transcript = host.transcript
        transcript.begin_live(entry("r", live=True))
        with pytest.raises(RuntimeError, match="'r'"):
            transcript.begin_live(entry("s", live=True))
        transcript.write("abc")
        transcript.write("def")
        transcript.remove_entry("r")
        transcript.write("ghi")
        await settled(pilot, transcript)
        assert painted(transcript) == [""] * SIZE[1]
        with pytest.raises(KeyError):
            transcript.end_live(entry("r", "abc"))


async def test_a_reply_that_was_replaced_meanwhile_ends_in_its_place() -> None:
    host = Host()
    async with host.run_test(size=SIZE) as pilot:
        transcript = host.transcript
        transcript.begin_live(entry("r", live=True))
        transcript.set_entries([entry("r", "so far")])
        transcript.end_live(entry("r", "all"))
        await pilot.pause()
        assert painted(transcript)[:2] == ["  all", ""]


# ---- entries ------------------------------------------------------------------------------------


async def test_the_empty_text_is_there_while_there_is_nothing_else() -> None:
    host = Host()
    async with host.run_test(size=SIZE) as pilot:
        transcript = host.transcript
        transcript.set_empty_text("# Hello\n**Type** a prompt.")
        await pilot.pause()
        assert painted(transcript)[:3] == ["  # Hello", "  Type a prompt.", ""]
        transcript.append(prompt("u", "hi"))
        await pilot.pause()
        assert painted(transcript)[:2] == ["▌ hi", ""]
        transcript.remove_entry("u")
        await pilot.pause()
        assert painted(transcript)[:2] == ["  # Hello", "  Type a prompt."]
        transcript.set_entries([prompt("u", "hi")])
        await pilot.pause()
        assert painted(transcript)[:2] == ["▌ hi", ""]


async def test_queued_prompts_stay_below_the_reply() -> None:
    host = Host()
    async with host.run_test(size=SIZE) as pilot:
        transcript = host.transcript
        transcript.begin_live(entry("r", live=True))
        transcript.append(prompt("q", "next", queued=True))
        transcript.write("reply")
        await pilot.pause()
        assert painted(transcript)[:4] == ["  reply", "", "▌ next", ""]
        transcript.end_live(entry("r", "reply"))
        transcript.replace(prompt("q", "next"))
        transcript.begin_live(entry("s", live=True))
        transcript.write("another")
        await pilot.pause()
        assert painted(transcript)[:5] == ["  reply", "", "▌ next", "", "  another"]


async def test_ten_thousand_entries_open_at_the_end_without_being_laid_out() -> None:
    entries = [entry(str(number), f"number {number}\n" + long_reply(600)) for number in range(10_000)]
    host = Host()
    async with host.run_test(size=SIZE) as pilot:
        started = time.thread_time()
        host.transcript.set_entries(entries)
        await pilot.pause()
        assert time.thread_time() - started < 1.0
        assert len(host.transcript._document._laid) < 5
        assert painted(host.transcript) == expected(host.transcript, entries[-1])


async def test_the_reading_width_is_capped_and_code_fills_it() -> None:
    host = Host(Transcript(reading_width=40))
    async with host.run_test(size=(120, 10)) as pilot:
        host.transcript.append(entry("r", "word " * 20 + "\n```\nx\n```"))
        await pilot.pause()
        assert max(map(len, painted(host.transcript))) <= 42
        code = host.transcript.render_line(5)
        cells = [
            (segment.style.bgcolor.name if segment.style and segment.style.bgcolor else "")
            for segment in code
            for _ in segment.text
        ]
        assert cells[2:42] == ["#222222"] * 40
        assert "#222222" not in cells[:2] + cells[42:]


# ---- following ----------------------------------------------------------------------------------


def notices(host: Host) -> list[object]:
    return [
        message.following if isinstance(message, Transcript.FollowingChanged) else type(message).__name__
        for message in host.messages
    ]


async def test_it_follows_until_the_user_scrolls_up_and_tells_of_new_text() -> None:
    host = Host(Transcript(frames_per_second=200))
    async with host.run_test(size=SIZE) as pilot:
        transcript = host.transcript
        transcript.set_entries([entry("a", "\n".join(f"line {number}" for number in range(50)))])
        transcript.begin_live(entry("r", live=True))
        transcript.write("new\n" * 5)
        await settled(pilot, transcript)
        assert transcript.following and painted(transcript)[-2:] == ["  new", ""]
        assert notices(host) == []
        transcript.page_up()
        await pilot.pause()
        before = painted(transcript)
        assert not transcript.following and notices(host) == [False]
        for _ in range(20):
            transcript.write("newer\n")
            await pilot.pause(0.002)
        await settled(pilot, transcript)
        assert painted(transcript) == before
        assert notices(host) == [False, "NewTextBelow"]
        transcript.scroll_to_end()
        await pilot.pause()
        assert painted(transcript)[-2:] == ["  newer", ""]
        assert notices(host) == [False, "NewTextBelow", True]
        transcript.write("newest")
        await settled(pilot, transcript)
        assert painted(transcript)[-2:] == ["  newest", ""]


async def test_wheel_bar_and_keys_scroll() -> None:
    host = Host()
    async with host.run_test(size=SIZE) as pilot:
        transcript = host.transcript
        transcript.set_entries([entry("a", "\n".join(f"line {number}" for number in range(100)))])
        await pilot.pause()
        assert painted(transcript)[0] == "  line 81"
        assert transcript.vertical_scrollbar.position == transcript.scroll_y == transcript.max_scroll_y == 81
        wheel = (transcript, 5, 5, 0, -1, 0, False, False, False)
        transcript.post_message(events.MouseScrollUp(*wheel))
        await pilot.pause()
        assert painted(transcript)[0] == "  line 78" and transcript.vertical_scrollbar.position == 78
        transcript.post_message(events.MouseScrollDown(*wheel))
        await pilot.pause()
        assert painted(transcript)[0] == "  line 81" and transcript.following
        transcript.page_up()
        await pilot.pause()
        assert painted(transcript)[0] == "  line 62"
        transcript.page_down()
        transcript.line_up()
        await pilot.pause()
        assert painted(transcript)[0] == "  line 80"
        transcript.line_down()
        assert transcript.following
        transcript.scroll_to_start()
        await pilot.pause()
        assert painted(transcript)[0] == "  line 0" and not transcript.following
        transcript.scroll_to(y=40, animate=False)
        await pilot.pause()
        assert painted(transcript)[0] == "  line 40"
        transcript.scroll_to(y=10_000, animate=False)
        await pilot.pause()
        assert transcript.following and painted(transcript)[0] == "  line 81"


# ---- resize, folding, themes --------------------------------------------------------------------


async def test_a_resize_keeps_the_end_or_the_text_that_is_read() -> None:
    words = " ".join(f"w{number}" for number in range(900))
    host = Host()
    async with host.run_test(size=SIZE) as pilot:
        transcript = host.transcript
        transcript.set_entries([entry("a", words)])
        await pilot.pause()
        await pilot.resize_terminal(40, 12)
        await pilot.pause()
        assert transcript.following and painted(transcript) == expected(transcript, entry("a", words))
        transcript.scroll_lines(-80)
        await pilot.pause()
        word = painted(transcript)[0].split()[0]
        await pilot.resize_terminal(90, 25)
        await pilot.pause()
        assert not transcript.following and word in painted(transcript)[0].split()
        await pilot.resize_terminal(20, 5)
        await pilot.pause()
        assert word in painted(transcript)[0].split()


async def test_text_that_comes_before_the_view_is_told_of_its_new_size_is_followed() -> None:
    host = Host()
    async with host.run_test(size=SIZE) as pilot:
        transcript = host.transcript
        transcript.set_entries([entry("a", "\n".join(f"line {number}" for number in range(50)))])
        await pilot.pause()
        assert transcript.following
        # What Textual does when a notice below goes away; the event that tells of it waits its turn.
        taller = Size(transcript.size.width, transcript.size.height + 2)
        transcript._size_updated(taller, transcript.virtual_size, taller)
        transcript.append(entry("b", "one\ntwo\nthree\nfour"))
        transcript.on_resize()
        assert transcript.following and notices(host) == []
        assert painted(transcript)[-2:] == ["  four", ""]


async def test_a_resize_in_the_middle_of_a_reply_changes_nothing_but_the_width() -> None:
    text = long_reply(2000)
    host = Host(Transcript(frames_per_second=200))
    async with host.run_test(size=SIZE) as pilot:
        transcript = host.transcript
        transcript.begin_live(entry("r", live=True, thinking=""))
        for at in range(0, len(text), 40):
            transcript.write(text[at : at + 40])
            if at == 800:
                await pilot.resize_terminal(33, 15)
            if at == 1600:
                await pilot.resize_terminal(100, 15)
            await asyncio.sleep(0.001)
        await settled(pilot, transcript)
        live = transcript._document.live
        assert live is not None and live.text == text
        transcript.end_live(entry("r", text))
        await pilot.pause()
        assert painted(transcript) == expected(transcript, entry("r", text))


async def test_thinking_folds_and_unfolds_by_method_and_by_click() -> None:
    host = Host(Transcript(frames_per_second=200))
    async with host.run_test(size=SIZE) as pilot:
        transcript = host.transcript
        transcript.append(entry("a", "reply", thinking="first\nsecond"))
        transcript.begin_live(entry("r", live=True))
        transcript.write_thinking("live thought")
        await settled(pilot, transcript)
        folded = [
            "  ▸ thought · 12 characters",
            "  reply",
            "",
            "  ▸ thinking · 12 characters · live thought",
            "",
        ]
        assert painted(transcript)[:5] == folded
        transcript.toggle_thinking()
        await pilot.pause()
        unfolded = ["  ▾ thought · 12 characters", "  │ first", "  │ second", "  reply", "",
                    "  ▾ thinking", "  │ live thought", ""]  # fmt: skip
        assert painted(transcript)[:8] == unfolded
        transcript.write_thinking("s go on")
        await settled(pilot, transcript)
        assert painted(transcript)[6] == "  │ live thoughts go on"
        await pilot.click(transcript, offset=(6, 0))
        await pilot.pause()
        assert painted(transcript)[:3] == folded[:3]


async def test_colours_come_from_the_theme_and_change_with_it() -> None:
    def colour(host: Host) -> str:
        style = next(segment.style for segment in host.transcript.render_line(0) if segment.text == "▌ ")
        assert style is not None and style.color is not None and style.color.triplet is not None
        return style.color.triplet.hex

    host = Host()
    async with host.run_test(size=SIZE) as pilot:
        host.transcript.append(prompt("u", "hello"))
        await pilot.pause()
        assert colour(host) == "#00ff00"
        host.register_theme(Theme("other", "#123456", variables={"chatterm-user": "#ff0000"}))
        host.theme = "other"
        await pilot.pause()
        assert colour(host) == "#ff0000"


async def test_another_theme_in_the_middle_of_a_reply_colours_all_of_it() -> None:
    host = Host(Transcript(frames_per_second=200))
    async with host.run_test(size=SIZE) as pilot:
        transcript = host.transcript
        transcript.begin_live(entry("r", live=True))
        transcript.write("# one\n\n```py\nx = 1\n")
        await settled(pilot, transcript)
        host.register_theme(Theme("other", "#123456", variables={**COLOURS, "chatterm-heading": "#ff0000"}))
        host.theme = "other"
        transcript.write("y = 2\n```\n\n# two")
        await settled(pilot, transcript)
        await pilot.pause()
        colours = {
            segment.style.color.triplet.hex
            for y in (0, 6)
            for segment in transcript.render_line(y)
            if segment.text in ("one", "two") and segment.style and segment.style.color
            and segment.style.color.triplet
        }  # fmt: skip
        assert colours == {"#ff0000"}


# ---- selection ----------------------------------------------------------------------------------


async def drag(pilot: Pilot[None], start: Offset, end: Offset) -> None:
    await pilot.mouse_down(offset=start)
    await pilot.hover(offset=end)
    await pilot.mouse_up(offset=end)
    await pilot.pause()


def selected_on(transcript: Transcript, y: int) -> str:
    marked = transcript._selection_style.bgcolor
    return "".join(
        segment.text
        for segment in transcript.render_line(y)
        if segment.style and segment.style.bgcolor == marked
    )


async def test_selecting_across_lines_and_entries_gives_what_was_written() -> None:
    host = Host()
    async with host.run_test(size=SIZE) as pilot:
        transcript = host.transcript
        transcript.set_entries(
            [prompt("u", "漢字 hello\nworld"), entry("r", "**bold** words " + "and more " * 8)]
        )
        await pilot.pause()
        await drag(pilot, Offset(7, 0), Offset(9, 4))
        chosen = "hello\nworld\n\nbold words and more and more and more and more and more and more"
        assert transcript.selected_text == chosen
        assert host.selections == [chosen]
        assert selected_on(transcript, 1) == "world"
        transcript.scroll_lines(1)
        transcript.append(prompt("v", "more"))
        await pilot.resize_terminal(30, 12)
        await pilot.pause()
        assert transcript.selected_text == chosen
        await drag(pilot, Offset(0, 0), Offset(29, 11))
        assert "**bold** words" in transcript.selected_text  # a row that is selected as a whole: its source
        assert transcript.clear_selection() and not transcript.clear_selection()
        assert transcript.selected_text == ""


async def test_a_selection_stays_while_a_reply_grows_and_when_it_ends() -> None:
    host = Host()
    async with host.run_test(size=SIZE) as pilot:
        transcript = host.transcript
        transcript.begin_live(entry("r", live=True))
        transcript.write("first paragraph\n\nsecond")
        await settled(pilot, transcript)
        await drag(pilot, Offset(2, 0), Offset(6, 0))
        assert transcript.selected_text == "first"
        transcript.write(" paragraph\n\n" + "more\n" * 40)
        await settled(pilot, transcript)
        assert transcript.selected_text == "first"
        transcript.end_live(entry("r", "first paragraph\n\nsecond paragraph\n\n" + "more\n" * 40))
        transcript.scroll_to_start()
        await pilot.pause()
        assert (transcript.selected_text, selected_on(transcript, 0)) == ("first", "first")


async def test_a_double_click_selects_a_word_and_a_third_the_row() -> None:
    host = Host()
    async with host.run_test(size=SIZE) as pilot:
        host.transcript.append(entry("r", "- one **two** three"))
        await pilot.pause()
        await pilot.click(host.transcript, offset=(9, 0), times=2)
        await pilot.pause()
        assert host.transcript.selected_text == "two"
        await pilot.click(host.transcript, offset=(9, 0), times=3)
        await pilot.pause()
        assert host.transcript.selected_text == "- one **two** three"


async def test_a_drag_past_the_edge_scrolls() -> None:
    host = Host()
    async with host.run_test(size=SIZE) as pilot:
        transcript = host.transcript
        transcript.set_entries([entry("a", "\n".join(f"line {number}" for number in range(100)))])
        transcript.scroll_to_start()
        await pilot.pause()
        await pilot.mouse_down(offset=Offset(2, SIZE[1] - 1))
        transcript.post_message(events.MouseMove(transcript, 8, SIZE[1] + 3, 0, 1, 1, False, False, False))
        await pilot.pause(0.3)
        assert transcript._viewport.y > 1
        await pilot.mouse_up(offset=Offset(8, SIZE[1] - 1))
        await pilot.pause()
        assert transcript.selected_text.startswith("line 19\nline 20")
        assert transcript._drag_timer is None


async def test_a_link_is_told_of_and_not_opened() -> None:
    host = Host()
    async with host.run_test(size=SIZE) as pilot:
        host.transcript.append(entry("r", "see [the docs](https://docs.example/a)\n\n```py\nx\n```"))
        await pilot.pause()
        await pilot.click(host.transcript, offset=(7, 0))
        await pilot.click(host.transcript, offset=(3, 0))
        await pilot.pause()
        assert host.clicked == ["https://docs.example/a"]
        head = painted(host.transcript)[2]
        await pilot.click(host.transcript, offset=(head.index("copy") + 1, 2))
        await pilot.pause()
        assert host.clicked[1:] == ["action:copy-code"]


# ---- earlier entries ----------------------------------------------------------------------------


def numbered(first: int, count: int) -> list[Entry]:
    return [
        entry(str(number), f"entry {number}\n" + "words and more words " * (number % 40))
        for number in range(first, first + count)
    ]


async def test_earlier_entries_are_read_when_they_are_looked_at_and_nothing_jumps() -> None:
    asked: list[tuple[int, int]] = []

    async def read(first: int, count: int) -> list[Entry]:
        asked.append((first, count))
        await asyncio.sleep(0)
        return numbered(first, count)

    host = Host()
    async with host.run_test(size=SIZE) as pilot:
        transcript = host.transcript
        transcript.set_entries(numbered(1000, 10), Earlier([Extent(400, 1)] * 1000, read))
        whole = [line.rstrip() for shown in numbered(0, 1010) for line in ("  " + text for text in texts(
            document(shown, width=SIZE[0] - 4)))]  # fmt: skip
        whole = [line.rstrip() for line in whole]
        await pilot.pause()
        assert painted(transcript) == whole[-20:] and len(asked) <= 1
        for back in range(1, 300):
            transcript.scroll_lines(-3)
            await pilot.pause(0)
            end = len(whole) - 3 * back
            assert painted(transcript) == whole[end - 20 : end]
        assert len(asked) <= 3
        transcript.scroll_to_start()
        await pilot.pause()
        await host.workers.wait_for_complete()
        await pilot.pause()
        assert painted(transcript) == whole[:20]
        transcript.scroll_to(y=transcript._viewport.total // 2, animate=False)
        await pilot.pause()
        await host.workers.wait_for_complete()
        await pilot.pause()
        assert "".join(painted(transcript)).strip()
        assert sum(count for _, count in asked) < 800


async def test_entries_that_cannot_be_read_are_told_of_and_asked_for_again() -> None:
    failures = [StoreError("The history cannot be read.", "Try again.")]

    async def read(first: int, count: int) -> list[Entry]:
        if failures:
            raise failures.pop()
        return numbered(first, count)

    host = Host()
    async with host.run_test(size=SIZE) as pilot:
        transcript = host.transcript
        transcript.set_entries(numbered(30, 10), Earlier([Extent(400, 1)] * 30, read))
        await pilot.pause()
        await host.workers.wait_for_complete()
        await pilot.pause()
        assert [str(error) for error in host.failed] == ["The history cannot be read. Try again."]
        transcript.scroll_to_start()
        await host.workers.wait_for_complete()
        await pilot.pause()
        assert painted(transcript)[0] == "  entry 0"


async def test_a_selection_stays_with_its_text_when_entries_come_and_go() -> None:
    host = Host()
    async with host.run_test(size=SIZE) as pilot:
        transcript = host.transcript
        transcript.set_entries([
            entry("1", "first"), entry("2", "chosen words"), Entry(id="3", role="user", text="last", status="queued")
        ])  # fmt: skip
        await pilot.pause()
        transcript.start_walking()
        transcript.walk(-1)
        assert transcript.select_message() and transcript.selected_text == "chosen words"
        transcript.remove_entry("1")
        assert transcript.selected_text == "chosen words"
        transcript.replace(Entry(id="2", role="assistant", text="chosen words", figures="84 tok/s"))
        assert transcript.selected_text == "chosen words"
        transcript.walk(1)
        assert transcript.select_message() and transcript.selected_text == "last"
        transcript.append(entry("4", "before the queued one"))
        assert transcript.selected_text == "last"
        transcript.replace(Entry(id="3", role="user", text="other"))
        assert transcript.selected_text == ""


@pytest.mark.parametrize("turns", ["turn_folds", "toggle_thinking"])
async def test_what_is_selected_in_a_message_that_is_folded_is_let_go(turns: str) -> None:
    host = Host()
    async with host.run_test(size=SIZE) as pilot:
        transcript = host.transcript
        transcript.set_entries([entry("1", "text", thinking="a thought\n" * 300)])
        await pilot.pause()
        transcript.toggle_thinking()
        transcript.start_walking()
        assert transcript.select_message() and transcript.extend(rows=-1)
        getattr(transcript, turns)()
        assert transcript.selected_text == "" and not transcript.extend(rows=-1)


async def test_the_cursor_goes_with_the_last_message() -> None:
    host = Host()
    async with host.run_test(size=SIZE) as pilot:
        transcript = host.transcript
        transcript.set_entries([entry("1", "text")])
        await pilot.pause()
        transcript.start_walking()
        transcript.remove_entry("1")
        assert not transcript.walking
        assert not transcript.select_message() and not transcript.turn_folds()
