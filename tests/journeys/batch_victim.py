"""Runs one command line again and again, each time in a child that the test may kill at any moment.

Usage: `batch_victim.py ARGUMENT...`. Each line on stdin starts a child; its process id comes out, then how it ended.
A child is a copy of this process, in which everything is imported already: a start of its own costs a second.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import sys

from chatterm.cli.app import run

for module in (
    "cli.batch_run",
    "backend.guide.answers",
    "backend.providers.guide",
    "backend.providers.ollama",
):
    importlib.import_module(f"chatterm.{module}")
with contextlib.redirect_stdout(io.StringIO()):
    run(["batch", "--help"])

for _ in sys.stdin:
    child = os.fork()
    if child == 0:
        os._exit(run(sys.argv[1:]))
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
