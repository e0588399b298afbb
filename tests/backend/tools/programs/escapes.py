"""Tries to get out of a sandbox in many ways, and prints which of them did: a program of its own, see test_sandbox.

Its argument is a JSON object: what the host has prepared, and where.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

HOST: dict[str, Any] = {}
LIBC = ctypes.CDLL(None, use_errno=True)
SECRET = "a secret of the user"


def call(name: str, *arguments: object) -> bool:
    """A function of the C library that must not succeed."""
    return getattr(LIBC, name)(*arguments) == 0


def reads(path: str) -> bool:
    return SECRET in Path(path).read_text(errors="replace")


def opens(path: str, flags: int = os.O_WRONLY) -> bool:
    os.close(os.open(path, flags))
    return True


def writes(path: str) -> bool:
    """Whether it arrives is for the host to see."""
    Path(path).write_text("escaped")
    return False


def through_a_link() -> bool:
    Path("link").symlink_to(HOST["sibling"])
    return writes("link/by-link")


def by_hard_link() -> bool:
    os.link(HOST["key"], "hard")
    return True


def through_init() -> bool:
    return any(reads(f"/proc/{pid}/root{HOST['key']}") for pid in os.listdir("/proc") if pid.isdecimal())


def kills_the_host() -> bool:
    os.kill(HOST["pid"], signal.SIGCONT)
    return True


def kills_init() -> bool:
    os.kill(1, signal.SIGKILL)
    return False  # it is written only if we live on


def sees_the_host() -> bool:
    return os.path.exists(f"/proc/{HOST['pid']}/environ")


def connects(family: int, address: object) -> bool:
    with socket.socket(family) as tried:
        tried.settimeout(2)
        tried.connect(address)  # pyright: ignore[reportArgumentType]  # one of two kinds of address
    return True


def remounts() -> bool:
    return call("mount", b"none", b"/", None, 32 | 4096, None)  # MS_REMOUNT | MS_BIND


def unmounts() -> bool:
    return call("umount2", os.fsencode(HOST["home"]), 2)


def mounts() -> bool:
    return call("mount", b"none", b"/mnt", b"tmpfs", 0, None)


def unshares() -> bool:
    return call("unshare", 0x10000000 | 0x00020000) and unmounts() and reads(HOST["key"])


def joins_init() -> bool:
    with open("/proc/1/ns/mnt") as space:
        return call("setns", space.fileno(), 0) and reads(HOST["key"])


def makes_a_device() -> bool:
    os.mknod("device", 0o60600, os.makedev(8, 0))
    return True


def changes_root() -> bool:
    os.chroot(".")
    return True


def renames_git() -> bool:
    return opens(".git/hooks/pre-commit", os.O_WRONLY | os.O_CREAT)


def replaces_git() -> bool:
    os.rename(".git", "moved")
    return True


def outlives() -> bool:
    subprocess.Popen(["/bin/sleep", "600", HOST["mark"]], start_new_session=True)
    return False


def has_secrets() -> bool:
    return any("SECRET" in name or "KEY" in name for name in os.environ)


TRIES: dict[str, Callable[[], bool]] = {
    "write to the system": lambda: opens("/etc/chatterm-escape", os.O_WRONLY | os.O_CREAT),
    "write to the home folder": lambda: writes(f"{HOST['home']}/escaped"),
    "write beside the root": lambda: writes(f"{HOST['sibling']}/escaped"),
    "write to /tmp": lambda: writes(f"/tmp/{HOST['mark']}"),
    "write to /dev/shm": lambda: writes(f"/dev/shm/{HOST['mark']}"),
    "write by a link": through_a_link,
    "write to hooks of git": renames_git,
    "write to settings of git": lambda: opens(".git/config"),
    "put another folder in the place of git's": replaces_git,
    "write to settings of the kernel": lambda: opens("/proc/sys/kernel/core_pattern"),
    "write to sysrq": lambda: opens("/proc/sysrq-trigger"),
    "read a key": lambda: reads(HOST["key"]),
    "read a key by a hard link": by_hard_link,
    "read a key through another process": through_init,
    "read a hidden file": lambda: reads(HOST["hidden_file"]),
    "read a hidden folder": lambda: reads(HOST["hidden"]),
    "see a process outside": sees_the_host,
    "signal a process outside": kills_the_host,
    "kill the first process": kills_init,
    "reach a server of this machine": lambda: connects(socket.AF_INET, ("127.0.0.1", HOST["port"])),
    "reach another machine": lambda: connects(socket.AF_INET, ("192.0.2.1", 80)),
    "reach an abstract socket": lambda: connects(socket.AF_UNIX, "\0" + HOST["mark"]),
    "reach a socket in /tmp": lambda: connects(socket.AF_UNIX, HOST["socket"]),
    "remount the system": remounts,
    "unmount what covers": unmounts,
    "mount something": mounts,
    "get a name space of its own": unshares,
    "join the first process": joins_init,
    "make a device": makes_a_device,
    "change the root": changes_root,
    "reach the terminal": lambda: opens("/dev/tty"),
    "live on": outlives,
    "find secrets in the environment": has_secrets,
}


def main() -> None:
    """Try all, and print those that succeeded, and that it came to an end."""
    HOST.update(json.loads(sys.argv[1]))
    escaped: list[str] = []
    for name, escape in TRIES.items():
        try:
            if escape():
                escaped.append(name)
        except OSError:
            continue
    sys.stdout.write(json.dumps({"escaped": escaped, "tried": len(TRIES)}))


if __name__ == "__main__":
    main()
