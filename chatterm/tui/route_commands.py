"""Commands about the rules that choose the model for a turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chatterm.backend.routing.rules import Verdict, describe
from chatterm.core.clean import clean_line
from chatterm.core.errors import ChattermError
from chatterm.tui.page_table import cell
from chatterm.tui.widgets.page_box import PageBox

if TYPE_CHECKING:
    from chatterm.backend.routing.router import Router
    from chatterm.tui.screens.chat import ChatScreen

OFF = "No rules choose the model. /route on turns them on for this conversation."


class RouteCommands:
    """Each `do_ID` does the command of that id."""

    def __init__(self, screen: ChatScreen) -> None:
        self._screen = screen

    async def do_route(self, argument: str) -> None:
        """List the rules, turn them on or off, or explain which would take a text."""
        word, _, text = argument.partition(" ")
        if word in ("on", "off") and not text.strip():
            await self._turn(word == "on")
        elif word == "test" and text.strip():
            await self._prepare()
            self._show("Which rule takes it", test_page(clean_line(text, 2000), self._verdicts(text.strip())))
        elif not argument:
            await self._prepare()
            self._show(f"Rules ({'on' if self._router.enabled else 'off'})", rules_page(self._verdicts("")))
        else:
            raise ChattermError(
                f"/route cannot do {clean_line(argument, 60)!r}.", "/route on, off or test TEXT"
            )

    async def do_route_skip(self, argument: str) -> None:
        """Let the conversation's model answer the next prompt, or the rules choose after all."""
        router, target = self._router, self._screen.pane.session.target
        if not router.enabled:
            raise ChattermError(*OFF.split(". ", 1))
        router.skips_next = not router.skips_next
        own = f"{target.provider}/{target.model}" if target is not None else "The conversation's model"
        told = (
            f"{own} answers the next prompt."
            if router.skips_next
            else "Rules choose who answers the next prompt."
        )
        self._screen.pane.notices.show(clean_line(told, 200))
        self._screen.opening.show_model()

    async def _turn(self, on: bool) -> None:
        router = self._router
        router.enabled, router.skips_next = on, False
        if on:
            await self._prepare()
        count = len(router.rules(self._screen.pane.session.target))
        if not on:
            told = "The conversation's model answers every prompt."
        elif count:
            told = f"{count} rule{'s choose' if count > 1 else ' chooses'} who answers from now on; /route lists them."
        else:
            told = "Rules are on, but there are none: no key or local model was found to make some of."
        self._screen.pane.notices.show(told)
        self._screen.opening.show_model()

    async def _prepare(self) -> None:
        await self._router.prepare(self._screen.opening.models)

    def _verdicts(self, text: str) -> Sequence[Verdict]:
        return self._router.explain(text, (), self._screen.pane.session.target)

    def _show(self, title: str, page: str) -> None:
        copy = self._screen.started.value.copy
        self._screen.front.push_screen(PageBox(title, page, lambda text: self._screen.told(copy(text))))

    @property
    def _router(self) -> Router:
        router = self._screen.pane.session.router
        if router is None:
            raise ChattermError("There are no rules here.", "[routing] in the settings gives some.")
        return router


def rules_page(verdicts: Sequence[Verdict]) -> str:
    """The rules in their order, as Markdown; which prompt they were tried with does not matter."""
    if not verdicts:
        return "There are no rules: none in the settings, and no key or local model to make some of."
    rows = [
        f"| {number} | {cell(each.rule.name or describe(each.rule))} | {cell(each.rule.model)} |"
        for number, each in enumerate(verdicts, start=1)
    ]
    return "\n".join(["The first rule that fits chooses.", "", "| | when | who answers |", "|-|-|-|", *rows])


def test_page(text: str, verdicts: Sequence[Verdict]) -> str:
    """Which rule takes the text, and why the others do not, as Markdown."""
    taken = next((each for each in verdicts if each.fires), None)
    rows: list[str] = []
    for number, each in enumerate(verdicts, start=1):
        if each is taken:
            what, why = "takes it", ", ".join(each.holds) or "it has no conditions"
        elif each.fires:
            what, why = "would take it", "an earlier rule did"
        else:
            what, why = "no", ", ".join(each.fails)
        name = each.rule.name or describe(each.rule)
        rows.append(f"| {number} | {cell(name)} → {cell(each.rule.model)} | {what} | {cell(why)} |")
    end = f"**{cell(taken.rule.model)}** answers it." if taken else "The conversation's model answers it."
    table = ["", "| | rule | | why |", "|-|-|-|-|", *rows] if rows else ["", "There are no rules."]
    return "\n".join([f"“{cell(text)}”", *table, "", end])
