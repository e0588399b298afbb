"""Encoded bytes of messages, so that a growing conversation is not encoded anew for every request.

Two laws hold: the joined fragments equal a one-shot encoding, and request n begins with the message
prefix of request n-1, byte for byte. Turned off, the cache changes nothing but time.
"""

from __future__ import annotations

from itertools import islice

from chatterm.backend.providers.base import ProviderAdapter, Variant
from chatterm.core.messages import Message

_Space = tuple[str, int, Variant]


class PayloadCache:
    """Fragments by (message id, adapter name, adapter version, variant), least recently used out first.

    `limit_bytes` bounds the fragments held together; 0 turns the cache off.
    """

    def __init__(self, limit_bytes: int = 64 * 1024 * 1024) -> None:
        self._limit_bytes = limit_bytes
        # One level for what all messages of a request share: looking each up in it is half of the whole cost. Plain
        # dicts keep their order, too, at a quarter of the memory; last is what was used last.
        self._spaces: dict[_Space, dict[str, bytes]] = {}
        self.held_bytes = 0
        self.hits = 0
        self.misses = 0

    def lookup(
        self, messages: tuple[Message, ...], adapter: ProviderAdapter, variant: Variant
    ) -> list[bytes | None]:
        """The fragment of each message, in order; None for one that is not held."""
        space = self._spaces.pop(key := _space(adapter, variant), None)
        if space is None:
            self.misses += len(messages)
            return [None] * len(messages)
        self._spaces[key] = space
        ids = [message.id for message in messages]
        found = [space.get(each) for each in ids]
        _put_last(space, [each for each, fragment in zip(ids, found, strict=True) if fragment is not None])
        missing = found.count(None)
        self.misses += missing
        self.hits += len(found) - missing
        return found

    def hold(self, message: Message, adapter: ProviderAdapter, variant: Variant, fragment: bytes) -> None:
        """Keep a fragment, unless it alone exceeds the limit; others leave to make room."""
        key = _space(adapter, variant)
        if len(fragment) > self._limit_bytes or message.id in self._spaces.get(key, ()):
            return
        # A copy: the encoder leaves up to half as much again allocated behind what it wrote.
        self._spaces.setdefault(key, {})[message.id] = bytes(memoryview(fragment))
        self.held_bytes += len(fragment)
        if self.held_bytes > self._limit_bytes:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        """Make room. In one pass: to look for the first entry anew for each costs as much as all that are gone."""
        for key, space in list(self._spaces.items()):
            gone: list[str] = []
            for each, fragment in space.items():
                if self.held_bytes <= self._limit_bytes:
                    break
                gone.append(each)
                self.held_bytes -= len(fragment)
            for each in gone:
                del space[each]
            if space:
                return
            del self._spaces[key]


def _put_last(space: dict[str, bytes], ids: list[str]) -> None:
    """Make these the last ones used. Where one conversation follows upon itself they are that already."""
    if list(islice(reversed(space), len(ids))) != ids[::-1]:
        for each in ids:
            space[each] = space.pop(each)


def _space(adapter: ProviderAdapter, variant: Variant) -> _Space:
    return (adapter.name, adapter.version, variant)
