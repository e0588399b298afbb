"""Consent to tool calls: what the user allowed for longer than once, matched exactly or not at all.

A rule holds for one tool as it described itself when the user said yes, and one target as a whole: a resolved path,
a host, an argv. No part, prefix or pattern of it matches, and nothing that a tool says of itself loosens anything.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import cast

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
    """The rules of all conversations of this program; those for all are kept by `save` and read by `load`.

    Several programs share those for all: they are read again before each question, and a change is made to what is
    stored by then, so that a consent taken back in one program is none in any other.
    """

    def __init__(
        self,
        load: Callable[[], Awaitable[object]] | None = None,
        save: Callable[[object], Awaitable[None]] | None = None,
    ) -> None:
        self._load, self._save = load, save
        self._own: dict[Rule, None] = {}  # for one conversation
        self._stored: dict[Rule, None] = {}  # for all, as they were read last
        self._changes: dict[Rule, bool] = {}  # to those for all: given or taken back, and not stored yet
        self._storing = asyncio.Lock()

    def allows(self, tool: Tool, access: Access, conversation_id: str) -> bool:
        """Whether the user allowed exactly this before. False while the rules could not be read."""
        if not access.may_always:
            return False
        return _rule(tool, access, conversation_id) in self._own or _rule(tool, access, None) in self._for_all

    async def remember(self, decision: Decision, tool: Tool, access: Access, conversation_id: str) -> None:
        """Keep what was decided, where that is to last. A yes that cannot be stored lasts until the program ends."""
        if not access.may_always:
            return
        if decision is Decision.CONVERSATION:
            self._own[_rule(tool, access, conversation_id)] = None
        elif decision is Decision.ALWAYS:
            await self._change(_rule(tool, access, None), True)

    def rules(self, conversation_id: str) -> tuple[Rule, ...]:
        """What is allowed in this conversation without asking: for all first, each time the oldest consent first."""
        return (*self._for_all, *(rule for rule in self._own if rule.conversation_id == conversation_id))

    async def revoke(self, rule: Rule) -> bool:
        """Take a consent back. False where it was not given, or was taken back before."""
        if rule.conversation_id is not None:
            return self._own.pop(rule, self) is None
        was_given = rule in self._for_all
        if was_given:
            await self._change(rule, False)
        return was_given

    async def read(self) -> None:
        """Read the lasting rules as they are stored now. What cannot be understood is no consent."""
        async with self._storing:
            await self._read()

    @property
    def _for_all(self) -> dict[Rule, None]:
        kept = {rule: None for rule in self._stored if self._changes.get(rule, True)}
        return kept | {rule: None for rule, given in self._changes.items() if given}

    async def _change(self, rule: Rule, given: bool) -> None:
        self._changes[rule] = given  # holds from now on, whatever becomes of the store
        async with self._storing:
            if self._save is None or not await self._read():
                return
            lasting, changes = list(self._for_all)[-MOST_RULES:], dict(self._changes)
            try:
                await self._save([msgspec.to_builtins(each) for each in lasting])
            except StoreError as error:
                logger.warning("a rule of a tool was not stored: %s", error)
                return
            self._stored = dict.fromkeys(lasting)
            self._changes = {each: yes for each, yes in self._changes.items() if changes.get(each) != yes}

    async def _read(self) -> bool:
        """Whether the lasting rules are known now."""
        if self._load is None:
            return True
        try:
            stored = await self._load()
        except StoreError as error:
            logger.warning("the rules of tools were not read: %s", error)
            return False
        self._stored = dict.fromkeys(_understood(stored))
        return True


def _understood(stored: object) -> Iterator[Rule]:
    for each in cast("list[object]", stored) if isinstance(stored, list) else ():
        try:
            rule = msgspec.convert(each, Rule)
        except msgspec.ValidationError as error:
            logger.warning("a rule of a tool was not understood: %s", error)
            continue
        if rule.conversation_id is None:
            yield rule


def _rule(tool: Tool, access: Access, conversation_id: str | None) -> Rule:
    return Rule(
        tool=tool.spec.name,
        source=tool.source,
        kind=access.kind,
        target=access.target,
        pin=pin_of(tool),
        conversation_id=conversation_id,
    )
