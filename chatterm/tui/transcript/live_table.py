"""The table at the end of a text that grows: each of its rows is parsed once."""

from __future__ import annotations

from chatterm.tui.transcript.leaves import open_until
from chatterm.tui.transcript.lines import Line, lay
from chatterm.tui.transcript.pieces import Piece
from chatterm.tui.transcript.rows import Row, Table, TableRow
from chatterm.tui.transcript.segments import Format, References


class LiveTable:
    """A piece of a table while rows come in. `settled` are lines that change only when a column grows wider."""

    def __init__(self, piece: Piece, form: Format) -> None:
        self.settled: list[Line] = []
        self._form: Format = form
        self._gap: list[Line] = (
            [] if piece.gap is None else lay([Row(first=piece.gap, kind="blank")], form.width)
        )
        self._start: str = piece.table_start or "\n".join(piece.source.split("\n")[:2])
        self._continues: bool = bool(piece.table_start)
        self._rows: list[TableRow] = []
        self._whole: int = 0  # source lines that are in `_rows`
        self._natural: tuple[int, ...] = ()
        self._shown: tuple[int, ...] = ()  # the widths that `settled` is laid out for
        self._laid: int = 0  # rows that are in `settled`
        self._head: Table | None = None
        if not self._continues:
            self._head = self._parse(Piece("markdown", self._start))
            if self._head is not None:
                self._rows, self._whole = list(self._head.rows), 2
                self._natural = self._head.natural

    def feed(self, piece: Piece, references: References) -> list[Line] | None:
        """The lines after `settled`; None where it is no table that can be laid out row by row."""
        return self._lay(piece, piece.source.split("\n"), references, done=False)

    def finish(self, piece: Piece, references: References) -> list[Line] | None:
        """All lines of the table, which is complete."""
        rest = self._lay(piece, piece.source.split("\n"), references, done=True)
        return None if rest is None else self.settled + rest

    def _lay(
        self, piece: Piece, lines: list[str], references: References, *, done: bool
    ) -> list[Line] | None:
        if self._head is None and not self._continues:
            return None
        natural, last = self._natural, None
        for number, line in enumerate(lines[self._whole :], self._whole + 1):
            table = self._parse(Piece("markdown", line, table_start=self._start), references)
            if table is None or len(table.rows) != 1 or open_until(line):  # what opens may end further on
                return None
            self._head = self._head or table
            natural = _widest(natural, table) if not self._continues else table.natural
            if number < len(lines) or done:
                self._rows.append(table.rows[0])
                self._whole, self._natural = number, natural
            else:
                last = table.rows[0]
        if self._head is None:
            return None
        return self._settle(piece, self._head, natural, last)

    def _settle(
        self, piece: Piece, head: Table, natural: tuple[int, ...], last: TableRow | None
    ) -> list[Line]:
        """Lays out the rows that came, or all of them where the columns are others now."""
        made = head._replace(natural=natural, head=not self._continues, first=piece.first, hang=piece.hang)
        if natural != self._shown or not self.settled:
            self.settled, self._laid, self._shown = list(self._gap), 0, natural
        new = tuple(self._rows[self._laid :])
        if new:
            table = made._replace(rows=new, head=made.head and self._laid == 0)
            self.settled += lay([table], self._form.width)
            self._laid = len(self._rows)
        if last is None:
            return []
        return lay([made._replace(rows=(last,), head=False)], self._form.width)

    def _parse(self, piece: Piece, references: References | None = None) -> Table | None:
        from chatterm.tui.transcript.markdown import blocks_of

        blocks = blocks_of(piece, references, maths=self._form.maths)
        return blocks[0] if len(blocks) == 1 and isinstance(blocks[0], Table) else None


def _widest(natural: tuple[int, ...], table: Table) -> tuple[int, ...]:
    from chatterm.tui.transcript.walk import cell_width

    row = table.rows[0].cells
    return tuple(
        max(width, cell_width(row[column]) if column < len(row) else 0)
        for column, width in enumerate(natural)
    )
