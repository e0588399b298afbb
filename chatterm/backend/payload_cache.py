"""Encoded bytes of messages, so that a growing conversation is not encoded anew for every request.

Two laws hold: the joined fragments equal a one-shot encoding, and request n begins with the message
prefix of request n-1, byte for byte. Turned off, the cache changes nothing but time.
"""

from __future__ import annotations

from collections import OrderedDict

from chatterm.backend.providers.base import Blobs, ProviderAdapter, Variant
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

    def missing(
        self, messages: tuple[Message, ...], adapter: ProviderAdapter, variant: Variant
    ) -> tuple[Message, ...]:
        """The messages that `encode` would have to encode anew."""
        return tuple(m for m in messages if _key(m, adapter, variant) not in self._fragments)

    def encode(
        self, messages: tuple[Message, ...], adapter: ProviderAdapter, variant: Variant, blobs: Blobs
    ) -> list[bytes]:
        """The fragment of each message, in order. `blobs` is asked only for messages that are not held."""
        fragments: list[bytes] = []
        for message in messages:
            key = _key(message, adapter, variant)
            fragment = self._fragments.get(key)
            if fragment is None:
                self.misses += 1
                fragment = adapter.encode_message(message, variant, blobs)
                self._hold(key, fragment)
            else:
                self.hits += 1
                self._fragments.move_to_end(key)
            fragments.append(fragment)
        return fragments

    def _hold(self, key: _Key, fragment: bytes) -> None:
        if len(fragment) > self._limit_bytes:
            return
        self._fragments[key] = fragment
        self.held_bytes += len(fragment)
        while self.held_bytes > self._limit_bytes:
            _, oldest = self._fragments.popitem(last=False)
            self.held_bytes -= len(oldest)


def _key(message: Message, adapter: ProviderAdapter, variant: Variant) -> _Key:
    return (message.id, adapter.name, adapter.version, variant)
