"""The habits of the house, as far as a syntax tree shows them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest

from tests.architecture.sources import Finding, Lint, bites, dotted, findings, sources

NAMELESS = {
    "utils",
    "util",
    "helpers",
    "helper",
    "manager",
    "managers",
    "common",
    "handler",
    "handlers",
    "misc",
}

BORDERS = {
    "chatterm/backend/worker.py": "a defect must not cost the prompt, the text shown or the program; it is logged",
    "chatterm/backend/performance.py": "a defect in what is measured must not cost a reply; it is logged",
    "chatterm/backend/reporting/telemetry.py": "whatever the library raises on its thread costs the telemetry only",
    "chatterm/backend/reporting/metrics_server.py": "a defect in one answer must not end the server; it is logged",
    "chatterm/config/key_store.py": "the libraries behind a keyring have no common error",
    "chatterm/backend/tools/mcp/server.py": "whatever a server brings the SDK to raise costs that server only",
    "chatterm/backend/tools/runner.py": "a defect of one tool must not end the others, nor the turn",
    "chatterm/cli/border.py": "whatever nobody foresaw becomes a line, a status and a crash file",
}
"""Where `except Exception` may stand, each with its reason."""

CLEAN_UP = {
    "chatterm/backend/daemon_thread.py": "whatever the work raised goes to the task that waits",
    "chatterm/backend/net/sockets.py": "a cancelled handshake too must close its socket at once",
    "chatterm/backend/tools/functions/files.py": "whatever a file of the user's raises is told, costs only its tools",
    "chatterm/backend/tools/functions/function_tool.py": "what a function of the user's raises is its result",
    "chatterm/store/connection.py": "a connection that could not be set up is closed",
    "chatterm/store/database.py": "a transaction is rolled back, and an error goes to the thread that waits",
}
"""Where `except BaseException` may stand: each raises it again, or gives it to who waits for the result."""

QUIET_CALLS = {
    *("re.compile", "frozenset", "tuple", "dict", "Mapping", "MappingProxyType", "field", "range"),
    *(
        "TypeVar",
        "datetime",
        "timedelta",
        "ParamSpec",
        "NewType",
        "ContextVar",
        "logging.getLogger",
        "Path",
        "Path.home",
    ),
    *(
        "typer.Option",
        "typer.Argument",
        "dataclasses.fields",
        "str",
        "len",
        "max",
        "min",
        "sum",
        "sorted",
        "set",
    ),
}
"""What a module may call while it is imported: it makes a value and touches nothing. Own classes may too."""

HOOKS = {
    *("compose", "render", "render_line", "can_replace", "notify_style_update", "selection_updated"),
}
"""Methods that Textual calls and documents; those that begin with `on_` are too."""

CHANGERS = {
    *(
        "append",
        "extend",
        "insert",
        "add",
        "update",
        "setdefault",
        "pop",
        "popitem",
        "remove",
        "discard",
        "clear",
    ),
}


def imports(tree: ast.Module) -> Iterator[Finding]:
    """Relative and starred imports, and a missing `from __future__ import annotations`."""
    future = False
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            if node.level:
                yield node.lineno, "a relative import"
            if any(alias.name == "*" for alias in node.names):
                yield node.lineno, "a starred import"
            future |= node.module == "__future__" and any(alias.name == "annotations" for alias in node.names)
    has_code = any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) for node in tree.body
    )
    if has_code and not future:
        yield 1, "no `from __future__ import annotations`"


def broad_excepts(tree: ast.Module) -> Iterator[Finding]:
    """Handlers that catch what they cannot name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            for each in caught:
                name = "everything" if each is None else dotted(each)
                if name in ("everything", "Exception", "BaseException"):
                    yield node.lineno, f"catches {name}"
        elif isinstance(node, ast.Call) and dotted(node.func).endswith("suppress"):
            names = [dotted(argument) for argument in node.args]
            yield from ((node.lineno, f"catches {n}") for n in names if n in ("Exception", "BaseException"))


def undocumented(tree: ast.Module) -> Iterator[Finding]:
    """Public modules, classes and functions without a docstring. What Textual calls is documented there."""
    if tree.body and ast.get_docstring(tree) is None:
        yield 1, "the module has no docstring"
    yield from _undocumented(tree.body)


def _undocumented(body: list[ast.stmt]) -> Iterator[Finding]:
    for node in body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if node.name.startswith(("_", "on_")) or node.name in HOOKS or _only_declared(node):
            continue
        if ast.get_docstring(node) is None:
            yield node.lineno, f"{node.name} has no docstring"
        if isinstance(node, ast.ClassDef):
            yield from _undocumented(node.body)


def _only_declared(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Members of a protocol, whose docstring speaks for them; and setters, as their property does."""
    if any(dotted(each).endswith(".setter") for each in node.decorator_list):
        return True
    return not isinstance(node, ast.ClassDef) and ast.unparse(node.body[-1]) == "..." and len(node.body) == 1


def prints(tree: ast.Module) -> Iterator[Finding]:
    """Calls of `print`, and writing to the standard streams."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and dotted(node.func) in (
            "print",
            "sys.stdout.write",
            "sys.stderr.write",
        ):
            yield node.lineno, f"calls {dotted(node.func)}"


def work_at_import(tree: ast.Module) -> Iterator[Finding]:
    """Statements of a module that do more than define."""
    classes = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    classes |= {
        alias.asname or alias.name
        for n in ast.walk(tree)
        if isinstance(n, ast.ImportFrom)
        for alias in n.names
    }
    classes = {name for name in classes if name.lstrip("_")[:1].isupper()}
    for node in tree.body:
        if isinstance(
            node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
        ):
            continue
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "__name__ == '__main__'"):
            continue
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            yield node.lineno, f"does {type(node).__name__} at import"
            continue
        for call in ast.walk(node.value):
            if isinstance(call, ast.Call):
                name = dotted(call.func)
                if name not in QUIET_CALLS and name not in classes and not _is_text_method(call):
                    yield call.lineno, f"calls {name or 'something'} at import"


def _is_text_method(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr in (
        "join",
        "encode",
        "split",
        "format",
        "items",
    )


def changing_globals(tree: ast.Module) -> Iterator[Finding]:
    """`global` statements, and constants of a module that are changed after all."""
    constants = {name.id for node in tree.body for name in _targets(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            yield node.lineno, f"global {', '.join(node.names)}"
        elif isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
            if _constant(node.value, constants):
                yield node.lineno, f"changes {dotted(node.value)}"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            if node.func.attr in CHANGERS and _constant(owner, constants):
                yield node.lineno, f"changes {dotted(owner)}"


def _targets(node: ast.stmt) -> list[ast.Name]:
    targets = (
        node.targets
        if isinstance(node, ast.Assign)
        else [node.target]
        if isinstance(node, ast.AnnAssign)
        else []
    )
    return [target for target in targets if isinstance(target, ast.Name)]


def _constant(node: ast.expr, constants: set[str]) -> bool:
    """Whether this is a constant of the module, or one of another module by its capitals."""
    if isinstance(node, ast.Name):
        return node.id in constants or node.id.isupper()
    return isinstance(node, ast.Attribute) and node.attr.isupper()


def open_records(tree: ast.Module) -> Iterator[Finding]:
    """Dataclasses without slots; messages of Textual cannot have them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and "Message" not in map(dotted, node.bases):
            for each in node.decorator_list:
                if (dotted(each.func) if isinstance(each, ast.Call) else dotted(each)).endswith("dataclass"):
                    given = (
                        {k.arg for k in each.keywords if k.arg} if isinstance(each, ast.Call) else set[str]()
                    )
                    if "slots" not in given:
                        yield node.lineno, f"{node.name} has no slots"


@pytest.mark.parametrize("lint", [imports, undocumented, work_at_import, changing_globals, open_records])
def test_the_source_keeps_the_rule(lint: Lint) -> None:
    assert findings(lint) == []


def test_tests_import_by_full_names() -> None:
    assert [each for each in findings(imports, "tests") if "__future__" not in each] == []


def test_only_the_command_line_prints() -> None:
    """`--version` is answered before the command line is loaded."""
    found = findings(prints)
    assert found
    assert [each for each in found if not each.startswith(("chatterm/cli/", "chatterm/__main__.py"))] == []


def test_broad_excepts_stand_at_the_borders_alone() -> None:
    found = [each.partition(":")[::2] for each in findings(broad_excepts)]
    assert {name for name, words in found if words.endswith(" Exception")} == set(BORDERS)
    assert {name for name, words in found if words.endswith(" BaseException")} == set(CLEAN_UP)
    assert [each for each in found if each[1].endswith("everything")] == []


def test_every_module_has_a_noun_of_its_own() -> None:
    paths = [PurePosixPath(source.name) for folder in ("chatterm", "tests") for source in sources(folder)]
    assert [path for path in paths if NAMELESS & {part.removesuffix(".py") for part in path.parts}] == []


BAD: tuple[tuple[Lint, str], ...] = (
    (imports, "from . import a"),
    (imports, "from chatterm.core.ids import *"),
    (imports, "def f():\n    '''Words.'''"),
    (broad_excepts, "try:\n    f()\nexcept:\n    pass"),
    (broad_excepts, "try:\n    f()\nexcept (ValueError, Exception):\n    pass"),
    (broad_excepts, "with contextlib.suppress(Exception):\n    f()"),
    (undocumented, "x = 1"),
    (undocumented, "'''Words.'''\ndef f():\n    return 1"),
    (undocumented, "'''Words.'''\nclass C:\n    '''Words.'''\n    async def f(self):\n        return 1"),
    (prints, "print(1)"),
    (work_at_import, "f()"),
    (work_at_import, "x = open('f')"),
    (work_at_import, "x = [os.environ.get('A')]"),
    (work_at_import, "for x in y:\n    pass"),
    (work_at_import, "if a:\n    b = 1"),
    (changing_globals, "cache = {}\ndef f():\n    cache['a'] = 1"),
    (changing_globals, "cache: dict[str, str] = {}\ndef f():\n    del cache['a']"),
    (changing_globals, "def f():\n    NAMES.append('a')"),
    (changing_globals, "def f():\n    names.KNOWN.update(a)"),
    (changing_globals, "def f():\n    global x\n    x = 1"),
    (open_records, "@dataclass\nclass C:\n    x: int"),
    (open_records, "@dataclass(frozen=True)\nclass C:\n    x: int"),
)

GOOD: tuple[tuple[Lint, str], ...] = (
    (imports, "from __future__ import annotations\nfrom chatterm.core import ids\ndef f(): ..."),
    (broad_excepts, "try:\n    f()\nexcept (ValueError, OSError):\n    pass"),
    (undocumented, "'''Words.'''\ndef _f():\n    return 1\ndef g():\n    '''Words.'''"),
    (work_at_import, "X = re.compile('a')\nclass C: ...\nY = (C(1), C(2))\nZ = frozenset({1})"),
    (work_at_import, "if TYPE_CHECKING:\n    import httpx"),
    (changing_globals, "X = {'a': 1}\ndef f():\n    x = dict(X)\n    x['b'] = X['a']\n    x.update(a=1)"),
    (open_records, "@dataclass(frozen=True, slots=True)\nclass C:\n    x: int"),
)


@pytest.mark.parametrize(("lint", "code"), BAD)
def test_what_breaks_a_rule_is_noticed(lint: Lint, code: str) -> None:
    assert bites(lint, code)


@pytest.mark.parametrize(("lint", "code"), GOOD)
def test_what_keeps_the_rules_passes(lint: Lint, code: str) -> None:
    assert not bites(lint, code)
