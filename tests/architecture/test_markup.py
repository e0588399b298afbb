"""No outside string is ever parsed as markup, and one module alone makes text safe."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest
from textual.content import Content

from chatterm.tui.commands import COMMANDS
from tests.architecture.sources import Finding, bites, dotted, findings, imported

WIDGETS = {
    "Static": "safe with markup=False, which is checked",
    "TextArea": "shows its text as it is",
    "Input": "shows its text as it is",
}
"""What may be used of textual.widgets. All others parse some text they are given as markup."""

PARSERS = {"from_markup", "render_markup", "to_content", "render_str", "notify"}
"""Calls that parse a string as markup; a notice of Textual's is one too."""

TITLES = {"border_title", "border_subtitle", "tooltip", "help"}
"""Attributes of widgets and arguments that Textual parses as markup where they are strings."""

MARKUP_MODULES = ("rich.markup", "textual.markup", "rich.console", "rich.prompt")

SANITISERS = {"isprintable", "translate", "maketrans", "category"}


def markup(tree: ast.Module) -> Iterator[Finding]:
    """Where a string may be parsed as markup."""
    yield from ((line, f"imports {name}") for line, name in imported(tree) if name in MARKUP_MODULES)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("textual.widgets"):
            strange = [alias.name for alias in node.names if alias.name not in WIDGETS]
            yield from ((node.lineno, f"uses the widget {name}") for name in strange)
        elif isinstance(node, ast.Call):
            yield from _calls(node)
        elif isinstance(node, ast.ClassDef):
            yield from _classes(node)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if (
                    isinstance(target, ast.Attribute)
                    and target.attr in TITLES - {"help"}
                    and not _safe(node.value)
                ):
                    yield node.lineno, f"{target.attr} is not a Content"


def _calls(node: ast.Call) -> Iterator[Finding]:
    name = dotted(node.func).rpartition(".")[2]
    if name in PARSERS:
        yield node.lineno, f"calls {name}"
    if name == "Static" and not _switched_off(node):
        yield node.lineno, "Static without markup=False"
    for keyword in node.keywords:
        if keyword.arg in TITLES - {"help"} and not _safe(keyword.value):
            yield node.lineno, f"{keyword.arg} is not a Content"
        if keyword.arg == "markup" and not _is_false(keyword.value):
            yield node.lineno, "markup is not False"


def _classes(node: ast.ClassDef) -> Iterator[Finding]:
    if any(dotted(base) == "Static" for base in node.bases):
        starts = [
            call
            for call in ast.walk(node)
            if isinstance(call, ast.Call) and dotted(call.func).endswith(".__init__")
        ]
        if not starts or not all(_switched_off(call) for call in starts):
            yield node.lineno, f"{node.name} is a Static without markup=False"
    for method in node.body:
        if isinstance(method, ast.FunctionDef) and method.name == "render":
            kind = ast.unparse(method.returns) if method.returns else "nothing"
            if kind not in ("Content", "Strip", "Text"):
                yield method.lineno, f"render gives {kind}; a string would be parsed"


def _switched_off(call: ast.Call) -> bool:
    return any(keyword.arg == "markup" and _is_false(keyword.value) for keyword in call.keywords)


def _is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def _safe(node: ast.expr) -> bool:
    if isinstance(node, ast.IfExp):
        return _safe(node.body) and _safe(node.orelse)
    if isinstance(node, ast.Constant):
        return node.value is None or (isinstance(node.value, str) and "[" not in node.value)
    return isinstance(node, ast.Call) and dotted(node.func).split(".")[0] == "Content"


def second_sanitisers(tree: ast.Module) -> Iterator[Finding]:
    """Where text is stripped of dangerous characters by other means than `chatterm.core.clean`."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = dotted(node.func)
        if name.rpartition(".")[2] in SANITISERS:
            yield node.lineno, f"calls {name.rpartition('.')[2]}"
        if name.startswith("re."):
            for argument in ast.walk(node):
                if (
                    isinstance(argument, ast.Constant)
                    and isinstance(argument.value, str)
                    and _names_c0(argument.value)
                ):
                    yield node.lineno, f"a pattern of control codes: {argument.value!r}"


def _names_c0(pattern: str) -> bool:
    return any(code in pattern for code in (r"\x00", r"\x1b", r"\x7f", r"\x9b", "\x1b", "\x9b", r"\u202e"))


SANITISES_TOO = {
    "chatterm/core/clean.py": "the only sanitiser",
    "chatterm/config/render.py": "escapes what TOML strings must not hold; the value stays the same",
    "chatterm/backend/tools/files/rooted.py": "refuses paths with control characters, and changes none",
    "chatterm/backend/tools/files/denied_paths.py": "compares names as file systems do, and changes none",
}


def test_no_string_is_parsed_as_markup() -> None:
    assert findings(markup, "chatterm/tui") == []


def test_the_texts_of_the_palette_read_the_same_as_markup() -> None:
    """Textual's command palette parses these; all of them are ours."""
    for command in COMMANDS:
        for text in (command.title, command.help):
            assert Content.from_markup(text).plain == text


def test_only_one_module_makes_text_safe() -> None:
    found = findings(second_sanitisers)
    assert [each for each in found if not each.startswith(tuple(SANITISES_TOO))] == []
    assert [name for name in SANITISES_TOO if not any(each.startswith(name) for each in found)] == []


@pytest.mark.parametrize(
    "code",
    [
        "from textual.widgets import Label",
        "from textual.widgets.option_list import Option",
        "from rich.markup import render",
        "Static(text)",
        "Static(text, markup=True)",
        "Static(text, markup=flag)",
        "Content.from_markup(text)",
        "Text.from_markup('[b]x')",
        "self.app.notify(text)",
        "box.border_title = title",
        "box.border_subtitle = f'{a} [b]'",
        "box.tooltip = '[b]x'",
        "box.border_title = Content('x') if a else title",
        "Button(tooltip=words)",
        "class A(Static):\n    pass",
        "class A(Static):\n    def __init__(self):\n        super().__init__('x')",
        "class A(Widget):\n    def render(self) -> str:\n        return text",
        "class A(Widget):\n    def render(self):\n        return text",
        "class A(Widget):\n    def render(self) -> RenderResult:\n        return text",
    ],
)
def test_markup_is_noticed(code: str) -> None:
    assert bites(markup, code)


@pytest.mark.parametrize(
    "code",
    [
        "from textual.widgets import Input, Static, TextArea",
        "Static(text, id='x', markup=False)",
        "Content(text)\nContent.styled(text, 'bold')",
        "box.border_title = Content(title)\nbox.border_subtitle = 'esc closes'",
        "box.border_title = Content(title) if title else None",
        "class A(Static):\n    def __init__(self):\n        super().__init__('x', markup=False)",
        "class A(Widget):\n    def render(self) -> Content:\n        return Content(text)",
    ],
)
def test_plain_text_passes(code: str) -> None:
    assert not bites(markup, code)


@pytest.mark.parametrize(
    "code",
    [
        "''.join(c for c in text if c.isprintable())",
        "text.translate(table)",
        "re.sub(r'[\\x00-\\x1f]', '', text)",
        "re.compile(r'\\x1b\\[[0-9;]*m')",
        "unicodedata.category(c)",
    ],
)
def test_a_second_sanitiser_is_noticed(code: str) -> None:
    assert bites(second_sanitisers, code)
