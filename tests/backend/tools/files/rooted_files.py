"""A root with much around it that no tool may reach, and calls of tools on it."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from pathlib import Path

from chatterm.backend.tools.base import PreparedCall, Tool
from chatterm.backend.tools.files.denied_paths import denied_paths
from chatterm.backend.tools.files.rooted import Root
from chatterm.config.paths import Paths

SECRET = "CANARY-of-what-is-outside"


def make_root(top: Path) -> Root:
    """A root in `top`, with chatterm's own folders and a home beside it."""
    (top / "root").mkdir()
    return Root(top / "root", denied_paths(paths_in(top), {"HOME": str(top / "home")}))


def paths_in(top: Path) -> Paths:
    """chatterm's folders, outside of the root."""
    return Paths(settings=top / "settings", data=top / "data", state=top / "state")


def hostile_tree(top: Path) -> list[socket.socket]:
    """Fill the root with links, special files and secrets; a secret is beside it. The sockets are to be closed."""
    root = top / "root"
    (top / "outside").mkdir()
    (top / "rootling").mkdir()
    for path in (top / "outside" / "file", top / "rootling" / "file", top / "beside"):
        path.write_text(SECRET)
    (root / "sub" / "deep").mkdir(parents=True)
    (root / "sub" / "file").write_text("inside")
    for name, target in {
        "link": top / "outside" / "file",
        "folder_link": top / "outside",
        "up_link": "..",
        "relative_link": "../outside/file",
        "root_link": "/",
        "loop": "loop",
        "inner_link": "sub/file",
        "dangling": top / "outside" / "made",
        "proc_link": "/proc/self/environ",
        "sub/parent": "../..",
    }.items():
        (root / name).symlink_to(target)
    for name in (".ssh", ".aws", ".gnupg", ".git", ".kube", ".config"):
        (root / name).mkdir()
    (root / ".git" / "hooks").mkdir()
    (root / ".config" / "gcloud").mkdir()
    for name in (
        *(
            ".ssh/config",
            ".aws/credentials",
            ".gnupg/key",
            ".kube/config",
            ".config/gcloud/db",
            ".env",
            ".netrc",
        ),
        *(".env.local", ".envrc", "id_rsa", "id_ed25519.pub", "id_work", "server.pem", "tls.key", "a.p12"),
        *("passwords.kdbx", ".bash_history", ".python_history", ".git-credentials", "ID_RSA2", "Server.PEM"),
    ):
        (root / name).write_text(SECRET)
    os.mkfifo(root / "pipe")
    os.link(top / "outside" / "file", root / "hard")
    listener = socket.socket(socket.AF_UNIX)
    here = Path.cwd()
    os.chdir(root)  # a path of a socket is short
    try:
        listener.bind("socket")
    finally:
        os.chdir(here)
    return [listener]


async def prepared(tool: Tool, **arguments: object) -> PreparedCall:
    """A call that is ready to run."""
    wanted: Mapping[str, object] = arguments
    return await tool.prepare(wanted)


async def call(tool: Tool, **arguments: object) -> str:
    """What the tool answers, with consent."""
    ready = await prepared(tool, **arguments)
    return (await ready.run(lambda _: None)).text
