"""The tools for files: what they answer, what they ask for, and what they leave alone."""

from __future__ import annotations

import asyncio
import codecs
import os
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from chatterm.backend.tools.base import Tool
from chatterm.backend.tools.builtin.edit_file import EditFile
from chatterm.backend.tools.builtin.list_dir import MOST_ENTRIES, ListDir
from chatterm.backend.tools.builtin.read_file import ReadFile
from chatterm.backend.tools.builtin.search_files import SearchFiles
from chatterm.backend.tools.builtin.write_file import WriteFile
from chatterm.backend.tools.files.change import FileChange, look, take_back
from chatterm.backend.tools.files.rooted import Root
from chatterm.backend.tools.files.search import MOST_HITS
from chatterm.backend.tools.files.undo_copies import UndoCopies, UndoCopy
from chatterm.backend.tools.stopping import Stop, StoppedError, in_stoppable_thread
from chatterm.core.errors import InvalidCallError, ToolDeniedError, ToolError
from chatterm.core.tools import Access
from tests.backend.tools.files.rooted_files import call, make_root, prepared


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return make_root(tmp_path)


@pytest.fixture
def folder(root: Root) -> Path:
    return Path(root.path)


@pytest.fixture
def copies(tmp_path: Path) -> UndoCopies:
    return UndoCopies(tmp_path / "state" / "undo")


def held(folder: Path) -> list[tuple[str, str]]:
    """Names and texts of the files in a folder."""
    return sorted((each.name, each.read_text()) for each in folder.iterdir())


async def access_of(tool: Tool, **arguments: object) -> Access:
    access = (await prepared(tool, **arguments)).access
    assert access is not None
    return access


# read_file


async def test_a_part_of_a_file_is_read_and_the_rest_counted(root: Root, folder: Path) -> None:
    (folder / "a").write_text("".join(f"line {n}\n" for n in range(1, 11)))
    told = await call(ReadFile(root), path="a", first_line=3, lines=2)
    assert told == "[a: lines 3 to 4 of 10, 6 more after these]\nline 3\nline 4"
    assert (await call(ReadFile(root), path="a")).startswith("[a: lines 1 to 10 of 10]\nline 1\n")
    assert await call(ReadFile(root), path="a", first_line=11) == "[a: no line 11 of 10]"


async def test_an_empty_file_is_told(root: Root, folder: Path) -> None:
    (folder / "a").touch()
    assert await call(ReadFile(root), path="a") == "[a: empty]"


@pytest.mark.parametrize(
    "data",
    [
        "grün\n".encode(),
        codecs.BOM_UTF8 + "grün\n".encode(),
        codecs.BOM_UTF16_LE + "grün\n".encode("utf-16-le"),
        codecs.BOM_UTF16_BE + "grün\n".encode("utf-16-be"),
    ],
)
async def test_text_is_read_by_its_mark(root: Root, folder: Path, data: bytes) -> None:
    (folder / "a").write_bytes(data)
    assert await call(ReadFile(root), path="a") == "[a: lines 1 to 1 of 1]\ngrün"


async def test_what_is_no_utf_8_is_replaced(root: Root, folder: Path) -> None:
    (folder / "a").write_bytes(b"gr\xfcn")
    assert (await call(ReadFile(root), path="a")).endswith("\ngr\ufffdn")


@pytest.mark.parametrize(
    ("data", "kind"), [(b"\x89PNG\r\n\x1a\n1234", "a PNG picture"), (b"abc\0def", "binary data")]
)
async def test_binary_is_told_not_dumped(root: Root, folder: Path, data: bytes, kind: str) -> None:
    (folder / "a").write_bytes(data)
    assert await call(ReadFile(root), path="a") == f"[a: {len(data)} bytes of {kind}, which is not shown]"


async def test_more_than_the_limit_is_not_read(root: Root, folder: Path) -> None:
    with (folder / "a").open("wb") as file:
        file.write(b"x\n")
        for _ in range(9):
            file.write(b"y" * 1024 * 1024)
    told = await call(ReadFile(root), path="a", lines=1)
    assert told.startswith(
        "[a: lines 1 to 1 of 2, 1 more after these in the first 8 MB; the file has 9,437,186"
    )


async def test_a_wrong_name_is_told_with_what_to_do(root: Root) -> None:
    with pytest.raises(ToolError, match=r"There is no nothing\. list_dir"):
        await call(ReadFile(root), path="nothing")


# list_dir


async def test_a_folder_is_listed_by_name_with_kinds_and_sizes(root: Root, folder: Path) -> None:
    (folder / "b").write_text("12345")
    (folder / "a").mkdir()
    (folder / "c").symlink_to("b")
    (folder / ".env").touch()
    os.mkfifo(folder / "d")
    head, *lines = (await call(ListDir(root))).split("\n")
    assert head == "[.: 4 entries; 1 protected left out]"
    assert [line.split() for line in lines] == [
        ["folder", "-", "a/"],
        ["file", "5", "b"],
        ["link", "-", "c"],
        ["pipe", "-", "d"],
    ]


async def test_no_name_can_fake_another_entry(root: Root, folder: Path) -> None:
    (folder / "a\nfile            1 fake").touch()
    os.close(os.open(os.fsencode(folder) + b"/\xff", os.O_CREAT))
    lines = (await call(ListDir(root))).split("\n")[1:]
    assert [line.split(None, 2)[2] for line in lines] == ["'a\\nfile            1 fake'", "'\\udcff'"]
    assert "\n".join(lines).encode()


async def test_a_long_folder_is_cut_and_counted(root: Root, folder: Path) -> None:
    for number in range(MOST_ENTRIES + 5):
        (folder / f"{number:05}").touch()
    head, *lines = (await call(ListDir(root))).split("\n")
    assert head == "[.: 1,005 entries, 1,000 of which are shown]"
    assert len(lines) == MOST_ENTRIES
    assert lines[-1].endswith(" 00999")


# search_files


def searched(folder: Path) -> None:
    for name, text in {
        "a.py": "one\nneedle here\n",
        "src/b.py": "needle\r\n" * 2,
        "src/c.txt": "a needle",
        "build/d.py": "needle",
        ".gitignore": "/build/\n*.log\n!kept.log\n",
        "x.log": "needle",
        "kept.log": "needle",
        ".env": "needle",
        ".git/e": "needle",
    }.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    (folder / "binary").write_bytes(b"needle\0")
    (folder / "link").symlink_to("a.py")


async def test_lines_are_found_and_what_was_left_out_is_counted(root: Root, folder: Path) -> None:
    searched(folder)
    head, *hits = (await call(SearchFiles(root), pattern="needle")).split("\n")
    assert hits == [
        "a.py:2: needle here",
        "kept.log:1: needle",
        "src/b.py:1: needle",
        "src/b.py:2: needle",
        "src/c.txt:1: a needle",
    ]
    assert head == (
        "[.: 5 lines found in 5 files searched; left out: 1 binary, 2 ignored by .gitignore, 1 protected, "
        "1 symbolic links]"
    )


@pytest.mark.parametrize(
    ("arguments", "files"),
    [
        ({"glob": "*.py"}, {"a.py", "src/b.py"}),
        ({"glob": "src/*.py"}, {"src/b.py"}),
        ({"glob": "**/*.txt"}, {"src/c.txt"}),
        ({"path": "src"}, {"src/b.py", "src/c.txt"}),
        ({"path": "src", "glob": "b*"}, {"src/b.py"}),
        ({"path": "src/c.txt"}, {"src/c.txt"}),
        ({"pattern": "^needle$", "regex": True}, {"kept.log"}),
        ({"pattern": r"\bh..e\b", "regex": True}, {"a.py"}),
        ({"pattern": "n..dle"}, set[str]()),
    ],
)
async def test_a_search_is_narrowed(
    root: Root, folder: Path, arguments: dict[str, object], files: set[str]
) -> None:
    searched(folder)
    (folder / "src" / "b.py").write_text("needle \n")
    told = await call(SearchFiles(root), **{"pattern": "needle", **arguments})
    assert {line.split(":")[0] for line in told.split("\n")[1:]} == files


async def test_hits_and_long_lines_are_bounded(root: Root, folder: Path) -> None:
    (folder / "a").write_text("needle\n" * 300)
    (folder / "b").write_text("needle" + "x" * 1000)
    told = (await call(SearchFiles(root), pattern="needle")).split("\n")
    assert len(told) == 1 + MOST_HITS
    assert "ended early: 200 lines are the most" in told[0]
    assert (await call(SearchFiles(root), pattern="needle", path="b")).endswith("x... 706 more characters")


async def test_a_large_file_is_left_out(root: Root, folder: Path) -> None:
    (folder / "a").write_bytes(b"needle" + b"x" * 2 * 1024 * 1024)
    told = await call(SearchFiles(root), pattern="needle")
    assert told == "[.: 0 lines found in 0 files searched; left out: 1 larger than 2 MB]"


async def test_a_search_ends_at_its_limit_of_time_with_what_it_found(root: Root, folder: Path) -> None:
    (folder / "a").write_text("needle")
    told = await call(SearchFiles(root, seconds=0), pattern="needle")
    assert "ended early: the time was up" in told


async def test_a_wrong_expression_is_told(root: Root) -> None:
    with pytest.raises(InvalidCallError, match="unterminated"):
        await call(SearchFiles(root), pattern="(", regex=True)


async def test_an_expression_that_takes_forever_is_ended_and_holds_up_nothing(
    root: Root, folder: Path
) -> None:
    (folder / "a").write_text("a" * 60 + "!")
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(0.01)
            beats += 1

    heart = asyncio.create_task(beat())
    with pytest.raises(ToolError, match="takes too long"):
        await call(SearchFiles(root), pattern="(a+)+$", regex=True)
    heart.cancel()
    assert beats > 10


async def test_a_search_that_is_cancelled_leaves_no_process_behind(
    root: Root, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chatterm.backend.tools.files import pattern_search

    started: list[pattern_search.PatternSearch] = []
    waits, ended = threading.Event(), threading.Event()

    class Watched(pattern_search.PatternSearch):
        def lines(self, text: str, stop: Stop) -> list[int]:
            started.append(self)
            waits.set()
            return super().lines(text, stop)

        def close(self) -> None:
            super().close()
            ended.set()

    monkeypatch.setattr("chatterm.backend.tools.builtin.search_files.PatternSearch", Watched)
    (folder / "a").write_text("a" * 60 + "!")
    task = asyncio.create_task(call(SearchFiles(root), pattern="(a+)+$", regex=True))
    await asyncio.to_thread(waits.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(ended.wait, 10)
    assert started[0].process.returncode == -9


# write_file and edit_file


async def test_a_new_file_is_shown_then_made_with_its_folders(
    root: Root, folder: Path, copies: UndoCopies
) -> None:
    before = os.umask(0o022)
    try:
        ready = await prepared(WriteFile(root, copies), path="x/y/a.txt", content="one\ntwo")
        access = ready.access
        assert access is not None
        assert (access.kind, access.target) == ("write", f"{root.path}/x/y/a.txt")
        assert access.lines == ("new file", "lines: 2 added, 0 removed")
        assert access.diff.split("\n")[:4] == ["--- /dev/null", "+++ x/y/a.txt", "@@ -0,0 +1,2 @@", "+one"]
        assert not (folder / "x").exists()
        await ready.run(lambda _: None)
    finally:
        os.umask(before)
    assert (folder / "x/y/a.txt").read_bytes() == b"one\ntwo"
    assert stat.S_IMODE((folder / "x/y/a.txt").stat().st_mode) == 0o644
    assert os.listdir(folder / "x/y") == ["a.txt"]


async def test_a_replaced_file_keeps_its_permissions(root: Root, folder: Path, copies: UndoCopies) -> None:
    (folder / "a").write_text("old\n")
    (folder / "a").chmod(0o4751)
    await call(WriteFile(root, copies), path="a", content="new\n")
    assert (folder / "a").read_text() == "new\n"
    assert stat.S_IMODE((folder / "a").stat().st_mode) == 0o751


async def test_nothing_is_written_for_nothing(root: Root, folder: Path, copies: UndoCopies) -> None:
    (folder / "a").write_text("same")
    number = (folder / "a").stat().st_ino
    assert "nothing was written" in await call(WriteFile(root, copies), path="a", content="same")
    assert ((folder / "a").stat().st_ino, copies.all()) == (number, [])


@pytest.mark.parametrize("change", ["content", "same size", "replaced", "gone", "linked", "new"])
async def test_a_file_that_changed_since_is_left_alone(
    root: Root, folder: Path, copies: UndoCopies, change: str
) -> None:
    path = folder / "a"
    if change != "new":
        path.write_text("as it was shown")
    ready = await prepared(WriteFile(root, copies), path="a", content="by the model")
    about = path.stat() if change != "new" else None
    if change in ("replaced", "gone", "linked"):
        path.unlink()
    if change == "linked":
        (folder / "other").write_text("as it was shown")
        path.symlink_to("other")
    elif change != "gone":
        path.write_text(
            {"content": "edited meanwhile", "same size": "AS it was shown"}.get(change, "as it was shown")
        )
    if change == "same size" and about is not None:
        os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
    before = held(folder)
    with pytest.raises(ToolError, match="was changed since the user was asked"):
        await ready.run(lambda _: None)
    assert held(folder) == before
    assert copies.all() == []


@pytest.mark.parametrize("is_late", [False, True])
def test_a_write_that_was_stopped_changes_nothing(
    root: Root, folder: Path, tmp_path: Path, is_late: bool
) -> None:
    stop = Stop()

    class Stopping(UndoCopies):
        def keep(self, **kept: Any) -> UndoCopy:
            stop.ask()
            return super().keep(**kept)

    copies = Stopping(tmp_path / "undo")
    (folder / "a").write_text("old")
    place = root.place("a")
    change = FileChange(root=root, place=place, seen=look(root, place), data=b"new", tool="write_file")
    if not is_late:
        stop.ask()
    with pytest.raises(StoppedError):
        change.make(copies, stop)
    assert ((folder / "a").read_text(), os.listdir(folder), copies.all()) == ("old", ["a"], [])


async def test_a_cancelled_call_asks_its_thread_to_stop() -> None:
    begun, ended = threading.Event(), threading.Event()

    def work(stop: Stop) -> None:
        begun.set()
        while not stop.is_asked:
            stop._asked.wait(0.01)  # pyright: ignore[reportPrivateUsage]  # waits as the work does
        ended.set()

    task = asyncio.create_task(in_stoppable_thread(work, "test"))
    await asyncio.to_thread(begun.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(ended.wait, 10)


async def test_what_is_read_only_is_left_alone(root: Root, folder: Path, copies: UndoCopies) -> None:
    (folder / "a").write_text("old")
    (folder / "a").chmod(0o444)
    with pytest.raises(ToolDeniedError, match="read-only"):
        await call(WriteFile(root, copies), path="a", content="new")


async def test_without_a_copy_nothing_is_written(root: Root, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "full").write_text("no folder")
    (folder / "a").write_text("old")
    with pytest.raises(ToolError, match="No copy"):
        await call(WriteFile(root, UndoCopies(tmp_path / "full")), path="a", content="new")
    assert (folder / "a").read_text() == "old"


@pytest.mark.parametrize("content", ["\ud800", "x" * (8 * 1024 * 1024 + 1)], ids=["surrogate", "too long"])
async def test_what_no_file_holds_is_refused(root: Root, copies: UndoCopies, content: str) -> None:
    with pytest.raises(InvalidCallError):
        await call(WriteFile(root, copies), path="a", content=content)


async def test_an_edit_changes_one_place_or_as_many_as_said(
    root: Root, folder: Path, copies: UndoCopies
) -> None:
    (folder / "a").write_text("one\ntwo\none\n")
    assert (await access_of(EditFile(root, copies), path="a", old="two", new="2")).diff == (
        "--- a\n+++ a\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n one"
    )
    await call(EditFile(root, copies), path="a", old="two", new="2")
    await call(EditFile(root, copies), path="a", old="one", new="1", count=2)
    assert (folder / "a").read_text() == "1\n2\n1\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            {"old": "one"},
            r"is in a 2 times, in lines 1, 3\. Give more of the text around the one, or count=2",
        ),
        ({"old": "one", "count": 3}, r"is in a 2 times"),
        ({"old": "  two, or more\nthree"}, r"is not in a\. Line 2 has its first line"),
        ({"old": "two, or much more"}, r"is not in a\. Line 2 is like it: 'two, or more'"),
        ({"old": "something else altogether"}, r"is not in a\. Nothing in it is like that"),
    ],
)
async def test_an_edit_that_does_not_fit_tells_why_once_reading_is_allowed(
    root: Root, folder: Path, copies: UndoCopies, arguments: dict[str, object], told: str
) -> None:
    (folder / "a").write_text("one\ntwo, or more\none\n")
    ready = await prepared(EditFile(root, copies), path="a", new="x", **arguments)
    assert ready.access is not None
    assert (ready.access.kind, ready.access.target) == ("read", f"{root.path}/a")
    with pytest.raises(ToolError, match=told):
        await ready.run(lambda _: None)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"one\r\ntwo\r\n", b"1\r\n2\r\n"),
        (codecs.BOM_UTF8 + b"one\ntwo\n", codecs.BOM_UTF8 + b"1\n2\n"),
        (
            codecs.BOM_UTF16_LE + "one\ntwo\né".encode("utf-16-le"),
            codecs.BOM_UTF16_LE + "1\n2\né".encode("utf-16-le"),
        ),
    ],
)
async def test_an_edit_keeps_the_form_of_the_file(
    root: Root, folder: Path, copies: UndoCopies, before: bytes, after: bytes
) -> None:
    (folder / "a").write_bytes(before)
    await call(EditFile(root, copies), path="a", old="one\ntwo", new="1\n2")
    assert (folder / "a").read_bytes() == after


async def test_what_cannot_be_edited_without_loss_is_not(
    root: Root, folder: Path, copies: UndoCopies
) -> None:
    (folder / "a").write_bytes(b"one \xff")
    with pytest.raises(ToolError, match="without loss"):
        await call(EditFile(root, copies), path="a", old="one", new="two")


# taking back


async def test_changes_are_taken_back_one_after_the_other(
    root: Root, folder: Path, copies: UndoCopies
) -> None:
    await call(WriteFile(root, copies), path="a", content="one")
    (folder / "a").chmod(0o750)
    await call(EditFile(root, copies), path="a", old="one", new="two")
    second, first = copies.all()
    assert [(each.tool, each.path, each.was_new, each.bytes) for each in (first, second)] == [
        ("write_file", str(folder / "a"), True, 0),
        ("edit_file", str(folder / "a"), False, 3),
    ]
    with pytest.raises(ToolError, match="was changed since"):
        take_back(first.id, copies, root.denied, Stop())
    undone = take_back(second.id, copies, root.denied, Stop())
    assert ((folder / "a").read_text(), stat.S_IMODE((folder / "a").stat().st_mode)) == ("one", 0o750)
    take_back(first.id, copies, root.denied, Stop())
    assert not (folder / "a").exists()
    gone = copies.all()[0]
    take_back(gone.id, copies, root.denied, Stop())
    assert ((folder / "a").read_text(), stat.S_IMODE((folder / "a").stat().st_mode)) == ("one", 0o750)
    take_back(undone.id, copies, root.denied, Stop())
    assert (folder / "a").read_text() == "two"


async def test_what_was_changed_since_is_not_taken_back(root: Root, folder: Path, copies: UndoCopies) -> None:
    await call(WriteFile(root, copies), path="a", content="one")
    (folder / "a").write_text("by the user")
    with pytest.raises(ToolError, match="was changed since"):
        take_back(copies.all()[0].id, copies, root.denied, Stop())
    assert (folder / "a").read_text() == "by the user"
    with pytest.raises(ToolError, match="no copy"):
        take_back("../../a", copies, root.denied, Stop())


async def test_every_tool_says_what_it_is(root: Root, copies: UndoCopies) -> None:
    tools: list[Tool] = [
        *(ReadFile(root), ListDir(root), SearchFiles(root), WriteFile(root, copies), EditFile(root, copies))
    ]
    names = [tool.spec.name for tool in tools]
    assert names == ["read_file", "list_dir", "search_files", "write_file", "edit_file"]
    for tool in tools:
        assert (tool.source, tool.is_pure, tool.timeout_seconds) == ("built-in", False, None)
        assert tool.spec.description
        with pytest.raises(InvalidCallError):
            await tool.prepare({"path": 5})
