"""A program of its own that looks for a regular expression, so that one that takes forever stops nothing else.

Started by `pattern_search`. Standard library alone. It reads frames, four bytes of length and then UTF-8: first the
pattern, then texts; and answers each with a line: "ok" or "bad ERROR" to the pattern, then the numbers of the lines
that match. A text that takes too long ends it: the system does that, by a timer of processor time.
"""

from __future__ import annotations

import re
import sys

LINE_CHARACTERS = 4000
"""What is looked at of a line."""

TEXT_SECONDS = 1.0
"""Of processor time, for the pattern and for each text."""

MEMORY_BYTES = 1024**3


def main() -> None:
    """Answer until there is nothing more to read."""
    import signal

    _bound_memory()
    reader, writer = sys.stdin.buffer, sys.stdout.buffer
    search = None
    while True:
        head = reader.read(4)
        if len(head) < 4:
            return
        text = reader.read(int.from_bytes(head, "big")).decode()
        # No handler: the signal ends the program, also in the middle of a match.
        signal.setitimer(signal.ITIMER_VIRTUAL, TEXT_SECONDS)
        if search is None:
            try:
                search = re.compile(text).search
            except (re.error, RecursionError, OverflowError, MemoryError) as error:
                writer.write(f"bad {error}".replace("\n", " ").encode("utf-8", "replace") + b"\n")
                return
            answer = "ok"
        else:
            found = (n for n, line in enumerate(text.split("\n")) if search(line[:LINE_CHARACTERS]))
            answer = " ".join(map(str, found))
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        writer.write(answer.encode() + b"\n")
        writer.flush()


def _bound_memory() -> None:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    except (ImportError, OSError, ValueError):
        pass  # a system that cannot; the timer is what counts


if __name__ == "__main__":
    main()
