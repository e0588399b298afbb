"""The command that measures the model of the conversation under load."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chatterm.backend.prices import is_free
from chatterm.core.clean import clean_line
from chatterm.core.errors import ChattermError, ConfigError
from chatterm.tui.typed_number import typed_number
from chatterm.tui.widgets.load_test_box import LoadTestBox
from chatterm.tui.widgets.question_box import QuestionBox

if TYPE_CHECKING:
    from chatterm.backend.load_test.engine import LoadTest
    from chatterm.backend.load_test.plan import LoadPlan
    from chatterm.backend.target import Target
    from chatterm.tui.screens.chat import ChatScreen
    from chatterm.tui.services import Services

MAX_TOKENS = 128
FORM = "Such as /bench -c 4 -n 20 --also ollama/llama3"


@dataclass(frozen=True, slots=True)
class BenchOrder:
    """What was typed: `requests` to each model, `concurrency` of them at a time, and further models."""

    concurrency: int = 4
    requests: int = 20
    also: tuple[str, ...] = ()


class BenchCommands:
    """`do_bench` does the command of that id."""

    def __init__(self, screen: ChatScreen, services: Services) -> None:
        self._screen, self._services = screen, services
        self._test: tuple[LoadTest, LoadPlan] | None = None  # until its end was seen

    async def do_bench(self, argument: str) -> None:
        """Measure the model under load, after a question where that may cost; or show what is measured already."""
        if self._test is None:
            # Not awaited: the screen would stand still meanwhile.
            asking = self._screen.told(self._ask(read_order(argument)))
            self._screen.run_worker(asking, group="bench", exclusive=True)
        elif argument:
            over = self._test[0].is_over
            told = "The last load test was not looked at yet." if over else "A load test runs already."
            raise ChattermError(told, "/bench alone shows it.")
        else:
            self._show(*self._test)

    async def _ask(self, order: BenchOrder) -> None:
        from chatterm.backend.load_test.plan import LoadPlan

        targets = self._targets(order)
        options = {"max_tokens": MAX_TOKENS, **self._screen.pane.session.options}
        plan = LoadPlan(concurrency=order.concurrency, requests=order.requests, options=options)
        await self._services.budget.require("")
        if question := await question_of(targets, plan):
            box = QuestionBox("Load test", question)
            self._screen.front.push_screen(box, lambda yes: self._begin(targets, plan) if yes else None)
        else:
            self._begin(targets, plan)

    def _begin(self, targets: list[Target], plan: LoadPlan) -> None:
        from chatterm.backend.load_test.engine import LoadTest, load_worker

        worker, of_the_day = load_worker(self._services.performance), self._services.budget
        test = LoadTest(worker, targets, plan, lambda: of_the_day.require_more(""))
        self._test = test, plan
        self._show(test, plan)
        self._screen.run_worker(self._run(test))

    async def _run(self, test: LoadTest) -> None:
        await test.run()
        if not isinstance(self._screen.front.screen, LoadTestBox):
            self._tell_state(test)

    def _targets(self, order: BenchOrder) -> list[Target]:
        """Who is asked. Raises `ConfigError` for who cannot be, and for more at once than there are connections."""
        from chatterm.backend.load_test.plan import other_places

        own, known = self._screen.pane.session.target, self._services.targets
        if own is None:
            raise ConfigError("No model is chosen.", "/model chooses one.")
        others = other_places(known, (own.provider, own.model), order.also)
        targets = [own, *(known.resolve(*place) for place in others)]
        most = self._screen.setup.settings.network.pool_maxsize
        if (wanted := order.concurrency * len(targets)) >= most:
            raise ConfigError(
                f"{wanted:,} requests at a time leave no connection for the conversation.",
                f"pool_maxsize in [network] is {most:,}; chatterm bench takes as many as it needs.",
            )
        return targets

    def _show(self, test: LoadTest, plan: LoadPlan) -> None:
        self._screen.front.push_screen(LoadTestBox(test, plan), lambda seen: self._closed(test, seen))

    def _closed(self, test: LoadTest, was_seen: bool | None) -> None:
        if was_seen:
            self._test = None
        else:
            self._tell_state(test)

    def _tell_state(self, test: LoadTest) -> None:
        told = "The load test goes on; /bench shows it."
        if test.is_over:
            told = "The load test is over; /bench shows what was found."
        self._screen.conversation.notices.show(told)


def read_order(argument: str) -> BenchOrder:
    """What was typed. Raises `ConfigError` for what is not understood."""
    numbers = {"-c": BenchOrder().concurrency, "-n": BenchOrder().requests}
    also = list[str]()
    words = iter(argument.split())
    for word in words:
        value = next(words, "")
        if word == "--also" and value:
            also.append(value)
        elif word in numbers and (number := typed_number(value)):
            numbers[word] = number
        else:
            raise ConfigError(f"/bench cannot do {clean_line(f'{word} {value}'.strip(), 60)!r}.", FORM)
    return BenchOrder(numbers["-c"], numbers["-n"], tuple(also))


async def question_of(targets: list[Target], plan: LoadPlan) -> str:
    """What is asked before: how many requests to whom; "" where all run on this machine and cost nothing.

    Raises `ChattermError` for a model whose key is not there.
    """
    free = [is_free(await target.endpoint(), target.model) for target in targets]
    if all(free):
        return ""
    count = (plan.requests or 0) + plan.warmup
    to = [f"{count:,} requests to {clean_line(each.host, 100)}, of {_name(each)}" for each in targets]
    size = f"about {plan.prompt_tokens} tokens in and at most {plan.options['max_tokens']} out"
    return "\n".join([*to, f"{plan.concurrency} at a time, each of {size}. They may cost money."])


def _name(target: Target) -> str:
    return clean_line(f"{target.provider}/{target.model}", 100)
