"""The real program with one command made to fail in a way that nobody foresaw: Ctrl+T."""

from __future__ import annotations

import sys


def main() -> int:
    from chatterm.tui.reply_commands import ReplyCommands

    def fail(self: ReplyCommands, argument: str) -> None:
        secret = "sk-" + "local" * 5
        raise LookupError(f"unforeseen{len(secret)}")

    ReplyCommands.do_thinking = fail
    from chatterm.__main__ import main as chatterm

    return chatterm()


if __name__ == "__main__":
    sys.exit(main())
