"""Encoded bytes of messages, so that a growing conversation is not encoded anew for every request.

Two laws hold: the joined fragments equal a one-shot encoding, and request n begins with the message
prefix of request n-1, byte for byte. Turned off, the cache changes nothing but time.
"""

from __future__ import annotations

from collections import OrderedDict

from chatterm.backend.providers.base import ProviderAdapter, Variant
from chatterm.core.messages import Message

_Key = tuple[str, str, int, Variant]


class PayloadCache:
    """Fragments by (message id, adapter name, adapter version, variant), least recently used out first.

    `limit_bytes` bounds the fragments held together; 0 turns the cache off.
    """

    def __init__(self, limit_bytes: int = 64 * 1024 * 1024) -> None:
        self._limit_bytes = limit_bytes
        self._fragments: OrderedDict[_Key, bytes] = OrderedDict()
        self.held_bytes = 0
        self.hits = 0
        self.misses = 0

    def lookup(
        self, messages: tuple[Message, ...], adapter: ProviderAdapter, variant: Variant
    ) -> list[bytes | None]:
        """The fragment of each message, in order; None for one that is not held."""
        found: list[bytes | None] = []
        for message in messages:
            key = _key(message, adapter, variant)
            fragment = self._fragments.get(key)
            if fragment is None:
                self.misses += 1
            else:
                self.hits += 1
                self._fragments.move_to_end(key)
            found.append(fragment)
        return found

    def hold(self, message: Message, adapter: ProviderAdapter, variant: Variant, fragment: bytes) -> None:
        """Keep a fragment, unless it alone exceeds the limit; others leave to make room."""
        key = _key(message, adapter, variant)
        if len(fragment) > self._limit_bytes or key in self._fragments:
            return
        self._fragments[key] = fragment
        self.held_bytes += len(fragment)
        while self.held_bytes > self._limit_bytes:
            _, oldest = self._fragments.popitem(last=False)
            self.held_bytes -= len(oldest)


def _key(message: Message, adapter: ProviderAdapter, variant: Variant) -> _Key:
    return (message.id, adapter.name, adapter.version, variant)
