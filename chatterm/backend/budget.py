"""How much may be spent: of one run, of a day, of a conversation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from chatterm.config.model import BudgetSettings
from chatterm.core.errors import BudgetReachedError, BudgetUsedUpError, StoreError
from chatterm.core.money import dollars_text
from chatterm.core.performance import AttemptRecord, Spending
from chatterm.store.days import midnight

WAY_ON = "/budget off goes on all the same; [budget] in the settings raises the limit."
WAY_ON_OF_A_RUN = "Give more with --max-cost."


@dataclass(slots=True, kw_only=True)
class Budget:
    """So many dollars, and what is spent of them; a limit of None is never used up.

    `of` completes "of the $5 ...": "for today". `unknown` counts the requests whose cost nobody can tell.
    `is_estimate`: what is spent was reckoned by prices, in part at least.
    """

    limit_dollars: float | None
    of: str = "allowed"
    warn_at: float = 0.8
    way_on: str = WAY_ON_OF_A_RUN
    spent_dollars: float = 0.0
    unknown: int = 0
    is_estimate: bool = False
    _dearest: float = field(default=0.0, init=False)

    def take(self, dollars: float | None, *, is_estimate: bool = False) -> None:
        """Note what one request cost; None is not known."""
        if dollars is None:
            self.unknown += 1
            return
        self.spent_dollars += dollars
        self.is_estimate |= is_estimate
        self._dearest = max(self._dearest, dollars)

    @property
    def is_used_up(self) -> bool:
        """Whether nothing is left."""
        return self.limit_dollars is not None and self.spent_dollars >= self.limit_dollars

    def allows(self, running: int = 0) -> bool:
        """Whether one more request may begin beside `running` ones, each taken to cost as much as the dearest so far.

        What is spent exceeds the limit by what the requests cost more than that.
        """
        expected = self.spent_dollars + running * self._dearest
        return self.limit_dollars is None or expected < self.limit_dollars

    def require(self) -> None:
        """Raises `BudgetUsedUpError` when nothing is left."""
        if self.is_used_up:
            raise BudgetUsedUpError(f"The budget is used up: {self.words}.", self.way_on)

    def require_more(self, running_dollars: float = 0.0) -> None:
        """Raises `BudgetReachedError` when nothing is left for a further request of a turn that runs.

        Turns that run have cost `running_dollars` so far, which were not taken yet.
        """
        by_now = replace(self, spent_dollars=self.spent_dollars + running_dollars)
        if by_now.is_used_up:
            told = f"The budget is used up: {by_now.words}. Nothing more was sent."
            raise BudgetReachedError(told, self.way_on)

    @property
    def warning(self) -> str | None:
        """What to warn of, from the share on at which that is due."""
        if self.limit_dollars is None or self.is_used_up:
            return None
        return f"{self.words[0].upper()}{self.words[1:]}." if self._is_near else None

    @property
    def words(self) -> str:
        """What is spent of what: "$4.20 of the $5.00 for today are spent"."""
        spent = dollars_text(self.spent_dollars, is_estimate=self.is_estimate)
        if self.limit_dollars is None:
            return f"{spent} {self.of}, without a limit"
        return f"{spent} of the {dollars_text(self.limit_dollars)} {self.of} are spent"

    @property
    def _is_near(self) -> bool:
        return self.limit_dollars is not None and self.spent_dollars >= self.warn_at * self.limit_dollars


class SpendingStore(Protocol):
    """Where it is written down what was spent. Both raise `StoreError`."""

    async def spent_since(self, at: float) -> Spending: ...
    async def spent_in(self, conversation_id: str) -> Spending: ...


class ChatBudget:
    """The limits of the settings on a day and on a conversation. `enabled` is changed by /budget off and on.

    `tell` is given each warning, once a day or once a conversation. What was spent is read before each turn; while
    it runs the records of this program, all of which `take` is to be given, are added to that.
    """

    def __init__(
        self,
        settings: BudgetSettings,
        store: SpendingStore,
        now: Callable[[], datetime] = datetime.now,
    ) -> None:
        self._settings, self._store, self._now = settings, store, now
        self._warned: set[str] = set()
        # By day or conversation: what the records came to, and what the store knew of besides when it was read.
        self._taken: dict[str, float] = {}
        self._before: dict[str, float] = {}
        self._estimated: set[str] = set()
        self._is_known = False
        self.enabled = True
        self.tell: Callable[[str], object] = lambda _: None

    @property
    def has_limits(self) -> bool:
        """Whether the settings set any."""
        settings = self._settings
        return settings.day_dollars is not None or settings.conversation_dollars is not None

    async def require(self, conversation_id: str) -> None:
        """Raises `BudgetUsedUpError` where no turn of the conversation may begin; warns where little is left.

        Where the store cannot say what was spent, that is the warning.
        """
        if not (self.enabled and self.has_limits):
            return
        try:
            day, conversation = await self.read(conversation_id)
        except StoreError as error:
            self._is_known = False
            self._warn("unread", f"What was spent cannot be read, so no limit holds: {error.message}")
            return
        for budget in (day, conversation):
            budget.require()
        for key, budget in ((self._day, day), (conversation_id, conversation)):
            if budget.warning is not None:
                self._warn(key, budget.warning)

    def take(self, record: AttemptRecord) -> None:
        """Count what a request cost, after the store was given its record."""
        if record.cost_dollars is None or not self.has_limits:
            return
        is_of_today = record.at >= midnight(self._now())
        for key in (self._day, record.conversation_id) if is_of_today else (record.conversation_id,):
            self._taken[key] = self._taken.get(key, 0.0) + record.cost_dollars
            if record.cost_is_estimate:
                self._estimated.add(key)

    def require_more(self, conversation_id: str) -> None:
        """Raises `BudgetReachedError` where a turn that runs may send no further request. Waits for nothing."""
        if self.enabled and self._is_known:
            for budget in self._budgets(self._spent(self._day), self._spent(conversation_id)):
                budget.require_more()

    async def read(self, conversation_id: str) -> tuple[Budget, Budget]:
        """What is spent today, and of the conversation. Raises `StoreError`."""
        of_day = await self._read(self._day, self._store.spent_since(midnight(self._now())))
        of_conversation = await self._read(conversation_id, self._store.spent_in(conversation_id))
        self._is_known = True
        return self._budgets(of_day, of_conversation)

    async def _read(self, key: str, spending: Awaitable[Spending]) -> Spending:
        # The store answers in the order it is asked: of the records it knows those that were taken by now.
        taken = self._taken.get(key, 0.0)
        found = await spending
        self._before[key] = (found.dollars or 0.0) - taken
        if found.is_estimate:
            self._estimated.add(key)
        return found

    def _spent(self, key: str) -> Spending:
        return Spending(self._before.get(key, 0.0) + self._taken.get(key, 0.0), key in self._estimated)

    @property
    def _day(self) -> str:
        return f"{self._now():%Y-%m-%d}"

    def _budgets(self, of_day: Spending, of_conversation: Spending) -> tuple[Budget, Budget]:
        settings = self._settings
        return (
            self._budget(settings.day_dollars, "for today", of_day),
            self._budget(settings.conversation_dollars, "for this conversation", of_conversation),
        )

    def _warn(self, key: str, text: str) -> None:
        if key not in self._warned:
            self._warned.add(key)
            self.tell(text)

    def _budget(self, limit: float | None, of: str, spent: Spending) -> Budget:
        return Budget(
            limit_dollars=limit,
            of=of,
            warn_at=self._settings.warn_at,
            way_on=WAY_ON,
            spent_dollars=spent.dollars or 0.0,
            unknown=spent.unknown,
            is_estimate=spent.is_estimate,
        )
