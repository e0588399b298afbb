"""The command about who answers in the place of the conversation's model."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from chatterm.backend.fallback import Link, chain_of, links, with_chain
from chatterm.backend.target import Target
from chatterm.core.clean import clean_line
from chatterm.core.errors import ChattermError, ConfigError
from chatterm.tui.page_table import cell
from chatterm.tui.widgets.page_box import PageBox

if TYPE_CHECKING:
    from chatterm.tui.screens.chat import ChatScreen


class FallbackCommands:
    """`do_fallback` does the command of that id; `argument` is what was typed after its slash word."""

    def __init__(self, screen: ChatScreen) -> None:
        self._screen = screen

    async def do_fallback(self, argument: str) -> None:
        """Show the chain of the conversation's model, set it for the conversation, or have nobody in its place."""
        words, target = argument.split(), self._target()
        if not words:
            await self._show(target)
        elif words == ["off"]:
            await self._set(target, ())
        elif words == ["settings"]:
            await self._set(target, None)
        else:
            asked = f"{target.provider}/{target.model}"
            opening = self._screen.opening
            await self._set(target, await chain_of(words, opening.targets, opening.models, asked))

    async def _set(self, target: Target, chain: tuple[str, ...] | None) -> None:
        session, opening = self._screen.pane.session, self._screen.opening
        if session.target is not target:
            raise ChattermError("Another model was chosen meanwhile.", "Give the command again.")
        targets = with_chain(opening.targets, target.provider, target.model, chain)
        now = targets.resolve(target.provider, target.model)
        session.fallback, session.target = chain, now
        if session.router is not None:
            session.router.replaced(target, now)
        found = await links(targets, opening.models, target.provider, target.model)
        others = [link for link in found[1:] if link.state != "passed over"]
        told = f"If {target.provider}/{target.model} fails, {_in_words(others)}."
        self._screen.pane.notices.show(clean_line(told, 400))
        for link in others:
            if link.why:
                doubt = f"{link.provider}/{link.model}: {link.why}"
                self._screen.pane.notices.show(clean_line(doubt, 400), "warning")

    async def _show(self, target: Target) -> None:
        opening, chosen = self._screen.opening, self._screen.pane.session.fallback
        targets = with_chain(opening.targets, target.provider, target.model, chosen)
        found = await links(targets, opening.models, target.provider, target.model)
        page = chain_page(found, datetime.now(), is_chosen=chosen is not None)
        copy = self._screen.started.value.copy
        self._screen.front.push_screen(
            PageBox("Who answers", page, lambda text: self._screen.told(copy(text)))
        )

    def _target(self) -> Target:
        target = self._screen.pane.session.target
        if target is None:
            raise ConfigError("No model is chosen yet.", f"{self._screen.pane.key('model')} chooses one.")
        return target


def chain_page(found: Sequence[Link], now: datetime, *, is_chosen: bool) -> str:
    """The chain in the order in which it is asked, as Markdown. `now` is the time on the user's clock."""
    rows = [
        f"| {number} | {cell(f'{link.provider}/{link.model}')} | {cell(state_words(link, now))} "
        f"| {cell(link.last_failure or '-')} |"
        for number, link in enumerate(found, start=1)
    ]
    if len(found) == 1:
        end = (
            "Nobody is asked in its place. `/fallback PROVIDER/MODEL` names somebody, for this conversation."
        )
    else:
        whence = "This chain is for this conversation" if is_chosen else "This chain is from the settings"
        end = f"{whence}. `/fallback PROVIDER/MODEL ...` sets another one here, `/fallback off` none."
    if is_chosen:
        end += " `/fallback settings` goes back to the settings."
    return "\n".join(["| | model | now | failed last |", "|-|-|-|-|", *rows, "", end])


def state_words(link: Link, now: datetime) -> str:
    """How a model of the chain does."""
    if link.state == "cooling down":
        return f"cooling down until {now + timedelta(seconds=link.rest_seconds):%H:%M:%S}"
    return f"{link.state}: {link.why}" if link.why else link.state


def _in_words(chain: Sequence[Link]) -> str:
    if not chain:
        return "nobody answers in its place"
    names = [f"{link.provider}/{link.model}" for link in chain]
    return f"{', then '.join(names)} {'answers' if len(names) == 1 else 'answer'} in its place"
