"""Commands about tools, what is allowed without asking, and changed files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from chatterm.backend.daemon_thread import in_daemon_thread
from chatterm.core.clean import clean_line, visible
from chatterm.core.errors import ChattermError, ToolError
from chatterm.tui.tool_pages import tools_page
from chatterm.tui.typed_number import typed_number
from chatterm.tui.widgets.page_box import PageBox

if TYPE_CHECKING:
    from chatterm.backend.tools.approval import Rule
    from chatterm.backend.tools.files.undo_copies import UndoCopy
    from chatterm.tui.screens.chat import ChatScreen
    from chatterm.tui.services import ToolFace

MOST_COPIES = 20
T = TypeVar("T")


class ToolCommands:
    """Each `do_ID` does the command of that id."""

    def __init__(self, screen: ChatScreen, tools: ToolFace | None) -> None:
        self._screen = screen
        self._given = tools
        if tools is not None:
            tools.gate.ask = screen.conversation.consents.may_start

    async def do_tools(self, argument: str) -> None:
        """List tools, rules and copies, or change one."""
        word, _, name = (part.strip() for part in argument.partition(" "))
        if not argument:
            await self._show_tools()
        elif word in ("on", "off") and name:
            await self._turn(name, word == "on")
        elif word == "revoke" and name:
            await self._revoke(name)
        elif word == "undo":
            await self._undo(name)
        else:
            raise ChattermError(
                f"/tools cannot do {clean_line(argument, 60)!r}.",
                "/tools on NAME, off NAME, revoke N, undo [N]",
            )

    # ---- parts -------------------------------------------------------------------------------

    async def _show_tools(self) -> None:
        registry = self._tools.registry
        page = tools_page(
            await registry.known(), await self._rules(), await self._copies(), await registry.problems()
        )
        self._show("Tools", page)

    async def _turn(self, name: str, on: bool) -> None:
        if not await self._tools.registry.turn(name, on):
            raise ChattermError(f"There is no tool {clean_line(name, 64)!r}.", "/tools lists all.")
        state = "on from the next message on" if on else "off from the next message on"
        self._screen.pane.notices.show(f"{name} is {state}.")

    async def _rules(self) -> tuple[Rule, ...]:
        await self._tools.approvals.read()
        return self._tools.approvals.rules(self._screen.pane.session.conversation_id)

    async def _revoke(self, number: str) -> None:
        rules = await self._rules()
        if not rules:
            raise ChattermError("Nothing is allowed without asking, so there is nothing to revoke.")
        chosen = rules if number == "all" else (_numbered(rules, number, "rule"),)
        for rule in chosen:
            await self._tools.approvals.revoke(rule)
        told = (
            "1 rule is revoked: what it"
            if len(chosen) == 1
            else f"{len(chosen)} rules are revoked: what they"
        )
        self._screen.pane.notices.show(f"{told} allowed is asked for again.")

    async def _copies(self) -> list[UndoCopy]:
        return (await in_daemon_thread(self._tools.around.undo_copies.all, "chatterm-undo"))[:MOST_COPIES]

    async def _undo(self, number: str) -> None:
        from chatterm.backend.tools.files.change import UNDO_TOOL, take_back
        from chatterm.backend.tools.files.denied_paths import denied_paths
        from chatterm.backend.tools.stopping import in_stoppable_thread

        around = self._tools.around
        copies = await self._copies()
        if number:
            copy = _numbered(copies, number, "changed file")
        else:  # not what was itself taken back: that would bring the change again
            copy = next((copy for copy in copies if copy.tool != UNDO_TOOL), None)
        if copy is None:
            raise ChattermError("There is no change of a tool to take back.", "/tools lists what is kept.")
        denied = denied_paths(around.paths, around.environ)
        done = await in_stoppable_thread(
            lambda stop: take_back(copy.id, around.undo_copies, denied, stop), "chatterm-undo"
        )
        what = "is gone again" if copy.was_new else "is what it was before"
        self._screen.pane.notices.show(clean_line(f"{visible(done.path)} {what}.", 300))

    def _show(self, title: str, page: str) -> None:
        copy = self._screen.started.value.copy
        self._screen.front.push_screen(PageBox(title, page, lambda text: self._screen.told(copy(text))))

    @property
    def _tools(self) -> ToolFace:
        if self._given is None:
            raise ToolError("There are no tools here.")
        return self._given


def _numbered(items: Sequence[T], typed: str, what: str) -> T:
    number = typed_number(typed) or 0
    if not 0 < number <= len(items):
        raise ChattermError(f"There is no {what} {clean_line(typed, 20)!r}.", "/tools lists them by number.")
    return items[number - 1]
