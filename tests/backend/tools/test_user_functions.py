"""Functions of the user's own: found, described, called with what was shown, and harmless when they fail."""

from __future__ import annotations

import asyncio
import logging
import textwrap
import threading
from collections.abc import Mapping
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any

import pytest

from chatterm.backend.tools.base import Tool, ToolOutput
from chatterm.backend.tools.functions.files import load_functions
from chatterm.core.errors import InvalidCallError

GOOD = '''
from __future__ import annotations
from dataclasses import dataclass
from typing import Annotated, Literal
import msgspec
from os.path import join

@dataclass
class Place:
    name: str
    far: float = 0

def add(a: int, b: int = 2) -> int:
    """Add two numbers.

    Args:
        a: The first,
            which counts.
        b (int): The second.

    Returns:
        The sum.
    """
    return a + b
add.pure = True
add.timeout_seconds = 5

async def greet(place: Place, how: Literal["hi", "hello"] = "hi", *, tags: list[str] = []) -> str:
    """Greet.

    :param place: Where.
    :param str how: The word.
    """
    tags.append("x")
    return f"{how} {place.name} {len(tags)}"

def noted(text: Annotated[str, msgspec.Meta(description="What.", max_length=3)], maybe: int | None = None):
    return {"text": text, "maybe": maybe}

def nothing(): pass

def _hidden(): pass

class Public:
    def method(self): pass
'''


def load(folder: Path, code: str, name: str = "mine.py") -> tuple[dict[str, Tool], tuple[str, ...]]:
    (folder / name).write_text(textwrap.dedent(code), encoding="utf-8")
    tools, faults = load_functions([name], folder)
    return {tool.spec.name: tool for tool in tools}, faults


async def call(tool: Tool, arguments: Mapping[str, object]) -> ToolOutput:
    return await (await tool.prepare(arguments)).run(lambda _: None)


# ---- found and described -------------------------------------------------------------------------


def test_public_functions_of_a_file_are_tools(tmp_path: Path) -> None:
    tools, faults = load(tmp_path, GOOD)
    assert faults == () and set(tools) == {"add", "greet", "noted", "nothing"}
    assert {(tool.source, tool.is_pure, tool.timeout_seconds) for tool in tools.values()} == {
        ("module:mine.py", True, 5.0),
        ("module:mine.py", False, None),
    }


def test_a_schema_is_made_of_hints_and_docstring(tmp_path: Path) -> None:
    tools, _ = load(tmp_path, GOOD)
    add, greet = tools["add"].spec, tools["greet"].spec
    assert add.description == "Add two numbers.\n\nReturns:\n    The sum."
    assert add.parameters == {
        "type": "object",
        "properties": {
            "a": {"type": "integer", "description": "The first, which counts."},
            "b": {"type": "integer", "description": "The second.", "default": 2},
        },
        "required": ["a"],
        "additionalProperties": False,
    }
    schema: Any = greet.parameters
    assert greet.description == "Greet." and schema["required"] == ["place"]
    assert schema["properties"]["how"] == {
        "enum": ["hello", "hi"],
        "description": "The word.",
        "default": "hi",
    }
    assert schema["properties"]["tags"] == {"type": "array", "items": {"type": "string"}}
    assert schema["$defs"]["Place"]["required"] == ["name"]
    noted: Any = tools["noted"].spec.parameters
    assert noted["properties"]["text"] == {"type": "string", "description": "What.", "maxLength": 3}
    assert tools["nothing"].spec.parameters["properties"] == {}


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("def f(x): pass", "its parameter x has no type hint; write one, such as x: str"),
        ("def f(*args: int): pass", "*args, **kwargs and / are not supported"),
        ("def f(**more: int): pass", "its parameter more"),
        ("def f(x: int, /): pass", "its parameter x"),
        ("def f(x: 'Unknown'): pass", "its type hints cannot be read"),
        ("def f(x: type): pass", "its type hints cannot be told as JSON"),
        ("import threading\ndef f(x: threading.Event = None): pass", "its type hints cannot be told as JSON"),
        ("def f(x: 5 = 1): pass", "its"),
        ("def größe(x: int): pass", "its name"),
        ("def f(x: '1/0'): pass", "its type hints cannot be read"),
        ("def f(): '\\ud83d'", "cannot be told as JSON"),
        ("def f(x: int): pass\nf.pure = 'yes'", "pure is 'yes'"),
        ("def f(x: int): pass\nf.timeout_seconds = -1", "timeout_seconds is -1"),
        ("def f(x: int): pass\nf.timeout_seconds = True", "timeout_seconds is True"),
    ],
)
def test_a_function_that_cannot_be_a_tool_is_told_and_the_rest_works(
    tmp_path: Path, code: str, words: str
) -> None:
    tools, faults = load(tmp_path, f"{code}\ndef other(): pass")
    assert set(tools) == {"other"} and len(faults) == 1
    assert words in faults[0] and faults[0].startswith("[tools] modules: ") and "\n" not in faults[0]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("def f(:", "has an error in line 1"),
        ("1/0", "ZeroDivisionError: division by zero"),
        ("import no_such_module", "No module named 'no_such_module'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise RuntimeError('a\\nb\\x1b[2J')", "a b␛[2J"),
        ("\0", "bad.py"),
    ],
)
def test_a_file_that_cannot_be_loaded_is_told_and_the_rest_works(
    tmp_path: Path, code: str, words: str
) -> None:
    (tmp_path / "bad.py").write_text(code, encoding="utf-8")
    (tmp_path / "good.py").write_text("def f(): pass", encoding="utf-8")
    tools, faults = load_functions(["bad.py", "missing.py", "no.such.module", "good.py"], tmp_path)
    assert [tool.spec.name for tool in tools] == ["f"]
    assert [words in faults[0], "there is no file" in faults[1], "No module named" in faults[2]] == [True] * 3
    assert all("\n" not in fault and "\x1b" not in fault for fault in faults) and len(faults) == 3


def test_of_two_with_one_name_the_first_wins(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("def f(): return 'a'", encoding="utf-8")
    (tmp_path / "b.py").write_text("def f(): return 'b'", encoding="utf-8")
    tools, faults = load_functions(["a.py", str(tmp_path / "b.py")], tmp_path)
    assert [tool.source for tool in tools] == ["module:a.py"]
    assert "b.py is left out: a.py has one of the same name" in faults[0]


def test_what_all_names_is_public(tmp_path: Path) -> None:
    tools, _ = load(tmp_path, "from os.path import join\n__all__ = ['_f']\ndef _f(): pass\ndef g(): pass")
    assert set(tools) == {"_f"}


def test_a_file_is_never_taken_from_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "planted.py").write_text("def f(): pass", encoding="utf-8")
    monkeypatch.chdir(tmp_path / "here")
    for path in ("", str(tmp_path / "here")):
        with monkeypatch.context() as patch:
            patch.syspath_prepend(path)
            tools, faults = load_functions(["planted.py", "planted"], tmp_path)
        assert tools == () and "there is no file" in faults[0]
        assert "the folder chatterm was started in; name its file by a whole path" in faults[1]


def test_a_module_is_found_where_python_finds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine_as_module").mkdir()
    (tmp_path / "mine_as_module" / "__init__.py").write_text("", encoding="utf-8")
    (tmp_path / "mine_as_module" / "inner.py").write_text("def f(): pass", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    tools, faults = load_functions(["mine_as_module.inner"], Path("/"))
    assert faults == () and [tool.source for tool in tools] == ["module:mine_as_module.inner"]


def test_packages_bring_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "their_tools.py").write_text("def f(): pass\ndef g(): pass\nh = 1", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    points = EntryPoints(
        EntryPoint(name, value, "chatterm.tools")
        for name, value in (
            ("all", "their_tools"),
            ("one", "their_tools:f"),
            ("bad", "their_tools:h"),
            ("no", "nowhere:f"),
        )
    )
    monkeypatch.setattr(
        "chatterm.backend.tools.functions.files.entry_points", lambda group: points.select(group=group)
    )
    tools, faults = load_functions([], tmp_path)
    assert [(tool.spec.name, tool.source) for tool in tools] == [("f", "package:all"), ("g", "package:all")]
    assert len(faults) == 3 and "neither a module nor a function" in faults[1]


# ---- called --------------------------------------------------------------------------------------


async def test_consent_is_for_the_arguments_as_json(tmp_path: Path) -> None:
    tools, _ = load(tmp_path, GOOD)
    first = (await tools["add"].prepare({"b": 1, "a": 5})).access
    again = (await tools["add"].prepare({"a": 5, "b": 1})).access
    assert first is not None and again is not None
    assert (first.kind, first.target) == ("call", 'add {"a":5,"b":1}') and again.target == first.target
    assert first.lines == (
        f"function add of {tmp_path / 'mine.py'}; it runs inside chatterm, with all that you may do",
    )


async def test_what_is_called_is_what_was_shown(tmp_path: Path) -> None:
    tools, _ = load(tmp_path, "def f(x: dict[str, int]): return x")
    arguments: dict[str, Any] = {"x": {"a": 1}}
    prepared = await tools["f"].prepare(arguments)
    arguments["x"]["a"] = 2
    assert (await prepared.run(lambda _: None)).text == '{"a":1}'


async def test_results(tmp_path: Path) -> None:
    tools, _ = load(tmp_path, GOOD)
    assert (await call(tools["add"], {"a": 5})).text == "7"
    for _ in range(2):  # a default that was changed stays changed: that is the function's own
        said = await call(tools["greet"], {"place": {"name": "x"}, "tags": []})
        assert said == ToolOutput(text="hi x 1")
    assert (await call(tools["noted"], {"text": "abc", "maybe": None})).text == '{"text":"abc","maybe":null}'
    assert (await call(tools["nothing"], {})).text == "done, without a result"


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("add", {}),
        ("add", {"a": "5"}),
        ("add", {"a": 1, "c": 2}),
        ("noted", {"text": "abcd"}),
        ("greet", {"place": {}}),
    ],
)
async def test_arguments_that_do_not_fit(tmp_path: Path, name: str, arguments: dict[str, object]) -> None:
    tools, _ = load(tmp_path, GOOD)
    with pytest.raises(InvalidCallError):
        await tools[name].prepare(arguments)


FAILING = """
import asyncio
def raises(): raise ValueError("no\\x1b good" + "x" * 9999)
async def raises_later(): raise KeyError("gone")
def leaves(): raise SystemExit(3)
async def leaves_later(): raise SystemExit(3)
def stops(): raise StopIteration
async def cancels(): raise asyncio.CancelledError
def odd(): return object()
def half(): return "a\\ud800b"
def bytes_(): return {1: object()}
"""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("raises", "ValueError: no\x1b good"),
        ("raises_later", "KeyError: 'gone'"),
        ("leaves", "SystemExit: 3"),
        ("leaves_later", "SystemExit: 3"),
        ("stops", "StopIteration: "),
        ("cancels", "CancelledError: "),
        ("odd", "The function returned a object, which is no text and no JSON"),
        ("bytes_", "The function returned a dict, which is no text and no JSON"),
    ],
)
async def test_a_failure_is_a_result(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, text: str
) -> None:
    tools, _ = load(tmp_path, FAILING)
    caplog.set_level(logging.WARNING)
    said = await call(tools[name], {})
    assert said.is_error and said.text.startswith(text) and len(said.text) <= 500
    assert "Traceback" not in said.text and "\x1b" not in caplog.text
    assert ("Traceback" in caplog.text) is (name not in ("odd", "bytes_"))


async def test_text_that_cannot_be_stored_is_mended(tmp_path: Path) -> None:
    tools, _ = load(tmp_path, FAILING)
    assert (await call(tools["half"], {})).text == "a\ufffdb"


async def test_a_plain_function_runs_on_a_daemon_thread_and_holds_nobody_up(tmp_path: Path) -> None:
    tools, _ = load(
        tmp_path,
        """
        import threading
        began, go = threading.Event(), threading.Event()
        ran_on = []
        def wait():
            ran_on.append(threading.current_thread())
            began.set()
            go.wait(20)
        """,
    )
    module: Any = tools["wait"].function.__globals__  # pyright: ignore[reportAttributeAccessIssue]  # of the function
    task = asyncio.create_task(call(tools["wait"], {}))
    assert await asyncio.to_thread(module["began"].wait, 20)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (thread,) = module["ran_on"]
    assert thread.daemon and thread is not threading.main_thread() and thread.is_alive()
    module["go"].set()
    thread.join(20)


async def test_an_async_function_is_cancelled(tmp_path: Path) -> None:
    tools, _ = load(
        tmp_path,
        """
        import asyncio
        began, ended = asyncio.Event(), asyncio.Event()
        async def wait():
            began.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()
        """,
    )
    module: Any = tools["wait"].function.__globals__  # pyright: ignore[reportAttributeAccessIssue]  # of the function
    task = asyncio.create_task(call(tools["wait"], {}))
    await module["began"].wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert module["ended"].is_set()


async def test_an_async_function_that_does_not_let_itself_be_cancelled_holds_nobody_up(
    tmp_path: Path,
) -> None:
    tools, _ = load(
        tmp_path,
        """
        import asyncio
        began, go = asyncio.Event(), asyncio.Event()
        async def wait():
            began.set()
            while not go.is_set():
                try:
                    await go.wait()
                except BaseException:
                    pass
        """,
    )
    module: Any = tools["wait"].function.__globals__  # pyright: ignore[reportAttributeAccessIssue]  # of the function
    task = asyncio.create_task(call(tools["wait"], {}))
    await module["began"].wait()
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=5)
    module["go"].set()
    assert done and task.cancelled()
