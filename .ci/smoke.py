"""Drive an installed chatterm in a pseudo-terminal: `python .ci/smoke.py PROGRAM HOME`.

Needs the tests on the path and what they are installed with; the program itself runs from its own environment.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.doubles.terminal import CTRL_Q, ENTER, ESC, below
from tests.journeys.program import Home

REPLY_SECONDS = 30.0


def main() -> None:
    """Raises `AssertionError`, with the screen where it matters, for whatever is not as it should be."""
    program, home = Path(sys.argv[1]), Home(Path(sys.argv[2]) / "chatterm")
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    print(f"smoke: {version.stdout.strip()}")
    with home.start(program=[str(program)]) as terminal:
        terminal.wait_for("guide / manual")
        terminal.send(b"How do I use Ollama?" + ENTER)
        terminal.wait_for("No model is involved", REPLY_SECONDS)
        terminal.wait_for("complete")
        print("smoke: the guide replied to the end")
        terminal.send(b"Which key stops a reply?" + ENTER)
        terminal.wait_until(lambda screen: len(below(screen, "stops a reply?").split()) > 20)
        terminal.send(ESC)
        terminal.wait_for("stopped")
        print("smoke: Esc stopped the second reply")
        terminal.send(CTRL_Q)
        status = terminal.wait_exit()
        assert status == 0, f"exit status {status}"
        assert terminal.left_on == [], f"the terminal was not reset: {terminal.left_on}"
        assert b"Traceback" not in terminal.output
    states = [turn.state for turn in home.stored()]
    assert states == ["complete", "cancelled"], states
    print("smoke: Ctrl+Q left with status 0, the terminal was reset, both replies are stored")


if __name__ == "__main__":
    main()
