"""The command `chatterm`, and `python -m chatterm`."""

from __future__ import annotations

import gc
import io
import os
import sys

TYPE_CHECKING = False  # importing it from `typing` costs as much as the first screen
if TYPE_CHECKING:
    from typing import NoReturn

    from chatterm.tui.first_screen import FirstScreen


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
    from chatterm.cli.chat_arguments import chat_options
    from chatterm.tui.first_screen import FirstScreen

    screen = FirstScreen()
    options = chat_options(arguments)
    if options is not None:
        screen.show(os.environ, options.get("--theme"))
        # Nothing of what is imported now is garbage; `chatterm.cli.chat` turns the collector on again.
        gc.disable()
    from chatterm.backend.signals import end_at_once

    end_at_once()  # where no screen is shown that takes the signal
    if arguments:
        from chatterm.cli.app import run

        _leave(run(arguments, screen))
    # The plain start does without the parser of options: it costs as much as half of the screen.
    from chatterm.cli.border import guarded

    _leave(guarded(lambda: _start(screen), screen.restore))


def _leave(status: int) -> NoReturn:
    """Exit; past the interpreter's own end where it may crash there.

    That is where a daemon thread still runs, or a signal broke off what was being done.
    """
    import threading
    from contextlib import suppress

    from chatterm.backend.signals import end_at_once

    end_at_once()  # an exception out of the interpreter's own end would be printed
    if status > 128 or any(thread.daemon for thread in threading.enumerate()):
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(status)
    sys.exit(status)


def _start(screen: FirstScreen) -> int:
    from chatterm.cli.chat import start
    from chatterm.cli.start_options import StartOptions

    return start(StartOptions(), screen)


if __name__ == "__main__":
    main()
