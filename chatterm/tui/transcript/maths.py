"""Formulas in LaTeX to text: what can be shown in a terminal without pictures."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

from chatterm.core.clean import clean
from chatterm.tui.transcript import maths_symbols as known
from chatterm.tui.transcript.maths_items import (
    Command,
    Cursor,
    Environment,
    Group,
    Item,
    NotShownError,
    known_symbol,
    parsed,
    styled,
)
from chatterm.tui.transcript.maths_text import (
    Atom,
    aligned,
    base,
    fraction,
    in_brackets,
    joined,
    lowered,
    matrix,
    raised,
    stacked,
    symbol,
)

LONGEST, DEEPEST = 2_000, 16
"""Characters of a formula, and levels of nesting, beyond which its source is shown."""

_NESTS = re.compile(r"\\[{}()\[\]\\]|\\(?:begin|end)\b|[{}]")
_OPENS, _CLOSES = ("{", "\\begin", "\\(", "\\["), ("}", "\\end", "\\)", "\\]")


@lru_cache(maxsize=1024)
def to_unicode(latex: str, *, display: bool = False) -> str | None:
    """The formula as text, in one line, or in several if it is a `display`; None if its source says more.

    That is so where something in it is unknown, wrong, or nested too deep.
    """
    if len(latex) > LONGEST or _depth(latex) > DEEPEST:
        return None
    try:
        atoms = _Reader(parsed(latex)).rows()
    except NotShownError:
        return None
    if display:
        text = clean("\n".join([stacked(row) for row in atoms])).strip("\n")
    else:
        text = clean("; ".join([joined(row) for row in atoms])).strip()
    return text if text.strip() else None


def _depth(latex: str) -> int:
    depth = deepest = 0
    for mark in _NESTS.finditer(latex):
        depth += (mark[0] in _OPENS) - (mark[0] in _CLOSES)
        deepest = max(deepest, depth)
    return deepest


# ---- reading ------------------------------------------------------------------------------------


class _Reader(Cursor):
    """Takes symbols, with the arguments of commands, from a list of items."""

    def __init__(self, items: Sequence[Item], depth: int = 0) -> None:
        if depth > DEEPEST:
            raise NotShownError
        super().__init__(items)
        self._depth: int = depth

    def rows(self) -> list[list[Atom]]:
        """All that is left, in the rows that `\\` ends."""
        return [self._of(row).atoms() for row in self.split(Command("\\"), Command("cr"))]

    def atoms(self) -> list[Atom]:
        """All that is left, as one row."""
        atoms: list[Atom] = []
        while (atom := self._scripted()) is not None:
            atoms += atom
        return atoms

    def _of(self, items: Sequence[Item]) -> _Reader:
        return _Reader(items, self._depth + 1)

    def _scripted(self) -> list[Atom] | None:
        """The next symbol with what is above and below it; None at the end."""
        item = self.next()
        if item is None:
            return None
        if item in ("^", "_", "'") and not isinstance(item, Command):
            atoms: list[Atom] = []
            self.at -= 1
        else:
            atoms = self._show(item)
        below = above = primes = ""
        while (mark := self.accept("^", "_", "'")) is not None:
            if mark == "'":
                primes += "′"
            elif mark == "_":
                below += lowered(self._argument())
            else:
                above += raised(self._argument())
        scripts = primes.replace("′′", "″") + below + above
        if not scripts:
            return atoms
        if len(atoms) == 1:
            atom = atoms[0]
            text = base(atoms) if atom.kind == "frac" or " " in atom.text else atom.text
            rows = (atom.rows[0] + scripts, *atom.rows[1:]) if atom.rows else ()
            kind = "ord" if atom.kind in ("frac", "bin") else atom.kind
            return [Atom(text + scripts, kind, rows)]
        return [Atom((base(atoms) if atoms else "") + scripts)]

    def _argument(self) -> list[Atom]:
        item = self.next()
        if item is None:
            raise NotShownError
        if isinstance(item, Group):
            return self._of(item).atoms()
        if type(item) is str and item.isdigit():
            return [Atom(item)]
        if self._depth >= DEEPEST:
            raise NotShownError
        self._depth += 1
        atoms = self._show(item)
        self._depth -= 1
        return atoms

    def _option(self) -> list[Atom] | None:
        """An argument in square brackets."""
        if self.accept("[") is None:
            return None
        start = self.at
        while (item := self.next()) is not None:
            if item == "]" and not isinstance(item, Command):
                return self._of(self.items[start : self.at - 1]).atoms()
        raise NotShownError

    # ---- what is shown ----------------------------------------------------------------------

    def _show(self, item: Item) -> list[Atom]:
        if isinstance(item, Environment):
            return [self._environment(item)]
        if isinstance(item, Command):
            return self._command(item)
        if isinstance(item, Group):
            atoms = self._of(item).atoms()
            return atoms if len(atoms) < 2 else [Atom(joined(atoms))]
        if item == "&":
            return []
        if item.isdigit():
            return [Atom(self.number(item))]
        return [symbol({"-": "−", "~": " "}.get(item, item))]

    def _command(self, name: str) -> list[Atom]:
        if name in known.SPACES:
            return [Atom(known.SPACES[name], "space")]
        if name in known.FUNCTIONS:
            return [Atom(name, "op")]
        if name in known.NOTHING:
            for _ in range(known.NOTHING[name]):
                self._argument()
            return []
        show = _WITH_ARGUMENTS.get(name)
        if show is not None:
            return show(self, name)
        text = known_symbol(name)
        if text is None:
            raise NotShownError
        return [symbol(text)]

    def fence(self, name: str) -> list[Atom]:
        """`\\left(` and the like; `\\left.` is none."""
        if self.accept(".") is not None:
            return []
        return [Atom(joined(self._argument()), known.SIDES[name])]

    def mid(self, _name: str) -> list[Atom]:
        """A bar that relates two things."""
        return [Atom("|", "rel")]

    def fraction(self, _name: str) -> list[Atom]:
        """One over the other."""
        return [fraction(self._argument(), self._argument())]

    def binomial(self, _name: str) -> list[Atom]:
        """So many out of so many."""
        above, below = joined(self._argument()), joined(self._argument())
        return [matrix([[above], [below]], "(", ")")._replace(text=f"C({above}, {below})")]

    def root(self, _name: str) -> list[Atom]:
        """The second, or another root."""
        degree = joined(self._option() or ())
        mark = known.ROOTS.get(degree) or raised([Atom(degree)]).lstrip("^") + "√"
        return [Atom(mark + base(self._argument()))]

    def text(self, _name: str) -> list[Atom]:
        """Words."""
        return [Atom(self._text())]

    def plain(self, _name: str) -> list[Atom]:
        """What is given, without more."""
        return [Atom(joined(self._argument()))]

    def operator(self, _name: str) -> list[Atom]:
        """A function by its name."""
        self.accept("*")
        return [Atom(joined(self._argument()), "op")]

    def styled(self, name: str) -> list[Atom]:
        """Letters of another alphabet."""
        return [Atom(styled(joined(self._argument()), known.STYLES[name]))]

    def second(self, _name: str) -> list[Atom]:
        """The second argument, as the first says how it looks."""
        self._argument()
        return self._argument()

    def over(self, name: str) -> list[Atom]:
        """One symbol with something small over or under it."""
        small, large = self._argument(), self._argument()
        text = known.OVER_EQUALS.get(joined(small)) if joined(large) == "=" and name != "underset" else None
        script = lowered(small) if name == "underset" else raised(small)
        return [Atom(text or joined(large) + script, large[0].kind if len(large) == 1 else "ord")]

    def arrow(self, name: str) -> list[Atom]:
        """An arrow with something on it."""
        self._option()
        return [Atom(f"─{joined(self._argument())}─{known.LONG_ARROWS[name]}", "rel")]

    def negation(self, _name: str) -> list[Atom]:
        """A symbol struck through."""
        return [Atom(unicodedata.normalize("NFC", joined(self._argument()) + "\u0338"), "rel")]

    def modulus(self, name: str) -> list[Atom]:
        """`mod`, by itself or with what it is about."""
        if name in ("bmod", "mod"):
            return [Atom("mod", "rel")]
        return [Atom(" ", "space"), Atom(f"(mod {joined(self._argument())})")]

    def lines(self, _name: str) -> list[Atom]:
        """Several conditions."""
        rows = self._of(self._group()).rows()
        return [Atom(", ".join([joined(row) for row in rows]))]

    def tag(self, _name: str) -> list[Atom]:
        """The number of an equation."""
        return [Atom("    ", "space"), Atom(in_brackets(self._text()))]

    def line(self, name: str) -> list[Atom]:
        """A line over or under all of it."""
        return [Atom("".join([char + known.LINES[name] for char in joined(self._argument())]))]

    def accent(self, name: str) -> list[Atom]:
        """A mark on one symbol; in words on several."""
        atoms = self._argument()
        text = joined(atoms)
        if len(atoms) != 1 or not text:
            return [Atom(f"{name.removeprefix('wide')}{in_brackets(text)}")]
        return [Atom(unicodedata.normalize("NFC", text[0] + known.ACCENTS[name]) + text[1:])]

    def _group(self) -> Group:
        item = self.next()
        if item is None:
            raise NotShownError
        return item if isinstance(item, Group) else Group([item])

    def _text(self) -> str:
        """An argument that is no maths: its spaces count."""
        parts: list[str] = []
        for item in self._group():
            if isinstance(item, str) and not isinstance(item, Command):
                parts.append(" " if item in "\n\t~" else item)
            else:
                parts.append(joined(self._of([item]).atoms()))
        return "".join(parts)

    def _environment(self, environment: Environment) -> Atom:
        name = environment.name
        reader = self._of(environment.items)
        if name in known.WITH_ARGUMENT:
            reader._option()
            reader._group()
        rows: list[list[str]] = []
        for row in reader.split(Command("\\"), Command("cr")):
            inside = self._of(row)
            inside._option()  # the space after the row before
            rows.append([joined(self._of(cell).atoms()) for cell in inside.split("&")])
        if name in known.FENCES:
            return matrix(rows, *known.FENCES[name])
        if name in known.ALIGNED:
            return aligned(rows)
        if name in known.STACKED:
            return aligned([[" ".join(row)] for row in rows])
        raise NotShownError


_SHOWN: tuple[tuple[Iterable[str], Callable[[_Reader, str], list[Atom]]], ...] = (
    (known.SIDES, _Reader.fence),
    (("frac", "dfrac", "tfrac", "cfrac"), _Reader.fraction),
    (("binom", "dbinom", "tbinom"), _Reader.binomial),
    (known.TEXTS, _Reader.text),
    (known.PLAIN, _Reader.plain),
    (known.STYLES, _Reader.styled),
    (known.DROPS_FIRST, _Reader.second),
    (("overset", "stackrel", "underset"), _Reader.over),
    (known.LONG_ARROWS, _Reader.arrow),
    (("pmod", "pod", "bmod", "mod"), _Reader.modulus),
    (known.LINES, _Reader.line),
    (known.ACCENTS, _Reader.accent),
    (("mid",), _Reader.mid),
    (("sqrt",), _Reader.root),
    (("operatorname",), _Reader.operator),
    (("not",), _Reader.negation),
    (("substack",), _Reader.lines),
    (("tag",), _Reader.tag),
)
_WITH_ARGUMENTS = {name: show for names, show in _SHOWN for name in names}
