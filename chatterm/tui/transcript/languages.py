"""Which language a piece of code is in: by the info string of its fence, or by a look at its first lines."""

from __future__ import annotations

import re
from functools import cache

PLAIN = ""
"""The name of what has no language."""

HEAD_LINES = 5
"""How many lines `guess` looks at."""

_NAMES = {
    PLAIN: ("text plain plaintext txt none nohighlight output log stdout stderr ascii raw csv tsv mermaid"),
    "bash": ("sh shell zsh ksh ash bashrc zshrc bash_profile profile env dotenv shellscript script"),
    "c": "h",
    "cmake": "cmakelists.txt",
    "groovy": "gradle jenkinsfile",
    "console": "terminal cmdline sh-session bash-session shell-session",
    "cpp": "c++ cc cxx hpp hxx hh h++ ino arduino cplusplus",
    "csharp": "c# cs dotnet",
    "css": "pcss postcss",
    "diff": "patch udiff",
    "docker": "dockerfile containerfile",
    "elixir": "ex exs",
    "fsharp": "f# fs fsx",
    "go": "golang",
    "haskell": "hs",
    "html": (
        "htm xhtml vue svelte astro angular jinja jinja2 django erb ejs handlebars hbs mustache "
        "twig liquid html+jinja html+django html+erb blade"
    ),
    "ini": "cfg conf dosini properties editorconfig gitconfig systemd service",
    "javascript": "js mjs cjs node nodejs ecmascript es6",
    "json": "jsonc json5 jsonl ndjson geojson webmanifest ipynb json-with-comments",
    "kotlin": "kt kts",
    "basemake": "make makefile mk gnumakefile mf",
    "markdown": "md mdx gfm",
    "nginx": "nginxconf",
    "objective-c": "objc objectivec obj-c",
    "ocaml": "ml mli",
    "perl": "pl pm",
    "postgresql": "postgres psql pgsql plpgsql",
    "powershell": "ps1 pwsh psm1 posh ps",
    "protobuf": "proto",
    "python": "py py3 python3 pyi pyw python2 py2 sage starlark bazel gyp",
    "pycon": "python-console python-repl py-repl",
    "ruby": "rb rake gemfile rakefile podfile gemspec",
    "rust": "rs",
    "sql": "sqlite sqlite3 ddl dml mssql tsql t-sql plsql bigquery snowflake duckdb",
    "terraform": "tf hcl tfvars",
    "tex": "latex sty",
    "typescript": "ts mts cts",
    "xml": "xsl xslt xsd svg rss atom plist pom csproj xaml",
    "yaml": "yml docker-compose compose k8s kubernetes helm openapi",
}
_OTHERS = (
    "abap ada asm awk bat clojure crystal d dart erlang fish graphql java jsx julia less lisp lua matlab nim "
    "nix pascal php prolog r racket scala scheme scss solidity swift tcl toml tsx vim wasm zig"
)
_ALIASES = {alias: name for name, names in _NAMES.items() for alias in (name, *names.split())} | {
    name: name for name in _OTHERS.split(" ")
}

_WORD = re.compile(r"[\w.+#/\\:@~-]+")
_CUT = re.compile(r"[:,;{(=\[]")


def named(info: str) -> str | None:
    """The language a fence's info string names: a name that `lexing.grammar` takes, "" for plain text.

    None where it names none that is known here; `words` then gives what else may be asked for.
    """
    return next((_ALIASES[word] for word in words(info) if word in _ALIASES), None)


def words(info: str) -> list[str]:
    """What an info string may name a language by, best first: its first word, a file's name, an extension."""
    match = _WORD.search(info.lower())
    if match is None or (match.start() and "=" in info[: match.start()]):
        return []
    word = match[0].lstrip(".@:/~")
    file = re.split(r"[/\\:]", word)[-1]
    found = [word, _CUT.split(word)[0], file, file.rpartition(".")[2], file.partition(".")[0]]
    return list(dict.fromkeys(each for each in found if each))


_SHEBANG = re.compile(r"#!.*?\b(python|fish|bash|zsh|sh|node|deno|ruby|perl|php|lua|awk|Rscript|pwsh)")
_SHEBANGS = {"fish": "fish", "node": "javascript", "deno": "typescript", "Rscript": "r", "pwsh": "powershell"}

_SIGNS = (
    ("diff", r"\A(?:diff --git |Index: |--- [^\n]*\n\+\+\+ |@@ -\d)"),
    ("php", r"\A\s*<\?php\b"),
    ("xml", r"\A\s*<(?:\?xml\b|svg\b|rss\b|feed\b|project\b)"),
    ("html", r"(?i)\A\s*<(?:!doctype\b|!--|/?[a-z][\w-]*(?: [^<>\n]*)?/?>)"),
    ("json", r"\A\s*(?:\{\s*(?:\"[^\"\n]*\"\s*:|\}|\Z)|\[\s*(?:[\[{\"\d-][^\n]*[\],{}\"]$|\]|\Z))"),
    ("docker", r"\A(?:ARG [^\n]*\n)*FROM +[\w./:@${}-]+(?: +AS +[\w-]+)? *$"),
    ("pycon", r"\A>>> "),
    ("console", r"\A(?:[\w.@:~/ -]{0,40}\$|❯|[\w.-]+@[\w.-]+[^\n#$%]{0,40}[#%]) +\S"),
    ("cpp", r"^[ \t]*(?:#[ \t]*include[ \t]*<\w+>|using namespace |template[ \t]*<|std::)"),
    ("c", r"^[ \t]*#[ \t]*(?:include[ \t]*[<\"]|define \w|ifn?def \w)"),
    ("go", r"^(?:package \w+$|func (?:\(\w+ \*?\w+\) )?\w+\([^\n]*\{$|\w+(?:, \w+)* := )"),
    ("rust", r"^[ \t]*(?:use (?:std|crate|super)::|(?:pub )?fn \w+|impl\b|#!?\[\w+|let mut |pub struct )"),
    ("kotlin", r"^[ \t]*(?:(?:suspend |override |private )?fun [\w<(]|data class |import kotlin)"),
    ("swift", r"^[ \t]*(?:import (?:Foundation|SwiftUI|UIKit)\b|func \w+\(|guard let |@State )"),
    (
        "java",
        r"^[ \t]*(?:import java|package [\w.]+;|public (?:static |final |abstract )*(?:class|interface|void) )",
    ),
    ("csharp", r"^[ \t]*(?:using [\w.]+;|namespace [\w.]+[ \t]*[;{]?$|public (?:record|async Task))"),
    (
        "sql",
        r"(?i)\A\s*(?:select\b[^\n]+(?:\bfrom\b|,|$)|select$|insert\s+into\s|update\s+[\w.\"`]+\s+set\b"
        r"|delete\s+from\s|create\s+(?:or\s+replace\s+)?(?:temp\w*\s+)?(?:table|index|view|database|function)\s"
        r"|alter\s+table\s|drop\s+table\s|with\s+\w+\s+as\s*\(|explain\s+\w)",
    ),
    (
        "typescript",
        r"^[ \t]*(?:export )?(?:interface \w+[^\n]*\{|type \w+(?:<[^\n]*>)? =|(?:const|let) \w+: \w|enum \w+ \{)",
    ),
    (
        "javascript",
        r"^[ \t]*(?:(?:export )?(?:default )?(?:async )?function\*? *\w*\(|(?:export )?(?:const|let|var) "
        r"[\w{\[][^\n]*=|import [^\n]+ from ['\"]|module\.exports\b|console\.\w+\()",
    ),
    (
        "python",
        r"^[ \t]*(?:(?:async )?def \w+\(|class \w+[^\n{]*:$|from [\w.]+ import |import [\w.]+(?: as \w+)?"
        r"(?:, *\w+)*(?: *#[^\n]*)?$|@\w+[\w.]*(?:\(|$)|(?:if|for|while|with|elif) [^\n{]+:$|print\()",
    ),
    ("ruby", r"^[ \t]*(?:def \w+[?!]?(?:\([^\n]*\))?$|require ['\"]|puts |module [A-Z]\w*$|\w+ do \|)"),
    (
        "css",
        r"\A\s*(?!(?:class|interface|struct|if|for|do|try|while)\b)(?:[.#:*@]?[\w-]+[^\n{};=]*)\{(?:$|[ \t]*[\w-]+:)",
    ),
    ("toml", r"\A\[\[?[\w.\"-]+\]\]?\n[\w.\"-]+ *= *(?:[\"'\[{\d-]|true|false)"),
    ("ini", r"\A\[[^\]\n]+\]$"),
    (
        "bash",
        r"\A[ \t]*(?:(?:sudo|apt|apt-get|brew|pip3?|pipx|uv|npm|npx|yarn|pnpm|git|cd|mkdir|docker|kubectl|curl"
        r"|wget|export|echo|chmod|source|cargo|make|conda|ollama|ssh|systemctl) +[\w./~$\"'@-]|\w+=(?:\$\(|\"))",
    ),
    (
        "yaml",
        r"\A(?:---$|[\w\"'.-]+:(?: *[|>&][^\n]*)?\n[ \t]*(?:- |[\w\"'.-]+:)|[a-z_][\w.-]*: [^\n]*\n[a-z_][\w.-]*:)",
    ),
)
"""What tells a language; the first that is found counts."""

_REMARK = re.compile(r"\s*(?:#(?:\s|$)|//|--\s|;)")


@cache
def _signs() -> list[tuple[str, re.Pattern[str]]]:
    """Compiled by the first guess: 20 ms."""
    return [(name, re.compile(sign, re.MULTILINE)) for name, sign in _SIGNS]


def guess(code: str) -> str:
    """The language of code without a name, from its first HEAD_LINES lines; "" where nothing tells it."""
    lines = [line[:200].rstrip() for line in code.split("\n", HEAD_LINES)[:HEAD_LINES]]
    lines = [line for line in lines if line]
    shebang = _SHEBANG.match(lines[0]) if lines else None
    if shebang is not None:
        return _SHEBANGS.get(shebang[1], "bash" if shebang[1].endswith("sh") else shebang[1])
    head = "\n".join([line for line in lines if _REMARK.match(line) is None])
    return next((name for name, sign in _signs() if sign.search(head)), PLAIN)
