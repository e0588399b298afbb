"""The languages as pygments knows them, and what is added to its rules so that a text may grow."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from chatterm.tui.transcript.lexing import COMMENT, DEFECTS, STRING, Grammar, Place, Run, Token, Zone

_SLOW = frozenset({"autoit", "aspectj"})
"""Their rules take seconds for a few hundred blanks or words: plain."""

_DELIMITERS = (
    *(("/*", "*/"), ("<!--", "-->"), ("{-", "-}"), ("(*", "*)"), ("--[[", "]]"), ("#|", "|#"), ("#=", "=#")),
)
"""What begins and ends comments of many lines, in any language."""


def _javascript() -> Grammar:
    return grammar_of("javascript")


def _css() -> Grammar:
    return grammar_of("css")


@cache
def _runs() -> dict[str, tuple[Run, ...]]:
    """What a language has besides comments, where its lexer wants to see all lines at once."""
    below = r"^[ \t]*{}\b"
    shell_heredoc = Run(
        re.compile(r"<<-?(?!<)[ \t]*(['\"]?)\\?(?P<name>[A-Za-z_]\w*)\1"), below, STRING, below=True
    )
    ruby_heredoc = Run(re.compile(r"<<[-~]?(['\"`]?)(?P<name>[A-Z_]\w*)\1"), below, STRING, below=True)
    php_heredoc = Run(re.compile(r"<<<[ \t]*(['\"]?)(?P<name>[A-Za-z_]\w*)\1"), below, STRING, below=True)
    fence = Run(
        re.compile(r"^(?P<name>`{3,}|~{3,})[^`\n]*$", re.MULTILINE), r"^{}[ \t]*$", STRING, below=True
    )
    triple = Run(re.compile('"""'), '"""', STRING)
    return {
        "bash": (shell_heredoc, Run(re.compile("'"), "'", STRING)),
        "csharp": (Run(re.compile(r'\$?@\$?"'), r'(?<!")(?:"")*"(?!")', STRING), triple),
        "go": (Run(re.compile("`"), "`", STRING),),
        "lua": (Run(re.compile(r"\[\["), r"\]\]", STRING),),
        "markdown": (fence,),
        "perl": (ruby_heredoc,),
        "php": (php_heredoc,),
        "ruby": (ruby_heredoc,),
        "scala": (triple,),
    }


@cache
def _zones() -> dict[str, dict[str, Zone]]:
    """What a language has inside it, by the state of its lexer."""
    script = Zone(_javascript, re.compile(r"<\s*/\s*script\s*>", re.IGNORECASE))
    style = Zone(_css, re.compile(r"<\s*/\s*style\s*>", re.IGNORECASE))
    return {"html": {"script-content": script, "style-content": style}}


_SESSIONS = {
    "console": (
        "bash",
        r"(?:(?P<more>> )|[\w.@:~/()\[\] -]{0,60}[$❯] |[\w.-]+@[^\n#%]{0,60}[#%] |PS [^\n>]{0,60}> )",
    ),
    "pycon": ("python", r"(?:(?P<more>\.\.\.)|>>>)(?: |$)"),
}


def grammar_of(name: str) -> Grammar:
    """As `grammar`, for languages that pygments surely has."""
    found = grammar(name)
    assert found is not None
    return found


@cache
def grammar(name: str) -> Grammar | None:
    """The language that pygments knows by this name; None where it has none that can be lexed by tables.

    The first call loads pygments and the module of the lexer: some 30 ms.
    """
    if name in _SESSIONS:
        language, prompt = _SESSIONS[name]
        return grammar_of(language)._replace(prompt=re.compile(prompt), runs=())
    if name == "json":
        return _json()
    if name == "php-page":
        return grammar_of("php")._replace(start=("root",))
    lexer = None if name in _SLOW else _lexer(name)
    if lexer is None:
        return None
    start = ("root", "php") if name == "php" else ("root",)
    made = Grammar(lexer, lexer._tokens, start, _context(lexer), zones=_zones().get(name, {}))
    return made._replace(runs=(*_runs().get(name, ()), *_long_comments(made)))


def _lexer(name: str) -> Any:
    """A lexer with tables, or None. Plug-ins are not asked: that would search all installed packages."""
    from pygments.lexer import RegexLexer
    from pygments.lexers import find_lexer_class_by_name, get_all_lexers

    if not any(name in aliases for _, aliases, _, _ in get_all_lexers(plugins=False)):
        return None
    try:
        lexer: Any = find_lexer_class_by_name(name)()
    except DEFECTS:
        return None
    return lexer if isinstance(lexer, RegexLexer) else None


def _context(lexer: Any) -> Any:
    """What makes the context that the lexer's callbacks want; None where they want none."""
    from pygments.lexer import ExtendedRegexLexer, LexerContext

    if not isinstance(lexer, ExtendedRegexLexer):
        return None
    from pygments.lexers.data import YamlLexer, YamlLexerContext

    return YamlLexerContext if isinstance(lexer, YamlLexer) else LexerContext


def _long_comments(made: Grammar) -> list[Run]:
    """The comments that this lexer wants to see all lines of at once."""
    found: list[Run] = []
    for opener, closer in _DELIMITERS:
        text, tokens = f"{opener}x\ny{closer}", list[Token]()
        end = Place(made).scan(text, 0, 1, len(text), tokens)
        if end == len(text) and {look for _, look in tokens} == {COMMENT}:
            found.append(Run(re.compile(re.escape(opener)), re.escape(closer), COMMENT))
    return found


def _json() -> Grammar:
    """Own rules: pygments reads JSON without tables. Lines stand for themselves, so a fragment is fine too."""
    from pygments.token import Comment, Keyword, Name, Number, String, Text

    rules = (
        (r"\s+", Text),
        (r'"(?:\\.|[^"\\\n])*"(?=\s*:)', Name.Tag),
        (r"\"(?:\\.|[^\"\\\n])*\"?|'(?:\\.|[^'\\\n])*'?", String),
        (r"-?(?:0[xX][0-9a-fA-F]+|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\b", Number),
        (r"(?:true|false|null|NaN|Infinity)\b", Keyword),
        (r"//[^\n]*|#[^\n]*", Comment),
        (r"[A-Za-z_$][\w$]*(?=\s*:)", Name.Tag),
        (r"[\w$]+|[{}\[\],:]+", Text),
    )
    comments = Run(re.compile(r"/\*"), r"\*/", COMMENT)
    return Grammar(
        None, {"root": [(re.compile(rule).match, kind, None) for rule, kind in rules]}, runs=(comments,)
    )
