"""The splitters: what they promise about any division of the bytes."""

from __future__ import annotations

import time
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatterm.backend.net.framing import Splitter, new_splitter
from chatterm.backend.providers.base import Framing
from chatterm.core.errors import ProtocolError

FRAMINGS: list[Framing] = ["sse", "ndjson"]
PIECES = [
    b"data: ",
    b"data:",
    b"data",
    b"event: error",
    b"id: 7",
    b"retry: 10",
    b": comment",
    b"\r\n",
    b"\n",
    b"\r",
    b"\xef\xbb\xbf",
    b" ",
    b'{"a": 1}',
    b'{"a":',
    b"}",
    b"[DONE]",
    "\u2028\u0085é😀".encode(),
]
streams = st.lists(st.sampled_from(PIECES), max_size=25).map(b"".join)


def split(splitter: Splitter, chunks: Iterable[bytes]) -> tuple[list[tuple[bytes, str]], int, str]:
    """Frames, keep-alives, and the error at which it stopped."""
    frames: list[tuple[bytes, str]] = []
    try:
        for chunk in chunks:
            frames += ((frame.data, frame.event) for frame in splitter.feed(chunk, 0.0))
        frames += ((frame.data, frame.event) for frame in splitter.end(0.0))
    except ProtocolError as error:
        return frames, splitter.keep_alives, error.message
    return frames, splitter.keep_alives, ""


def sse(data: bytes) -> list[tuple[bytes, str]]:
    return split(new_splitter("sse", 1000), [data])[0]


@pytest.mark.parametrize("framing", FRAMINGS)
@given(data=streams, cuts=st.lists(st.integers(0, 400)), limit=st.sampled_from([12, 40, 1000]))
def test_any_division_gives_the_same_frames(
    framing: Framing, data: bytes, cuts: list[int], limit: int
) -> None:
    whole = split(new_splitter(framing, limit), [data])
    places = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    chunks = [data[start:stop] for start, stop in pairwise(places)]
    assert split(new_splitter(framing, limit), chunks) == whole
    assert split(new_splitter(framing, limit), (data[i : i + 1] for i in range(len(data)))) == whole


@pytest.mark.parametrize("framing", FRAMINGS)
@given(limit=st.integers(20, 60), size=st.integers(0, 100))
def test_an_event_over_the_limit_is_refused_and_one_within_passes(
    framing: Framing, limit: int, size: int
) -> None:
    line = (b"data: " if framing == "sse" else b"") + b"x" * size
    frames, _, error = split(new_splitter(framing, limit), [line, b"\n\n"])
    if len(line) > limit:
        assert not frames and f"{limit} bytes" in error
    else:
        assert not error and len(frames) == (size > 0)


def test_the_limit_counts_all_lines_of_one_event_but_not_other_events() -> None:
    line = b"data: " + b"x" * 20 + b"\n"
    assert split(new_splitter("sse", 60), [line * 4])[2]
    frames, _, error = split(new_splitter("sse", 60), [(line + b"\n") * 10])
    assert len(frames) == 10 and not error


def test_frames_before_the_one_that_is_too_large_are_kept() -> None:
    frames, _, error = split(new_splitter("sse", 50), [b"data: a\n\ndata: " + b"x" * 60])
    assert frames == [(b"a", "")] and error


@pytest.mark.parametrize(
    ("data", "frames"),
    [
        (b"data: a\n\ndata: b\n\n", [(b"a", ""), (b"b", "")]),
        (b"data: a\r\n\r\n", [(b"a", "")]),
        (b"data: a\r\rdata: b\r\r", [(b"a", ""), (b"b", "")]),
        (b"\xef\xbb\xbfdata: a\n\n", [(b"a", "")]),
        (b"data: a\n\n\xef\xbb\xbfdata: b\n\n", [(b"a", "")]),
        (b"data: a\ndata: b\n\n", [(b"a\nb", "")]),
        (b"data:  a\n\n", [(b" a", "")]),
        (b"event: error\ndata: a\n\ndata: b\n\n", [(b"a", "error"), (b"b", "")]),
        (b": note\nid: 1\nretry: 2\nother: 3\ndata: a\n\n", [(b"a", "")]),
        ("data: a\u2028b\u0085c\x0bd\x1ce\n\n".encode(), [("a\u2028b\u0085c\x0bd\x1ce".encode(), "")]),
        (b"data: a\n", []),
        (b'data: {"a": 1}', [(b'{"a": 1}', "")]),
        (b'data: {"a": 1}\n', [(b'{"a": 1}', "")]),
        (b'data: {"a": ', []),
        (b"data: 12", []),
        (b"data: [DONE]", [(b"[DONE]", "")]),
        (b"data: [DON", []),
        (b"event: ping\n\n", []),
        (b"", []),
    ],
)
def test_server_sent_events(data: bytes, frames: list[tuple[bytes, str]]) -> None:
    assert sse(data) == frames


@pytest.mark.parametrize(
    ("data", "frames"),
    [
        (b'{"a":1}\n{"b":2}\n', [b'{"a":1}', b'{"b":2}']),
        (b'{"a":1}\r\n\r\n{"b":2}', [b'{"a":1}', b'{"b":2}']),
        (b'\xef\xbb\xbf{"a":1}', [b'{"a":1}']),
        (b'{"a":1}\n{"b":', [b'{"a":1}']),
        ('{"a":"\u2028\u0085"}\n'.encode(), ['{"a":"\u2028\u0085"}'.encode()]),
        (b"not json\n", [b"not json"]),
    ],
)
def test_json_lines(data: bytes, frames: list[bytes]) -> None:
    assert [frame for frame, _ in split(new_splitter("ndjson", 1000), [data])[0]] == frames


def test_signs_of_life_are_counted_apart() -> None:
    data = b": a\n\n:\nevent: ping\n\ndata:\n\ndata: x\n\n"
    assert split(new_splitter("sse", 100), [data])[:2] == ([(b"x", "")], 4)
    assert split(new_splitter("ndjson", 100), [b'\n \n{"a":1}\n'])[:2] == ([(b'{"a":1}', "")], 2)


def test_frames_are_stamped_with_the_time_of_their_last_byte() -> None:
    splitter = new_splitter("sse", 100)
    assert list(splitter.feed(b"data: a\n", 1.0)) == []
    assert [frame.at for frame in splitter.feed(b"\n", 2.0)] == [2.0]


@pytest.mark.parametrize("framing", FRAMINGS)
def test_time_grows_with_the_size_of_an_event_and_not_faster(framing: Framing) -> None:
    def seconds(size: int) -> float:
        chunks = [b"data: {", *[b"0123456789abcdef"] * (size // 16), b"}\n\n"]
        times: list[float] = []
        for _ in range(2):
            start = time.process_time()
            frames, _, _ = split(new_splitter(framing, 1 << 30), chunks)
            times.append(time.process_time() - start)
            assert len(frames) == 1
        return min(times)

    # eight times the size; joining the buffer anew for each chunk would take about 64 times as long
    assert seconds(8 << 20) < 24 * seconds(1 << 20)
