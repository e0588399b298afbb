"""No path, no link and no swap at the wrong moment leads a tool out of its root or to a secret."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chatterm.backend.tools.base import Tool
from chatterm.backend.tools.builtin.edit_file import EditFile
from chatterm.backend.tools.builtin.list_dir import ListDir
from chatterm.backend.tools.builtin.read_file import ReadFile
from chatterm.backend.tools.builtin.search_files import SearchFiles
from chatterm.backend.tools.builtin.write_file import WriteFile
from chatterm.backend.tools.files.change import FileChange, look
from chatterm.backend.tools.files.denied_paths import DeniedPaths
from chatterm.backend.tools.files.rooted import Root
from chatterm.backend.tools.files.undo_copies import UndoCopies
from chatterm.backend.tools.stopping import Stop
from chatterm.core.errors import InvalidCallError, ToolDeniedError, ToolError
from tests.backend.tools.files.rooted_files import SECRET, call, hostile_tree, make_root, prepared

RACES = int(os.environ.get("CHATTERM_RACES", "1000"))
"""How many reads and writes race with a swap; 100000 for the long form."""

# {top} is the folder that the root is in.
OUTSIDE = [
    *("..", "../beside", "../outside/file", "sub/../../beside", "./../beside", "sub/deep/../../../beside"),
    *(
        "../root/../beside",
        "..//beside",
        "sub/./../..//beside",
        "nowhere/../../beside",
        "../../../../etc/passwd",
    ),
    *("/etc/passwd", "//etc/passwd", "/", "{top}/beside", "{top}/rootling/file", "{top}/root/../beside"),
    *("{top}/root/sub/../../outside/file", "{top}/roo", "{top}", "/../etc/passwd", "{top}/ROOT/sub/file"),
    *(
        "/dev/stdin",
        "/dev/fd/0",
        "/dev/zero",
        "/proc/self/environ",
        "/proc/self/root/etc/passwd",
        "/proc/1/mem",
    ),
    *("~", "~/.ssh/id_rsa", "~root/.profile", "~/../etc/passwd"),
]
LINKS = [
    *(
        "link",
        "folder_link/file",
        "up_link/beside",
        "relative_link",
        "root_link/etc/passwd",
        "loop",
        "dangling",
    ),
    *("proc_link", "sub/parent/beside", "folder_link/../sub/parent/beside", "sub/x/../../link"),
    *("folder_link/new", "up_link/root/link", "root_link/proc/self/environ", "inner_link"),
]
SPECIAL = ["pipe", "socket", "sub/../pipe", "{top}/root/socket"]
SECRETS = [
    *(
        ".ssh/config",
        ".SSH/config",
        ".sſh/config",
        ".s\u200csh/config",
        ".ssh./config",
        ".ssh /x",
        ".aws/credentials",
    ),
    *(
        ".gnupg/key",
        ".kube/config",
        ".config/gcloud/db",
        ".env",
        ".ENV",
        ".env.local",
        ".envrc",
        ".netrc",
        "id_rsa",
    ),
    *(
        "id_ed25519.pub",
        "id_work",
        "ID_RSA2",
        "server.pem",
        "Server.PEM",
        "tls.key",
        "a.p12",
        "passwords.kdbx",
    ),
    *(".bash_history", ".python_history", ".git-credentials", "sub/../.ssh/config", "{top}/root/.ssh/config"),
    *("．ssh/config", "tls.ｋｅｙ", "sub/../.env"),
]
ODD = [
    *("", "\0", "sub/file\0.txt", "a\nb", "\x1b[2J", "\x9b2J", "x" * 256, "é" * 128, "a/" * 3000 + "b"),
    *("\ud800", "sub/\udc80"),
]
UNWRITABLE = [
    *(
        ".git/config",
        ".git/hooks/pre-commit",
        ".git",
        ".GIT/config",
        ".git/modules/x/config",
        ".g\u200cit/config",
    ),
    *("sub/.git/hooks/post-checkout", "hard", "sub", "."),
]


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Root]:
    made = make_root(tmp_path)
    sockets = hostile_tree(tmp_path)
    yield made
    for each in sockets:
        each.close()


def outside(root: Root) -> dict[str, bytes]:
    """All that is beside the root, and whether it has changed."""
    top = Path(root.path).parent
    return {
        str(path): path.read_bytes() if path.is_file() else b""
        for folder in ("outside", "rootling", "beside", "settings", "data", "home")
        for path in [top / folder, *(top / folder).rglob("*")]
    }


@pytest.mark.parametrize("path", OUTSIDE + LINKS + SPECIAL + SECRETS + ODD)
async def test_no_path_leads_out(root: Root, path: str) -> None:
    path = path.replace("{top}", str(Path(root.path).parent))
    before = outside(root)
    copies = UndoCopies(Path(root.path).parent / "state" / "undo")
    tools: list[tuple[Tool, dict[str, object]]] = [
        (ReadFile(root), {}),
        (WriteFile(root, copies), {"content": "overwritten"}),
        (EditFile(root, copies), {"old": SECRET, "new": "overwritten"}),
        (SearchFiles(root), {"pattern": "a"}),
        (ListDir(root), {}),
    ]
    for tool, arguments in tools:
        with pytest.raises(ToolError) as caught:
            await call(tool, path=path, **arguments)
        assert SECRET not in caught.value.message
        assert len(caught.value.message) <= 500
    assert outside(root) == before


@pytest.mark.parametrize("path", OUTSIDE + SECRETS)
async def test_what_is_never_allowed_is_refused_before_anyone_is_asked(root: Root, path: str) -> None:
    with pytest.raises(ToolDeniedError):
        await prepared(ReadFile(root), path=path.replace("{top}", str(Path(root.path).parent)))


@pytest.mark.parametrize("path", UNWRITABLE)
async def test_what_git_runs_and_what_has_two_names_is_not_written(root: Root, path: str) -> None:
    before = outside(root)
    with pytest.raises((ToolDeniedError, InvalidCallError, ToolError)):
        await call(WriteFile(root, UndoCopies(Path(root.path) / "undo")), path=path, content="#!/bin/sh")
    assert outside(root) == before
    assert not (Path(root.path) / ".git" / "config").exists()


@pytest.mark.parametrize(
    "path", ["sub/file", "./sub//file", "sub/deep/../file", "{top}/root/sub/file", "{top}/x/../root/sub/file"]
)
async def test_paths_below_the_root_are_one_target_however_they_are_written(root: Root, path: str) -> None:
    ready = await prepared(ReadFile(root), path=path.replace("{top}", str(Path(root.path).parent)))
    assert ready.access is not None
    assert (ready.access.kind, ready.access.target) == ("read", f"{root.path}/sub/file")
    assert (await ready.run(lambda _: None)).text.endswith("\ninside")


async def test_a_root_that_is_reached_by_a_link_has_both_names(tmp_path: Path) -> None:
    root = make_root(tmp_path)
    (tmp_path / "root" / "file").write_text("inside")
    (tmp_path / "alias").symlink_to("root")
    for path in (tmp_path / "alias" / "file", tmp_path / "root" / "file"):
        assert (await call(ReadFile(Root(tmp_path / "alias", root.denied)), path=str(path))).endswith(
            "inside"
        )


async def test_a_link_that_stays_inside_is_refused_with_what_to_do(root: Root) -> None:
    with pytest.raises(ToolDeniedError, match=r"inner_link is a symbolic link to sub/file.*name it directly"):
        await call(ReadFile(root), path="inner_link")


async def test_a_protected_folder_is_found_under_another_name(tmp_path: Path) -> None:
    plain = make_root(tmp_path)
    (tmp_path / "root" / "harmless").mkdir()
    (tmp_path / "root" / "harmless" / "file").write_text(SECRET)
    # As with a second mount: another path, the same folder.
    (tmp_path / "alias").symlink_to("root/harmless")
    root = Root(plain.path, DeniedPaths((str(tmp_path / "alias"),)))
    for tool in (ReadFile(root), ListDir(root)):
        with pytest.raises(ToolDeniedError, match="protected"):
            await call(tool, path="harmless/file" if tool.spec.name == "read_file" else "harmless")


async def test_a_root_inside_a_protected_folder_has_nothing_to_offer(tmp_path: Path) -> None:
    (tmp_path / ".ssh" / "x").mkdir(parents=True)
    with pytest.raises(ToolDeniedError):
        await call(ListDir(Root(tmp_path / ".ssh" / "x", DeniedPaths())))


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="there is no /proc")
async def test_views_into_the_system_are_no_files_also_below_a_root_of_all() -> None:
    with pytest.raises(ToolDeniedError, match="view into the system"):
        await call(ReadFile(Root("/", DeniedPaths())), path=f"proc/{os.getpid()}/environ")


async def test_a_root_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="cannot be opened"):
        await call(ListDir(Root(tmp_path / "gone", DeniedPaths())))


async def test_a_system_that_cannot_walk_is_told(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "supports_dir_fd", set[object]())
    with pytest.raises(ToolError, match="do not work on this system"):
        await call(ListDir(root))


SWAP = """
import os, sys
os.chdir(sys.argv[1])
print("ready", flush=True)
while True:
    os.rename("place", "real"); os.rename("other", "place")
    os.rename("place", "other"); os.rename("real", "place")
"""


@contextlib.contextmanager
def swapping(folder: Path) -> Iterator[None]:
    """`place` and `other` change names in a process of its own, as fast as they can."""
    with subprocess.Popen([sys.executable, "-c", SWAP, str(folder)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield
        finally:
            process.kill()


def until_out(attempt: Callable[[], str]) -> bool:
    """Whether a careless way of doing it gets out: else a race proves nothing."""
    for _ in range(1_000_000):
        with contextlib.suppress(OSError):
            if SECRET in attempt():
                return True
    return False


def enough(number: int, came_true: bool) -> bool:
    """Whether the races were run, and one was won: else the other process may not have had a turn at all."""
    return number >= RACES and (came_true or number >= 1000 * RACES)


@pytest.mark.parametrize("kind", ["folder", "file", "pipe"])
def test_no_swap_lets_a_read_out(tmp_path: Path, kind: str) -> None:
    root = make_root(tmp_path)
    inside = tmp_path / "root"
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text(SECRET)
    if kind == "folder":
        (inside / "place").mkdir()
    wanted = inside / "place" / "file" if kind == "folder" else inside / "place"
    wanted.write_text("inside")
    if kind == "pipe":
        os.mkfifo(inside / "other")
    else:
        (inside / "other").symlink_to("../outside" if kind == "folder" else "../outside/file")
    place = root.place(str(wanted))
    seen: dict[bytes, int] = {}
    number = 0
    with swapping(inside):
        assert kind == "pipe" or until_out(wanted.read_text)
        while not enough(number, len(seen) > 1):
            number += 1
            try:
                with root.file(place) as handle:
                    data = os.read(handle, 100)
            except ToolError:
                data = b"refused"
            seen[data] = seen.get(data, 0) + 1
    assert set(seen) == {b"inside", b"refused"}


def test_no_swap_lets_a_write_out(tmp_path: Path) -> None:
    root = make_root(tmp_path)
    inside, outer = tmp_path / "root", tmp_path / "outside"
    outer.mkdir()
    (inside / "place").mkdir()
    (inside / "other").symlink_to("../outside")
    copies = UndoCopies(tmp_path / "undo")
    place = root.place("place/file")
    tries = written = 0
    with swapping(inside):
        # A write takes about as long as twenty reads.
        while not enough(20 * tries, written > 0):
            tries += 1
            try:
                seen = look(root, place)
                data = b"%d" % tries
                change = FileChange(root=root, place=place, seen=seen, data=data, tool="write_file")
                change.make(copies, Stop())
                written += 1
            except ToolError:
                continue
    assert list(outer.iterdir()) == []
    assert written


def test_a_file_that_becomes_a_pipe_between_look_and_open_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_root(tmp_path)
    (tmp_path / "root" / "place").write_text("inside")
    plain = os.open

    def swapped(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if path == "place":
            os.unlink(path, dir_fd=dir_fd)
            os.mkfifo(path, dir_fd=dir_fd)
        return plain(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", swapped)
    monkeypatch.setattr(os, "supports_dir_fd", {*os.supports_dir_fd, swapped})
    with pytest.raises(ToolDeniedError, match="is a pipe"), root.file(root.place("place")):
        pass


def test_a_file_that_appears_at_the_last_moment_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_root(tmp_path)
    plain = os.link

    def appeared(source: str, target: str, **where: Any) -> None:
        (tmp_path / "root" / "place").write_text("by another")
        plain(source, target, **where)

    monkeypatch.setattr(os, "link", appeared)
    place = root.place("place")
    change = FileChange(
        root=root, place=place, seen=look(root, place), data=b"by the model", tool="write_file"
    )
    with pytest.raises(ToolError, match="was changed since"):
        change.make(UndoCopies(tmp_path / "undo"), Stop())
    assert (tmp_path / "root" / "place").read_text() == "by another"
    assert os.listdir(root.path) == ["place"]
