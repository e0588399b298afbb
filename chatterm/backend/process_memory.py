"""How much memory this process had at most."""

from __future__ import annotations

import sys


def peak_memory_bytes() -> int:
    """The most resident memory so far, as the system counts it (getrusage(2): kilobytes, but bytes on macOS)."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
