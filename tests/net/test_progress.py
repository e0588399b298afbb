"""The limits on a reply, with the clock in the test's hand."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatterm.backend.net.coding import PIECE_BYTES, new_coding
from chatterm.backend.net.progress import Progress
from chatterm.backend.providers.base import Endpoint, Limits
from chatterm.core.errors import ProtocolError

ENDPOINT = Endpoint(provider="openai", base_url="http://api.example/v1")


def test_until_the_first_event_its_own_limit_counts_from_the_request() -> None:
    progress = Progress(Limits(first_event_seconds=120, event_gap_seconds=60), since=10.0)
    assert progress.deadline == 130.0
    assert "no event within 120 s" in progress.error(ENDPOINT).message
    progress.saw_event(100.0)
    assert progress.deadline == 160.0
    assert "no whole event for 60 s" in progress.error(ENDPOINT).message


def test_keep_alives_start_the_limit_afresh_up_to_their_own_limit() -> None:
    progress = Progress(Limits(event_gap_seconds=60, comments_only_seconds=600), since=0.0)
    progress.saw_event(0.0)
    progress.saw_keep_alive(50.0)
    assert progress.deadline == 110.0 and "no whole event" in progress.error(ENDPOINT).message
    progress.saw_keep_alive(590.0)
    assert progress.deadline == 600.0 and "nothing but keep-alive" in progress.error(ENDPOINT).message
    progress.saw_event(595.0)
    assert progress.deadline == 655.0


def test_without_keep_alives_their_limit_does_not_count() -> None:
    progress = Progress(Limits(first_event_seconds=900, comments_only_seconds=600), since=0.0)
    assert progress.deadline == 900.0


@given(
    bodies=st.lists(st.binary(max_size=300), min_size=1, max_size=3),
    size=st.integers(1, 50),
    coding=st.sampled_from(["gzip", "deflate"]),
)
def test_a_coded_body_is_decoded_whatever_its_chunks(bodies: list[bytes], size: int, coding: str) -> None:
    compress = gzip.compress if coding == "gzip" else zlib.compress
    coded = b"".join(compress(body) for body in bodies)
    decoder = new_coding(coding, "api.example")
    pieces = [
        piece for start in range(0, len(coded), size) for piece in decoder.feed(coded[start : start + size])
    ]
    decoder.end()
    assert b"".join(pieces) == b"".join(bodies)


def test_a_bomb_comes_in_small_pieces() -> None:
    decoder = new_coding("gzip", "api.example")
    total = 0
    for piece in decoder.feed(gzip.compress(bytes(10 << 20))):
        assert 0 < len(piece) <= PIECE_BYTES
        total += len(piece)
    decoder.end()
    assert total == 10 << 20


def test_a_cut_body_is_told() -> None:
    decoder = new_coding("gzip", "api.example")
    list(decoder.feed(gzip.compress(b"x" * 1000)[:-5]))
    with pytest.raises(ProtocolError, match=r"the answer of api\.example ends in the middle"):
        decoder.end()
