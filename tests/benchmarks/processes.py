"""What Linux tells of a running process: its processor time, its memory and its TCP sockets (see proc(5))."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

SYN_SENT = "02"
_SOCKET = re.compile(r"socket:\[(\d+)\]")


def cpu_seconds(pid: int) -> float:
    """Processor time of all threads that the process has now."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):  # a thread that ended meanwhile
            total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def rss_bytes(pid: int) -> int:
    """The memory that the process has resident now."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def sockets(pid: int) -> set[str]:
    """The inodes of the sockets that the process holds. Costs little, so that it can be asked again and again."""
    owned: set[str] = set()
    for entry in os.scandir(f"/proc/{pid}/fd"):
        with suppress(OSError):
            owned.update(_SOCKET.findall(os.readlink(entry.path)))
    return owned


def tcp_sockets(pid: int) -> dict[str, str]:
    """The state of every TCP socket that the process holds, as two hexadecimal digits, by its inode."""
    owned = sockets(pid)
    rows = [
        line.split()
        for name in ("tcp", "tcp6")
        for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]
    ]
    return {row[9]: row[3] for row in rows if row[9] in owned}


def tcp_states(pid: int) -> list[str]:
    """The state of every TCP socket that the process holds."""
    return list(tcp_sockets(pid).values())
