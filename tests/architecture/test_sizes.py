"""No module, class or function grows past what one reader can hold."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.sources import Finding, Source, findings, sources

MODULE_LINES, CLASS_LINES, FUNCTION_LINES, WIRING_LINES = 400, 250, 50, 200

WIRING = ("chatterm/tui/app.py", "chatterm/tui/screens/")
"""These put parts together and hold no logic of their own."""


def too_long(tree: ast.Module) -> Iterator[Finding]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            limit = CLASS_LINES
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            limit = FUNCTION_LINES
        else:
            continue
        assert node.end_lineno is not None
        length = node.end_lineno - node.lineno + 1
        if length > limit:
            yield node.lineno, f"{node.name} has {length} lines, of at most {limit}"


def line_limit(source: Source) -> int:
    return WIRING_LINES if source.name.startswith(WIRING) else MODULE_LINES


def test_classes_and_functions_are_short() -> None:
    assert findings(too_long) == []


def test_modules_are_short() -> None:
    lengths = {source.name: len(source.text.splitlines()) for source in sources()}
    assert {s.name: lengths[s.name] for s in sources() if lengths[s.name] > line_limit(s)} == {}
    assert len([name for name in lengths if name.startswith(WIRING)]) >= 2


@pytest.mark.parametrize(
    ("head", "limit"),
    [("def f():", FUNCTION_LINES), ("async def f():", FUNCTION_LINES), ("class C:", CLASS_LINES)],
)
def test_the_limits_are_exact(head: str, limit: int) -> None:
    longest = head + "\n    x = 1" * (limit - 1)
    assert list(too_long(ast.parse(longest))) == []
    assert len(list(too_long(ast.parse(longest + "\n    x = 1")))) == 1
