"""Runs one command line again and again, each time in a child that the test may kill at any moment.

Usage: `batch_victim.py ARGUMENT...`. Each line on stdin starts a child; its process id comes out, then how it ended.
A child is a copy of this process, in which everything is imported already: a start of its own costs a second.
"""

from __future__ import annotations

import importlib
import os
import sys

from chatterm.cli.app import run

for module in ("cli.batch_run", "backend.providers.guide", "backend.guide", "store.database"):
    importlib.import_module(f"chatterm.{module}")

for _ in sys.stdin:
    child = os.fork()
    if child == 0:
        os._exit(run(sys.argv[1:]))
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
