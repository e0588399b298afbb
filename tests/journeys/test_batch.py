"""`chatterm batch` whose program ends in the middle: stopped, terminated, killed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from tests.doubles import server_replies as replies
from tests.doubles.server import ScriptedServer
from tests.journeys.program import CHATTERM, Home

KILLS = 20
LINES = 240
VICTIM = Path(__file__).with_name("batch_victim.py")


def complete_keys(output: Path) -> list[str]:
    """The ids of the complete lines; what is torn at the end is none."""
    if not output.exists():
        return []
    whole = output.read_bytes().rpartition(b"\n")[0]
    lines = [json.loads(line) for line in whole.splitlines()]
    return [line["id"] for line in lines if line["outcome"] == "complete"]


def written_bytes(output: Path) -> int:
    """How long the output is."""
    return output.stat().st_size if output.exists() else 0


def is_alive(process: int) -> bool:
    """Whether the process has not ended by itself."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_killed_at_any_moment_it_repeats_and_loses_nothing(home: Home, tmp_path: Path) -> None:
    """By SIGKILL, at random moments of a run that is long enough for all of them."""
    home.write_settings("save = false\n[guide]\nwords_per_second = 2000\n")
    output, keys = tmp_path / "out.jsonl", [f"n{number}" for number in range(LINES)]
    prompt = "How do I use Ollama?"
    lines = [json.dumps({"id": key, "prompt": prompt}) for key in keys]
    (tmp_path / "in.jsonl").write_text("\n".join(lines))
    words = ["batch", str(tmp_path / "in.jsonl"), "--provider", "guide", "-j", "4", "-o", str(output)]
    chance = random.Random(20)
    before, counts = list[str](), set[int]()
    with subprocess.Popen(
        [sys.executable, VICTIM, *words],
        env={**home.environ(), "PYTHONPATH": str(Path(__file__).parents[2])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as victim:
        assert victim.stdin is not None
        assert victim.stdout is not None

        def start() -> int:
            victim.stdin.write("\n")  # type: ignore[union-attr]  # checked above
            return int(victim.stdout.readline())  # type: ignore[union-attr]  # checked above

        killed = 0
        for _ in range(KILLS):
            child = start()
            line_bytes = written_bytes(output) // len(before) if before else 200
            more = chance.randrange(10)
            while written_bytes(output) < (len(before) + more) * line_bytes and is_alive(child):
                time.sleep(0.001)
            time.sleep(chance.uniform(0.0, 0.01))
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            killed += int(victim.stdout.readline()) == signal.SIGKILL
            now = complete_keys(output)
            assert now[: len(before)] == before
            assert len(set(now)) == len(now)
            before = now
            counts.add(len(now))
        start()
        assert int(victim.stdout.readline()) == 0
    assert killed >= KILLS // 2
    assert len(counts) >= KILLS // 3, "most kills came before there was anything to lose"
    written = [json.loads(line) for line in output.read_text().splitlines()]
    assert sorted(line["id"] for line in written) == sorted(keys)
    assert {line["outcome"] for line in written} == {"complete"}
    assert len({line["reply"] for line in written}) == 1


def test_stopped_it_keeps_what_is_done_and_goes_on_with_the_rest(
    home: Home, server: ScriptedServer, tmp_path: Path
) -> None:
    (tmp_path / "in.jsonl").write_text("".join(f'"prompt {index}"\n' for index in range(6)))
    output = tmp_path / "out.jsonl"
    for _ in range(2):
        server.reply_text("done")
    server.reply(*replies.stream(replies.text_frames("no end", provider="openai"), gates={2: "never"}))
    where = ["--base-url", server.base_url("openai"), "-m", "scripted-model", "-j", "1"]
    words = [*CHATTERM, "batch", str(tmp_path / "in.jsonl"), *where, "-o", str(output)]
    with subprocess.Popen(words, env=home.environ(), stderr=subprocess.PIPE, text=True) as process:
        server.wait_until(lambda: len(server.chats) == 3)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        told = process.stderr.read()
        assert process.wait() == 130
        # A second for what runs, and what the exit takes on a machine with other work.
        assert 0.9 <= time.monotonic() - began <= 4
    assert "2 of 6 lines have their reply, 4 were not asked." in told
    assert len(complete_keys(output)) == 2
    assert home.run(*words[len(CHATTERM) :]).status == 0
    assert sorted(complete_keys(output)) == [1, 2, 3, 4, 5, 6]
    assert len(server.chats) == 7


def test_who_reads_its_output_may_go(home: Home, server: ScriptedServer, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('"a"\n"b"\n"c"\n')
    server.reply_text("done")
    server.reply(*replies.stream(replies.text_frames("done too", provider="openai"), gates={2: "go on"}))
    where = ["--base-url", server.base_url("openai"), "-m", "scripted-model", "-j", "1"]
    words = [*CHATTERM, "batch", str(tmp_path / "in.jsonl"), *where]
    with subprocess.Popen(
        words, env=home.environ(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["reply"] == "done"
        process.stdout.close()
        server.release("go on")
        assert process.stderr.read() == ""
        assert process.wait() == 141
    assert len(server.chats) == 2


def test_on_a_terminal_it_shows_how_far_it_is(home: Home, server: ScriptedServer, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('"a"\n"b"\n')
    server.reply_text("done")
    server.reply(*replies.stream(replies.text_frames("done too", provider="openai"), gates={2: "go on"}))
    where = ["--base-url", server.base_url("openai"), "-m", "scripted-model", "-j", "1"]
    output = tmp_path / "out.jsonl"
    with home.start("batch", str(tmp_path / "in.jsonl"), *where, "-o", str(output)) as terminal:
        terminal.wait_for("1 of 2 · 1 running")
        server.release("go on")
        assert terminal.wait_exit() == 0
    assert len(complete_keys(output)) == 2
