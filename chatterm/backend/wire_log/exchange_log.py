"""The last requests and responses, kept in memory within a bound, so that a turn can be looked at as it was."""

from __future__ import annotations

from collections import OrderedDict

from chatterm.backend.wire_log.exchange_lines import AnyLine, Exchange, FrameLine, RequestLine, size_of

MOST_BYTES = 16 * 1024 * 1024


class ExchangeLog:
    """Keeps the newest exchanges; the oldest go first. Of one that is too large by itself, later frames go."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._kept: OrderedDict[int, Exchange] = OrderedDict()
        self._sizes: dict[int, int] = {}
        self.size_bytes = 0

    def take(self, line: AnyLine, turn_id: str) -> None:
        """Keep the next line of an exchange; one whose exchange is gone is left."""
        size = size_of(line)
        if isinstance(line, RequestLine):
            self._kept[line.exchange] = Exchange(line, turn_id)
            self._sizes[line.exchange] = 0
        exchange = self._kept.get(line.exchange)
        if exchange is None:
            return
        if isinstance(line, FrameLine) and self._sizes[line.exchange] + size > self._most_bytes:
            exchange.left_out += 1
            return
        exchange.take(line)
        self._sizes[line.exchange] += size
        self.size_bytes += size
        while self.size_bytes > self._most_bytes and len(self._kept) > 1:
            oldest, _ = self._kept.popitem(last=False)
            self.size_bytes -= self._sizes.pop(oldest)

    def of_turn(self, turn_id: str) -> list[Exchange]:
        """What was sent for this turn, in order; empty where it is not kept any more."""
        return [exchange for exchange in self._kept.values() if exchange.turn_id == turn_id]
