"""The commands about what goes over the wire."""

from __future__ import annotations

from pathlib import Path

from tests.tui.conftest import Launch
from tests.tui.screens.test_message_cursor import clipboard_of


async def test_raw_shows_request_and_response_without_the_key(launch: Launch) -> None:
    async with launch(size=(100, 40)) as program:
        await program.send("/raw")
        await program.shown("There is no message yet.")
        program.composer.clear_draft()
        program.provider.key = "kx-canary-0123456789"
        await program.turn("what is [b]this[/b]", "kx-canary-0123456789 is the key")
        await program.turn("second", "2nd")
        await program.send("/raw 2")
        for words in ("POST plain://model", "what is [b]this[/b]", "Response, after", "[key] is the key"):
            await program.shown(words)
        assert "kx-canary" not in program.text
        await program.pilot.press("escape")
        await program.send("/raw 9")
        await program.shown("There is no turn 9 back.")
        program.composer.clear_draft()
        await program.send("/raw x")
        await program.shown("'x' is no number.")


async def test_curl_copies_the_request(launch: Launch) -> None:
    async with launch() as program:
        copied = clipboard_of(program)
        await program.turn("it's", "so")
        await program.send("/curl")
        await program.until(lambda: copied)
        assert copied[0].startswith("curl -sS -N -X POST plain://model")
        assert """it'"'"'s""" in copied[0]


async def test_a_turn_from_before_the_start_is_not_kept(launch: Launch) -> None:
    async with launch() as program:
        await program.turn("hello", "hi")
    async with launch(begin=None) as program:
        await program.send("/resume")
        await program.pilot.press("enter")
        await program.shown("hi")
        await program.send("/curl")
        await program.shown("The request of this turn is not kept")


async def test_record_writes_until_it_is_off(launch: Launch, tmp_path: Path) -> None:
    file = tmp_path / "turns.jsonl"
    async with launch(size=(160, 30)) as program:
        await program.send("/record off")
        await program.shown("Nothing is recorded.")
        program.composer.clear_draft()
        await program.send(f"/record {file}")
        await program.shown("Recording to")
        await program.turn("hello", "hi")
        await program.send("/record")
        await program.until(lambda: "1 request." in program.notices)  # the path may part the words on screen
        await program.send("/record off")
        await program.until(lambda: "Recorded 1 request to" in program.notices)
        written = file.read_text()
        await program.turn("more", "yes")
        assert file.read_text() == written and written.count("\n") >= 5
        await program.send(f"/record {file}")
        await program.until(lambda: "is there already." in program.notices)
        program.composer.clear_draft()
        await program.send("/record")
        await program.shown("Nothing is recorded. /record FILE begins.")


async def test_there_is_no_cache_where_nothing_is_stored(launch: Launch) -> None:
    async with launch() as program:
        await program.send("/cache on")
        await program.shown("There is no response cache here")


async def test_the_cache_is_turned_on_off_and_cleared(launch: Launch, new_user: Path) -> None:
    from chatterm.store.reply_files import ReplyFiles

    async with launch(size=(120, 30)) as program:
        cache = program.app.chat.started.value.services.exchanges.cache
        cache.files = ReplyFiles(new_user / "replies", most_bytes=10_000, most_seconds=60)
        await program.send("/cache")
        await program.shown("The response cache is off; it keeps 0 replies")
        await program.send("/cache on")
        await program.shown("The response cache is on")
        await program.turn("hello", "hi there")
        await cache.settled()
        await program.send("/new")
        await program.until(lambda: not program.session.turns)
        await program.send("hello")
        await program.shown("from the cache, nothing was sent")
        assert len(program.provider.requests) == 1
        await program.send("/cache clear")
        await program.shown("Forgot 1 reply.")
        await program.send("/cache nonsense")
        await program.shown("'nonsense' is nothing that /cache does.")
