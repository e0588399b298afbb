"""The real program on a disk that hangs, as a dead mount does: `file` reads of attachments, `store` its writes."""

from __future__ import annotations

import sys
import time

HANGS_SECONDS = 30


def hang(*_: object) -> None:
    """What a system call does on a dead mount."""
    time.sleep(HANGS_SECONDS)


def main() -> None:
    """Start the program with one thing hanging."""
    from chatterm.backend import attachments
    from chatterm.store import turn_log
    from chatterm.tui import prompt_files

    match sys.argv.pop(1):
        case "file":
            attachments.read_attachment = prompt_files.read_attachment = hang
        case "folder":
            attachments.mentioned_paths = prompt_files.mentioned_paths = hang
        case _:
            turn_log.finish = hang
    from chatterm.__main__ import main as chatterm

    chatterm()


if __name__ == "__main__":
    main()
