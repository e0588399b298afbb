"""Tool calls in the transcript: cards that change in their place while a reply grows."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from chatterm.tui.transcript.copied import selected_text
from chatterm.tui.transcript.entries import Entry, Section
from chatterm.tui.transcript.segments import Format
from chatterm.tui.transcript.selection import Mark, Selection
from chatterm.tui.transcript.spots import Spot
from chatterm.tui.transcript.viewport import Viewport
from tests.tui.transcript.made import addresses, document, entry, height, in_view, texts


def card(name: str, text: str = "", state: str = "running 1.0 s") -> Section:
    return Section("tool", text, f"{name} nginx.conf", state=state, call_id=name)


def live_document(form: Format):
    made = document(width=form.width)
    made.lay(form)
    made.begin_live(entry(1, "", status="live"))
    assert made.live is not None
    return made, made.live


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("text"), st.text("ab `*\n|-", max_size=60)),
        st.tuples(st.just("thinking"), st.text("ab \n", max_size=60)),
        st.tuples(st.just("note"), st.just("2 tools in 0.62 s")),
        st.tuples(st.sampled_from("wxyz"), st.integers(0, 90).map(lambda rows: "row\n" * rows)),
    ),
    max_size=12,
)


@given(STEPS, st.booleans(), st.lists(st.integers(0, 8), max_size=2), st.integers(0, 12))
def test_grown_is_laid_out_as_whole(
    steps: list[tuple[str, str]], unfolded: bool, turned: list[int], turns_at: int
) -> None:
    form = Format(40, unfolded)
    made, live = live_document(form)
    for number, (kind, text) in enumerate(steps):
        if number == turns_at:
            for section in turned:
                made.turn_fold(0, section)
                form = made.form
        if kind == "text":
            live.write(text)
        elif kind == "thinking":
            live.write_thinking(text)
        elif kind == "note":
            live.put_card(Section("note", text))
        else:
            live.put_card(card(kind, text, f"✔ {number} s"))
        before = [made.line(at) for at in addresses(made)] if number % 2 else None
        segment, line = made.settle_live()
        if before is not None:
            kept = sum(made.height(0, at) for at in range(segment)) + line
            assert [made.line(at) for at in addresses(made)[:kept]] == before[:kept]
    final = Entry(id="1", role="assistant", sections=tuple(live.sections), figures="figures")
    made.end_live(final)
    whole = document(width=40)
    whole.lay(form)
    whole.set_entries([final])
    assert texts(made) == texts(whole)
    assert addresses(made) == addresses(whole) and made.heights.total == len(addresses(made))


def test_a_card_is_one_line_with_its_state_at_the_right() -> None:
    made = document(Entry(id="1", role="assistant", sections=(card("read_file", "{}", "✔ 0.03 s"),)))
    assert texts(made)[0] == "▸ read_file nginx.conf          ✔ 0.03 s"
    long = replace(card("read_file", "{}", "✔ 0.03 s"), head="read_file " + "x" * 300)
    made = document(Entry(id="1", role="assistant", sections=(long,)))
    assert height(made, 0) == 2 and texts(made)[0].endswith("x ✔ 0.03 s")


def test_nothing_below_or_above_moves_while_calls_change() -> None:
    made, live = live_document(Format(40))
    live.write("one\n\ntwo")
    for name in "abc":
        live.put_card(card(name, state="waiting"))
    live.write("three")
    made.settle_live()
    before = texts(made)
    for name, state in zip("cab", ("running 0.1 s", "✔ 3.00 s", "✘ failed"), strict=True):
        live.put_card(card(name, "what it said\n" * 50, state))
        made.settle_live()
    after = texts(made)
    assert len(after) == len(before)
    assert [line[:20] for line in after] == [line[:20] for line in before]
    assert "✔ 3.00 s" in after[3] and "failed" in after[4] and "running" in after[5]


def test_a_reader_below_an_open_card_stays_where_he_is_when_its_result_comes() -> None:
    made, live = live_document(Format(40))
    live.put_card(card("a", "{}"))
    live.write("\n\n".join(f"line {number}" for number in range(40)))
    made.settle_live()
    made.turn_fold(0, 0)
    view = Viewport(made)
    view.height = 6
    view.settle()
    view.move(-20)
    before = in_view(view)
    live.put_card(card("a", "{}\n\n" + "result\n" * 80, "✔ 0.1 s"))
    made.settle_live()
    view.settle()
    assert in_view(view) == before
    view.to_start()
    assert "▾ a nginx.conf" in in_view(view)[0] and "│ {}" in in_view(view)[1]


def test_a_long_reply_keeps_the_card_whole() -> None:
    sections = (Section("text", "word " * 20_000), card("a", "row\n" * 100), Section("text", "the end"))
    reply = Entry(id="1", role="assistant", sections=sections)
    made = document(width=60)
    made.lay(Format(60, unfolded=True))
    made.set_entries([reply])
    shown = texts(made)
    assert sum(line == "│ row" for line in shown) == 100 and "the end" in shown


def test_a_message_copies_without_its_cards_a_selection_with_them() -> None:
    sections = (Section("text", "before"), card("a", "result", "✔ 0.1 s"), Section("text", "after"))
    reply = Entry(id="1", role="assistant", sections=sections)
    assert reply.source == "before\n\nafter"
    made = document(width=60)
    made.lay(Format(60, unfolded=True))
    made.set_entries([reply])
    last = addresses(made)[-1]
    whole = Selection(Mark(0, 0, Spot(0, 0)), Mark(0, last[1] + 1, Spot(0, 0)))
    assert selected_text(made, whole) == "before\n▾ a nginx.conf\nresult\nafter"
