"""How many lines each of many entries takes, and which entry is at a line."""

from __future__ import annotations

from collections.abc import Iterable

_CHUNK = 512


class HeightIndex:
    """A list of heights in lines that knows its sums. Operations cost about the square root of the length."""

    def __init__(self, heights: Iterable[int] = ()) -> None:
        values = list(heights)
        self._chunks: list[list[int]] = [values[at : at + _CHUNK] for at in range(0, len(values), _CHUNK)]
        self._sums: list[int] = [sum(chunk) for chunk in self._chunks]

    def __len__(self) -> int:
        return sum(map(len, self._chunks))

    def __getitem__(self, position: int) -> int:
        chunk, at = self._locate(position)
        return self._chunks[chunk][at]

    def __setitem__(self, position: int, height: int) -> None:
        chunk, at = self._locate(position)
        self._sums[chunk] += height - self._chunks[chunk][at]
        self._chunks[chunk][at] = height

    def insert(self, position: int, height: int) -> None:
        """Puts a height before the one at `position`, or at the end."""
        if not self._chunks:
            self._chunks, self._sums = [[]], [0]
        chunk, at = self._locate(position - 1) if position else (0, -1)
        heights = self._chunks[chunk]
        heights.insert(at + 1, height)
        self._sums[chunk] += height
        if len(heights) > 2 * _CHUNK:
            halves = heights[:_CHUNK], heights[_CHUNK:]
            self._chunks[chunk : chunk + 1] = halves
            self._sums[chunk : chunk + 1] = map(sum, halves)

    def __delitem__(self, position: int) -> None:
        chunk, at = self._locate(position)
        self._sums[chunk] -= self._chunks[chunk].pop(at)
        if not self._chunks[chunk]:
            del self._chunks[chunk], self._sums[chunk]

    @property
    def total(self) -> int:
        """The sum of all heights."""
        return sum(self._sums)

    def start(self, position: int) -> int:
        """The line at which the entry at `position` begins."""
        chunk, at = self._locate(position)
        return sum(self._sums[:chunk]) + sum(self._chunks[chunk][:at])

    def find(self, line: int) -> tuple[int, int]:
        """The entry that `line` belongs to and the line inside it; the last one for a line past the end.

        Raises `IndexError` when there are no entries.
        """
        if not self._chunks:
            raise IndexError("no heights")
        position, line = 0, max(line, 0)
        for heights, height in zip(self._chunks, self._sums, strict=True):
            if line < height:
                break
            line -= height
            position += len(heights)
        else:
            last = self._chunks[-1][-1]
            return position - 1, max(last - 1, 0)
        for height in heights:
            if line < height:
                break
            line -= height
            position += 1
        return position, line

    def _locate(self, position: int) -> tuple[int, int]:
        if position >= 0:
            for chunk, heights in enumerate(self._chunks):
                if position < len(heights):
                    return chunk, position
                position -= len(heights)
        raise IndexError(position)
