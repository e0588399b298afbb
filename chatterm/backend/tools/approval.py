"""Consent to tool calls: what the user allowed for longer than once, matched exactly or not at all.

A rule holds for one tool as it described itself when the user said yes, and one target as a whole: a resolved path,
a host, an argv. No part, prefix or pattern of it matches, and nothing that a tool says of itself loosens anything.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec

from chatterm.backend.tools.base import Tool, pin_of
from chatterm.core.errors import StoreError
from chatterm.core.tools import Access, AccessKind, Decision

MOST_RULES = 1000
"""How many lasting rules are kept; the oldest go first."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A consent that lasts: for one conversation, or for all where `conversation_id` is None.

    `pin` is the hash of the tool as it was: one that changed since is asked for again.
    """

    tool: str
    source: str
    kind: AccessKind
    target: str
    pin: str
    conversation_id: str | None = None


class Approvals:
    """The rules of all conversations of this program; those for all are kept by `save` and read by `load`."""

    def __init__(
        self,
        load: Callable[[], Awaitable[object]] | None = None,
        save: Callable[[object], Awaitable[None]] | None = None,
    ) -> None:
        self._load, self._save = load, save
        self._rules: dict[Rule, None] = {}
        self._is_read = load is None

    def allows(self, tool: Tool, access: Access, conversation_id: str) -> bool:
        """Whether the user allowed exactly this before. False while the rules could not be read."""
        if not access.may_always:
            return False
        return any(_rule(tool, access, scope) in self._rules for scope in (None, conversation_id))

    async def remember(self, decision: Decision, tool: Tool, access: Access, conversation_id: str) -> None:
        """Keep what was decided, where that is to last. A yes that cannot be stored lasts until the program ends."""
        if decision not in (Decision.CONVERSATION, Decision.ALWAYS) or not access.may_always:
            return
        scope = conversation_id if decision is Decision.CONVERSATION else None
        self._rules[_rule(tool, access, scope)] = None
        if decision is Decision.ALWAYS:
            await self._store()

    def rules(self, conversation_id: str) -> tuple[Rule, ...]:
        """What is allowed in this conversation without asking, the oldest consent first."""
        return tuple(rule for rule in self._rules if rule.conversation_id in (None, conversation_id))

    async def revoke(self, rule: Rule) -> bool:
        """Take a consent back. False where it was not given, or was taken back before."""
        if rule not in self._rules:
            return False
        del self._rules[rule]
        if rule.conversation_id is None:
            await self._store()
        return True

    async def read(self) -> None:
        """Read the lasting rules, once. What cannot be understood is no consent."""
        if self._is_read or self._load is None:
            return
        self._is_read = True
        try:
            stored = msgspec.convert(await self._load() or [], list[Rule])
        except (StoreError, msgspec.ValidationError) as error:
            logger.warning("the rules of tools were not read: %s", error)
            return
        self._rules = {**dict.fromkeys(stored), **self._rules}

    async def _store(self) -> None:
        lasting = [rule for rule in self._rules if rule.conversation_id is None]
        for rule in lasting[:-MOST_RULES]:
            del self._rules[rule]
        if self._save is None:
            return
        try:
            await self._save([msgspec.to_builtins(rule) for rule in lasting[-MOST_RULES:]])
        except StoreError as error:
            logger.warning("a rule of a tool was not stored: %s", error)


def _rule(tool: Tool, access: Access, conversation_id: str | None) -> Rule:
    return Rule(
        tool=tool.spec.name,
        source=tool.source,
        kind=access.kind,
        target=access.target,
        pin=pin_of(tool),
        conversation_id=conversation_id,
    )
