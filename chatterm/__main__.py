"""The command `chatterm`, and `python -m chatterm`."""

from __future__ import annotations

import gc
import io
import sys


def main() -> None:
    """Run the command line of this process and exit with its status.

    `--version` by itself is answered before anything heavy is imported.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Replies are in every script of the world, whatever the locale says.
            stream.reconfigure(encoding="utf-8", errors="replace")
    arguments = sys.argv[1:]
    if arguments in (["--version"], ["-V"]):
        from chatterm import __version__

        print(f"chatterm {__version__}")
        return
    if not arguments:
        # The plain start does without the parser of options: it costs as much as half of the screen.
        from chatterm.cli.border import guarded

        sys.exit(guarded(_start))
    from chatterm.cli.app import run

    sys.exit(run(arguments))


def _start() -> int:
    # Nothing of what is imported now is garbage; `chatterm.cli.chat` turns the collector on again.
    gc.disable()
    from chatterm.cli.chat import start
    from chatterm.cli.start_options import StartOptions

    return start(StartOptions())


if __name__ == "__main__":
    main()
