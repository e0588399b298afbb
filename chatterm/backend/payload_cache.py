"""Encoded bytes of messages, so that a growing conversation is not encoded anew for every request.

Two laws hold: the joined fragments equal a one-shot encoding, and request n begins with the message
prefix of request n-1, byte for byte. Turned off, the cache changes nothing but time.
"""

from __future__ import annotations

from collections import OrderedDict

from chatterm.backend.providers.base import ProviderAdapter, Variant
from chatterm.core.messages import Message

_Space = tuple[str, int, Variant]


class PayloadCache:
    """Fragments by (message id, adapter name, adapter version, variant), least recently used out first.

    `limit_bytes` bounds the fragments held together; 0 turns the cache off.
    """

    def __init__(self, limit_bytes: int = 64 * 1024 * 1024) -> None:
        self._limit_bytes = limit_bytes
        # One level for what all messages of a request share: looking each up in it is half of the whole cost.
        self._spaces: OrderedDict[_Space, OrderedDict[str, bytes]] = OrderedDict()
        self.held_bytes = 0
        self.hits = 0
        self.misses = 0

    def lookup(
        self, messages: tuple[Message, ...], adapter: ProviderAdapter, variant: Variant
    ) -> list[bytes | None]:
        """The fragment of each message, in order; None for one that is not held."""
        space = self._spaces.get(key := _space(adapter, variant))
        if space is None:
            self.misses += len(messages)
            return [None] * len(messages)
        self._spaces.move_to_end(key)
        found = [space.get(message.id) for message in messages]
        for message, fragment in zip(messages, found, strict=True):
            if fragment is not None:
                space.move_to_end(message.id)
        missing = found.count(None)
        self.misses += missing
        self.hits += len(found) - missing
        return found

    def hold(self, message: Message, adapter: ProviderAdapter, variant: Variant, fragment: bytes) -> None:
        """Keep a fragment, unless it alone exceeds the limit; others leave to make room."""
        key = _space(adapter, variant)
        if len(fragment) > self._limit_bytes or message.id in self._spaces.get(key, ()):
            return
        self._spaces.setdefault(key, OrderedDict())[message.id] = fragment
        self.held_bytes += len(fragment)
        while self.held_bytes > self._limit_bytes:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        key, space = next(iter(self._spaces.items()))
        _, fragment = space.popitem(last=False)
        self.held_bytes -= len(fragment)
        if not space:
            del self._spaces[key]


def _space(adapter: ProviderAdapter, variant: Variant) -> _Space:
    return (adapter.name, adapter.version, variant)
