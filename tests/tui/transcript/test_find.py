"""Looking for words: what counts, in which order, and where it is shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatterm.tui.transcript import find
from chatterm.tui.transcript.copied import selected_text
from chatterm.tui.transcript.document import Document
from chatterm.tui.transcript.entries import Entry, Section
from chatterm.tui.transcript.find import Found, Match, Needle, needle_of, row_text
from chatterm.tui.transcript.found_places import number_from, place_of, searched_text, text_of
from chatterm.tui.transcript.segments import Format
from chatterm.tui.transcript.selection import Mark, Selection
from chatterm.tui.transcript.spots import line_of
from tests.tui.transcript.documents import TEXTS
from tests.tui.transcript.made import document, entry

WORDS = st.text(st.sampled_from("abAßSs *`\nİi漢"), max_size=40)
FEW = st.text(st.sampled_from("abAßSs *`İi"), min_size=1, max_size=3)


def needle(words: str) -> Needle:
    made = needle_of(words)
    assert made is not None
    return made


def count(words: str, text: str) -> int:
    return list(needle(words).count(text))[-1]


# ---- what counts ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "text", "times"),
    [
        ("red", "Red, RED and bored", 3),
        ("aa", "aaaa a", 2),
        ("straße", "STRASSE", 1),
        ("a.b", "a.b axb", 1),
        ("use the key", "use the **key** or\nuse `the key`", 2),
        ("the key", "the\nkey", 1),
        ("**", "**a**", 2),
        ("a*b", "ab a*b", 1),
        ("[/b]", "[/b]", 1),
        ("漢", "漢字と漢字", 2),
    ],
)
def test_what_counts(words: str, text: str, times: int) -> None:
    assert count(words, text) == times


def test_nothing_is_no_needle() -> None:
    assert needle_of("") is None


@given(WORDS, FEW, st.integers(1, 7))
def test_slices_change_no_count(text: str, words: str, size: int) -> None:
    looked_for = needle(words)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(find, "SLICE", size)
        counts = list(looked_for.count(text))
    assert counts == sorted(counts)
    assert counts[-1] == looked_for.fold(text).count(looked_for.folded) == len(looked_for.all_in(text))


@given(WORDS, FEW)
def test_what_is_marked_is_what_was_looked_for(text: str, words: str) -> None:
    looked_for, before = needle(words), 0
    for start, end in looked_for.all_in(text):
        assert looked_for.folded in looked_for.fold(text[start:end])
        # Two matches share a character only where that is two in lower case.
        assert start >= before or len(text[start].casefold()) > 1
        before = end


@given(WORDS, FEW, FEW)
def test_a_part_is_where_the_whole_is(text: str, one: str, other: str) -> None:
    if needle(one).is_in(needle(other)) and count(other, text):
        assert count(one, text)


# ---- order ------------------------------------------------------------------------------------


def filled(counts: list[int]) -> Found:
    found = Found([False] * len(counts))
    for place, number in enumerate(counts):
        found.put(place, number)
    return found


COUNTS = st.lists(st.integers(0, 3), min_size=1, max_size=20)


@given(COUNTS, st.booleans())
def test_steps_go_through_all_and_round(counts: list[int], forward: bool) -> None:
    found = filled(counts)
    matches = [Match(place, number) for place, times in enumerate(counts) for number in range(times)]
    assert found.total == len(matches) and found.is_complete
    assert found.choose(0, 0) is bool(matches)
    walked: list[Match] = []
    for _ in matches:
        assert found.current is not None and found.number == matches.index(found.current)
        walked.append(found.current)
        found.step(forward=forward)
    assert walked == (matches if forward else [*matches[:1], *matches[:0:-1]])
    assert found.current == (matches[0] if matches else None)


@given(COUNTS, st.data())
def test_the_first_from_here_is_chosen_else_the_last_before(counts: list[int], data: st.DataObject) -> None:
    found = filled(counts)
    place = data.draw(st.integers(0, len(counts) - 1))
    origin = Match(place, data.draw(st.integers(0, counts[place])))
    matches = [Match(at, number) for at, times in enumerate(counts) for number in range(times)]
    found.choose(*origin)
    assert found.current == next(
        (each for each in matches if each >= origin), matches[-1] if matches else None
    )


@given(st.lists(st.booleans(), min_size=1, max_size=20), st.data())
def test_all_is_searched_once_from_the_view_down_then_up_then_read(
    absent: list[bool], data: st.DataObject
) -> None:
    found, origin = Found(absent), data.draw(st.integers(0, len(absent) - 1))
    searched: list[int] = []
    while (place := found.to_search(origin)) is not None:
        searched.append(place)
        found.put(place, 0)
    held = [place for place, each in enumerate(absent) if not each]
    assert searched == [*(p for p in held if p >= origin), *(p for p in reversed(held) if p < origin)]
    read: list[int] = []
    while (place := found.to_read()) is not None:
        assert not found.is_complete
        read.append(place)
        found.put(place, 0)
    assert read == [place for place in reversed(range(len(absent))) if absent[place]]
    assert found.is_complete and found.total == 0


def test_it_waits_for_what_is_below_before_it_goes_up() -> None:
    found = Found([False, False, False])
    found.put(0, 1)
    assert not found.choose(1, 0)
    found.put(1, 0)
    assert not found.choose(1, 0)
    found.put(2, 0)
    assert found.choose(1, 0) and found.current == Match(0, 0)


def test_it_goes_round_only_when_all_was_searched() -> None:
    found = Found([True, False])
    found.put(1, 2)
    assert found.choose(1, 0)
    assert not found.step(forward=False) and found.current == Match(1, 0)
    found.put(0, 1)
    assert found.step(forward=False) and found.current == Match(0, 0)


@given(COUNTS, st.lists(st.tuples(st.booleans(), st.integers(0, 30), st.integers(0, 3)), max_size=20))
def test_the_current_match_stays_itself_while_entries_come_and_go(
    counts: list[int], changes: list[tuple[bool, int, int]]
) -> None:
    found, names = filled(counts), [f"e{place}" for place in range(len(counts))]
    found.choose(0, 0)
    chosen = (names[found.current.place], found.current.number) if found.current else None
    for comes, at, times in changes:
        if comes:
            place = at % (len(names) + 1)
            names.insert(place, f"new {len(names)}")
            found.insert(place)
            found.put(place, times)
        elif names:
            place = at % len(names)
            found.remove(place)
            if names.pop(place) == (chosen and chosen[0]):
                chosen = None
        if chosen:
            assert found.current is not None
            assert (names[found.current.place], found.current.number) == chosen


def test_more_letters_are_looked_for_only_where_the_first_were() -> None:
    before = filled([0, 2, 0])
    after = Found([False, False, False], before)
    assert after.to_search(0) == 1
    after.put(1, 1)
    assert after.is_complete and after.total == 1


def test_a_list_tells_of_its_changes() -> None:
    made = document(entry(1), entry(2))
    made.entries.look_anew()
    found = made.entries.found
    assert found is not None
    for place in (0, 1):
        found.put(place, 1)
    made.replace(entry(1, "other"))
    assert found.to_search(0) == 0
    found.put(0, 1)
    made.insert(entry(3))
    assert found.to_search(0) == 2
    found.put(2, 0)
    made.remove("1")
    assert found.is_complete and found.total == 1
    made.set_entries([entry(4)])
    assert made.entries.found is not found and made.entries.found is not None


# ---- where it is shown ------------------------------------------------------------------------


def shown_words(made: Document, place: int, number: int, times: int, looked_for: Needle) -> str:
    at = place_of(made, place, number, times, looked_for)
    return selected_text(made, Selection(Mark(place, at.segment, at.start), Mark(place, at.segment, at.end)))


LONG = "\n\n".join(f"paragraph {number}: red **Red**\n- `red` item\n" for number in range(100))


def test_each_match_is_found_where_it_is_shown() -> None:
    made = document(entry(1, LONG, figures="red"), width=30)
    looked_for = needle("red")
    times = count("red", LONG)
    assert times == 300 and made.segments(0) > 3
    places = [place_of(made, 0, number, times, looked_for) for number in range(times)]
    assert places == sorted(set(places))
    for number, at in [*enumerate(places)][::7]:
        assert shown_words(made, 0, number, times, looked_for).casefold() == "red"
        assert number_from(made, Mark(0, at.segment, at.start), times, looked_for) == number


def test_a_match_over_a_soft_wrap_is_one() -> None:
    made = document(entry(1, "one two three four five six seven"), width=16)
    at = place_of(made, 0, 0, 1, needle("three four five six"))
    assert shown_words(made, 0, 0, 1, needle("three four five six")) == "three four five six"
    made.lay(Format(60))
    assert at == place_of(made, 0, 0, 1, needle("three four five six"))


def test_what_is_not_shown_leads_near() -> None:
    text = "\n\n".join([f"paragraph {number}" for number in range(200)])
    text = text.replace("paragraph 150", "see [here](http://far.example/away)")
    made = document(entry(1, text))
    times = count("away", text)
    at = place_of(made, 0, 0, times, needle("away"))
    assert times == 1 and at.start == at.end
    lines = made.lines(0, at.segment)
    number = line_of(lines, at.start)[0]
    assert any("see here" in line.text for line in lines[max(0, number - 2) : number + 3])


def test_what_is_hidden_shifts_nothing() -> None:
    text = "a red [red](http://red.example) red\n\n```red\nred\nred = 1\n```\n\nred"
    made, looked_for = document(entry(1, text)), needle("red")
    times = count("red", text)
    places = [place_of(made, 0, number, times, looked_for) for number in range(times)]
    assert times == 8 and len(set(places)) == 6
    assert (places[2], places[4]) == (places[3], places[5])  # the link's target, the name of the language
    for number in (0, 1, 2, 4, 6, 7):
        assert number_from(
            made, Mark(0, places[number].segment, places[number].start), times, looked_for
        ) == ({2: 3, 4: 5}.get(number, number))


@given(TEXTS, FEW, st.integers(8, 60))
def test_every_match_has_a_place(text: str, words: str, width: int) -> None:
    made, looked_for = document(entry(1, text), width=width), needle(words)
    times = list(looked_for.count(text_of(made, 0)))[-1]
    places = [place_of(made, 0, number, times, looked_for) for number in range(times)]
    assert places == sorted(places)
    for at in places:
        lines = made.lines(0, at.segment)
        assert sum(line.join is None for line in lines[1:]) >= at.end.row


def test_what_is_about_a_message_is_not_searched_nor_marked() -> None:
    made = Document(40)
    sections = (Section("thinking", "red thought", head="red head"), Section("text", "red text"))
    made.set_entries([
        Entry(id="1", role="user", text="red prompt", label="red.txt"),
        Entry(id="2", role="assistant", sections=sections, ending="red end", figures="red"),
    ])  # fmt: skip
    looked_for = needle("red")
    for place, words in ((0, "red prompt"), (1, "red text")):
        assert text_of(made, place) == words
        at = place_of(made, place, 0, 1, looked_for)
        lines = made.lines(place, at.segment)
        assert row_text(lines, next(n for n, line in enumerate(lines) if words in line.text)).text == words
        assert shown_words(made, place, 0, 1, looked_for) == "red"
        assert number_from(made, Mark(place, at.segment, at.start), 1, looked_for) == 0
        after = at.start._replace(char=at.start.char + 1)
        assert number_from(made, Mark(place, at.segment, after), 1, looked_for) == 1
    made.turn_fold(1, 0)
    reply = made.entries[1]
    assert reply is not None
    assert searched_text(reply, made.form) == text_of(made, 1) == "red thought\n\nred text"
    rows = [place_of(made, 1, number, 2, looked_for).start.row for number in range(2)]
    assert rows == sorted(set(rows))


def test_a_live_entry_is_searched_as_far_as_it_came() -> None:
    made = Document(30)
    made.begin_live(entry(1, "", status="live"))
    live = made.live
    assert live is not None
    live.write(LONG)
    made.settle_live()
    looked_for = needle("red")
    times = list(looked_for.count(text_of(made, 0)))[-1]
    assert times == 300
    for number in range(0, times, 17):
        assert shown_words(made, 0, number, times, looked_for).casefold() == "red"
