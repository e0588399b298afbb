"""Formulas as text: symbols with the right spaces between them, small letters above and below, brackets over rows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from rich.cells import cell_len

from chatterm.tui.transcript.maths_symbols import (
    AS_THEY_ARE,
    BINARY,
    BRACKETS,
    CLOSING,
    OPENING,
    OPERATORS,
    PUNCTUATION,
    RELATIONS,
    SUBSCRIPTS,
    SUPERSCRIPTS,
    Kind,
)

_CALL = re.compile(r"[^\W\d_][\u2080-\u209c\u1d62-\u1d6a]*(?:!|\([^()\s]*\))")
"""A function of something, or a factorial."""

_OPERANDS: tuple[Kind, ...] = ("ord", "close", "frac")


class Atom(NamedTuple):
    """A symbol, or what is treated as one. `rows` are its lines where it has several."""

    text: str
    kind: Kind = "ord"
    rows: tuple[str, ...] = ()


def symbol(text: str) -> Atom:
    """The atom of one symbol, by its character."""
    for characters, kind in _KINDS:
        if text in characters:
            return Atom(text, kind)
    return Atom(text)


_KINDS: tuple[tuple[str, Kind], ...] = (
    (BINARY, "bin"),
    (RELATIONS, "rel"),
    (OPERATORS, "op"),
    (OPENING, "open"),
    (CLOSING, "close"),
    (PUNCTUATION, "punct"),
)


def joined(atoms: Sequence[Atom]) -> str:
    """The atoms in one line."""
    parts: list[str] = []
    before: Kind | None = None
    for number, atom in enumerate(atoms):
        kind = atom.kind
        if kind == "bin" and (before not in (*_OPERANDS, "op", "space") or number + 1 == len(atoms)):
            kind = "ord"  # a sign, or an operator for itself
            parts.append(" " * (before in ("rel", "punct", "bin")) + atom.text)
            before = "open" if number + 1 < len(atoms) else kind
            continue
        if before is not None and _is_apart(before, kind):
            parts.append(" ")
        parts.append(atom.text)
        before = kind
    return "".join(parts)


def _is_apart(before: Kind, kind: Kind) -> bool:
    if "space" in (before, kind) or before == "open" or kind in ("close", "punct"):
        return False
    if before == "rel" and kind == "rel":
        return False
    if before in ("rel", "bin", "punct") or kind in ("rel", "bin"):
        return True
    if "frac" in (before, kind):
        return True
    return (before == "op" and kind != "open") or kind == "op"


def in_brackets(text: str) -> str:
    """The text in parentheses, unless it is in some."""
    return text if is_enclosed(text) else f"({text})"


def is_enclosed(text: str) -> bool:
    """Whether one pair of parentheses is around all of it."""
    if not (text.startswith("(") and text.endswith(")")):
        return False
    depth = 0
    for at, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if depth == 0 and at + 1 < len(text):
            return False
    return True


def raised(atoms: Sequence[Atom]) -> str:
    """The atoms as a superscript."""
    text = "".join([atom.text for atom in atoms]).strip(" ")
    if text == "∘":
        return "°"
    return text if text in AS_THEY_ARE else _script(atoms, text, SUPERSCRIPTS, "^")


def lowered(atoms: Sequence[Atom]) -> str:
    """The atoms as a subscript."""
    text = "".join([atom.text for atom in atoms]).strip(" ")
    return _script(atoms, text, SUBSCRIPTS, "_")


def _script(atoms: Sequence[Atom], text: str, small: dict[str, str], mark: str) -> str:
    if not text:
        return ""
    named = len(atoms) > 1 and any([atom.kind == "op" and atom.text[:1].isalpha() for atom in atoms])
    if not named and all([char in small or char == " " for char in text]):
        return "".join([small.get(char, "") for char in text])
    if len(text) == 1:
        return mark + text
    return mark + in_brackets(joined(atoms) if named else text)


def fraction(above: Sequence[Atom], below: Sequence[Atom]) -> Atom:
    """One over the other, in one line."""
    over, under = joined(above), joined(below)
    derivative = over[:1] in ("d", "∂") and over[0] == under[:1] and " " not in over + under
    if " " in over or "/" in over:
        over = in_brackets(over)
    alone = len(below) == 1 or derivative or _CALL.fullmatch(under) is not None
    if " " in under or "/" in under or not alone:
        under = in_brackets(under)
    return Atom(f"{over}/{under}", "frac")


def base(atoms: Sequence[Atom]) -> str:
    """The text of what a script or a root belongs to."""
    text = joined(atoms)
    return text if len(atoms) == 1 and atoms[0].kind != "frac" and " " not in text else in_brackets(text)


# ---- rows ---------------------------------------------------------------------------------------


def matrix(cells: Sequence[Sequence[str]], left: str, right: str) -> Atom:
    """Rows of cells between two brackets, each of which may be ""."""
    inline = "; ".join([(", " if right == "" and left == "{" else " ").join(row) for row in cells])
    columns = max([len(row) for row in cells], default=0)
    widths = [max([cell_len(row[at]) for row in cells if at < len(row)]) for at in range(columns)]
    rows: list[str] = []
    for number, row in enumerate(cells):
        text = "  ".join([padded(row[at] if at < len(row) else "", width) for at, width in enumerate(widths)])
        inside = (_bracket(left, number, len(cells)), text, _bracket(right, number, len(cells)))
        rows.append(" ".join([part for part in inside if part]))
    return Atom(f"{left}{inline}{right or ('}' if left == '{' else '')}", "ord", tuple(rows))


def aligned(cells: Sequence[Sequence[str]]) -> Atom:
    """Equations of which every other column is flush right, so that the signs between stand below each other."""
    columns = max([len(row) for row in cells], default=0)
    widths = [max([cell_len(row[at]) for row in cells if at < len(row)]) for at in range(columns)]
    rows: list[str] = []
    for row in cells:
        text = ""
        for at, cell in enumerate(row):
            space = "" if not at or (at == 1 and not widths[0]) else " " if at % 2 else "   "
            text += space + padded(cell, widths[at], right=at % 2 == 0 and columns > 1)
        rows.append(text.rstrip(" "))
    return Atom("; ".join([" ".join([cell for cell in row if cell]) for row in cells]), "ord", tuple(rows))


def padded(text: str, width: int, *, right: bool = False) -> str:
    """The text filled up with spaces."""
    space = " " * (width - cell_len(text))
    return space + text if right else text + space


def stacked(atoms: Sequence[Atom]) -> str:
    """The atoms beside each other, those of several rows centred on the line of the others."""
    atoms = list(_bracketed(atoms))
    if not any(len(atom.rows) > 1 for atom in atoms):
        return joined([atom._replace(text=atom.rows[0]) if atom.rows else atom for atom in atoms])
    blocks: list[Sequence[str]] = []
    for number, atom in enumerate(atoms):
        apart = number > 0 and (atoms[number - 1].rows or atom.rows) and atom.kind not in ("punct", "close")
        if atom.rows or not blocks or (number and atoms[number - 1].rows):
            if apart:
                blocks.append((" ",))
            blocks.append(atom.rows or _run(atoms[number:]))
    above = max([(len(block) - 1) // 2 for block in blocks])
    below = max([len(block) - 1 - (len(block) - 1) // 2 for block in blocks])
    lines = [""] * (above + below + 1)
    for block in blocks:
        first = above - (len(block) - 1) // 2
        width = max([cell_len(line) for line in block])
        for number in range(len(lines)):
            inside = 0 <= number - first < len(block)
            lines[number] += padded(block[number - first] if inside else "", width)
    return "\n".join([line.rstrip(" ") for line in lines])


def _bracketed(atoms: Sequence[Atom]) -> Iterator[Atom]:
    """The atoms, with the brackets around rows drawn as high as the rows."""
    at = 0
    while at < len(atoms):
        atom = atoms[at]
        rows = atoms[at + 1].rows if at + 1 < len(atoms) else ()
        if atom.kind != "open" or len(rows) < 2 or atom.text not in BRACKETS:
            yield atom
            at += 1
            continue
        end = atoms[at + 2] if at + 2 < len(atoms) and atoms[at + 2].kind == "close" else None
        width = max([cell_len(row) for row in rows])
        yield Atom("", "ord", tuple([
            " ".join((
                _bracket(atom.text, number, len(rows)),
                padded(row, width),
                _bracket(end.text, number, len(rows)) if end else "",
            ))
            for number, row in enumerate(rows)
        ]))  # fmt: skip
        at += 3 if end else 2


def _run(atoms: Iterable[Atom]) -> tuple[str]:
    """The text up to the next atom of several rows."""
    run: list[Atom] = []
    for atom in atoms:
        if atom.rows:
            break
        run.append(atom)
    return (joined(run),)


def _bracket(mark: str, number: int, rows: int) -> str:
    if mark not in BRACKETS or rows == 1:
        return mark
    top, more, middle, end = BRACKETS[mark]
    if number in (0, rows - 1):
        return end if number else top
    return middle if number == (rows - 1) // 2 else more
