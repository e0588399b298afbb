"""The forms in which ask writes a reply."""

from __future__ import annotations

import json

import pytest

from chatterm.cli.outputs import CodeOutput, Output, output_for
from chatterm.cli.reply_news import ReplyNews, short_call
from chatterm.cli.start_options import OutputForm
from chatterm.core.events import Streamed, TextDelta, ToolFinished, ToolRequested, TurnEvent, TurnFinished
from chatterm.core.messages import Message, TextPart, ToolCallPart, ToolResultPart
from chatterm.core.tools import ToolOutcome, ToolRun
from chatterm.core.turn import Outcome, Turn


def ended(text: str) -> TurnFinished:
    prompt = Message(role="user", parts=(TextPart("q"),))
    reply = Message(role="assistant", parts=(TextPart(text),), parent_id=prompt.id)
    return TurnFinished(
        Turn(
            conversation_id="c",
            prompt=prompt,
            reply=reply,
            provider="p",
            model="m",
            outcome=Outcome.COMPLETE,
        )
    )


def written(output: Output, *events: TurnEvent) -> str:
    for event in events:
        output.feed(event)
    return output.take().decode()


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        ("Do:\n```sh\nls\n```\nthen\n```\npwd\n```\nbye", "ls\n\npwd\n"),
        ("```\na\n\nb\n```", "a\n\nb\n"),
        ("no code, only `ls`", ""),
        ("```\n\n```", ""),
    ],
)
def test_only_the_code_is_written(reply: str, code: str) -> None:
    output = CodeOutput()
    assert written(output, Streamed(0.0, TextDelta(reply))) == ""
    assert written(output, ended(reply)) == code
    assert output.found is bool(code)


def test_one_object_or_a_line_for_each_event() -> None:
    events = Streamed(0.0, TextDelta("words")), ended("words")
    assert json.loads(written(output_for(OutputForm.JSON), *events))["text"] == "words"
    lines = [json.loads(line) for line in written(output_for(OutputForm.JSONL), *events).splitlines()]
    assert [line["event"] for line in lines] == ["text_delta", "turn_finished"]
    assert lines[1]["turn"]["text"] == "words"


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ('{"path": "nginx.conf"}', "read_file nginx.conf"),
        ('{"argv": ["ls", "-l"], "n": 1}', 'read_file ["ls", "-l"] 1'),
        ("{}", "read_file"),
        ('{"path": "a\\n\\u001b[2J' + "b" * 99 + '"}', "read_file a \u241b[2J" + "b" * 53 + "…"),
        ("[" * 100_000, "read_file " + "[" * 59 + "…"),
        ("not JSON", "read_file not JSON"),
    ],
)
def test_a_call_is_told_in_one_line(arguments: str, shown: str) -> None:
    assert short_call(ToolCallPart("c", "read_file", arguments)) == shown


@pytest.mark.parametrize(
    ("run", "line"),
    [
        ({"outcome": ToolOutcome.OK, "seconds": 0.031}, "read_file a: ok, 0.03 s"),
        ({"outcome": ToolOutcome.FAILED, "seconds": 1.5}, "read_file a: failed, 1.50 s: what it said"),
        ({"outcome": ToolOutcome.INVALID}, "read_file a: called wrongly: what it said"),
        ({"outcome": ToolOutcome.DENIED}, "read_file a: not allowed"),
        ({"outcome": ToolOutcome.TIMED_OUT, "seconds": 30.0}, "read_file a: took too long, 30.00 s"),
        ({"outcome": ToolOutcome.CANCELLED}, "read_file a: cancelled"),
        ({"outcome": ToolOutcome.OK, "is_cached": True}, "read_file a: ok, from before"),
        ({"outcome": ToolOutcome.OK, "same_as": "other"}, "read_file a: the same as before"),
    ],
)
def test_a_tool_run_is_told_in_one_line(run: dict[str, object], line: str) -> None:
    news = ReplyNews()
    assert news.of(ToolRequested(ToolCallPart("c", "read_file", '{"path": "a"}'), "built-in")) == ""
    said = ToolResultPart("c", "what it\nsaid")
    finished = ToolRun(call_id="c", name="read_file", round=0, **run)  # pyright: ignore[reportArgumentType]  # a table of fields
    assert news.of(ToolFinished(0.0, said, finished)) == line
