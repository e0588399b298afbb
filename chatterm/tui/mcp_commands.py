"""Commands about MCP servers, and their prompts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from chatterm.core.clean import clean_line
from chatterm.core.errors import ChattermError, ToolError
from chatterm.tui.mcp_offers import McpOffers, arguments_of, harmless
from chatterm.tui.tool_pages import mcp_page
from chatterm.tui.widgets.completion import mention
from chatterm.tui.widgets.page_box import PageBox

if TYPE_CHECKING:
    from chatterm.backend.tools.mcp.servers import McpServers
    from chatterm.backend.tools.mcp.values import McpPrompt
    from chatterm.tui.screens.chat import ChatScreen

LOOK_SECONDS = 1.0
"""How often an open page looks at the servers anew."""


class McpCommands:
    """Each `do_ID` does the command of that id."""

    def __init__(self, screen: ChatScreen, given: McpServers | None, offers: McpOffers) -> None:
        self._screen, self._given, self._offers = screen, given, offers
        completion = screen.conversation.completion
        completion.more_commands, completion.more_mentions = offers.commands, offers.mentions

    async def do_mcp(self, argument: str) -> None:
        """Show the servers, or do something with one, or with a resource."""
        word, _, name = (part.strip() for part in argument.partition(" "))
        servers = self._servers
        if not argument:
            self._show(servers)
        elif word == "restart" and name:
            await servers.restart(_known(servers, name))
            self._screen.pane.notices.show(f"{name} is started anew; /mcp shows how it does.")
        elif word == "accept" and name:
            await servers.accept_change(_known(servers, name))
            self._screen.pane.notices.show(f"The tools of {name} are taken as they are now.")
        elif word == "attach" and name:
            self._screen.pane.composer.insert_text(f"{mention(self._offers.word(name))} ")
        else:
            raise ChattermError(
                f"/mcp cannot do {clean_line(argument, 60)!r}.",
                "/mcp restart NAME, accept NAME, or attach RESOURCE",
            )

    async def do_prompt(self, argument: str) -> None:
        """Get the text of a prompt into the composer, in the background: a server may take its time."""
        name, *rest = argument.split(maxsplit=1)
        prompt = self._offers.prompt(name)
        arguments = arguments_of(prompt, rest[0] if rest else "")
        self._screen.run_worker(partial(self._fill, prompt, arguments, f"/{argument}"))

    async def _fill(self, prompt: McpPrompt, arguments: Mapping[str, str], typed: str) -> None:
        pane = self._screen.pane
        try:
            text = harmless(await self._servers.prompt_text(prompt, arguments))
        except ChattermError as error:
            pane.return_to_composer(typed)
            pane.tell(error)
            return
        if not text.strip():
            pane.notices.show(f"The text of /{prompt.command} is empty.", "warning")
        pane.return_to_composer(text)

    # ---- the page ----------------------------------------------------------------------------

    def _show(self, servers: McpServers) -> None:
        """Open the page; how fast servers answer comes into it when they do."""
        servers.start()
        copy = self._screen.started.value.copy
        page = PageBox("MCP servers", _page(servers), lambda text: self._screen.told(copy(text)))
        pinged: set[str] = set()

        async def ping(name: str) -> None:
            try:
                await servers.ping(name)
            except ToolError:
                return  # no figure is shown, and its state says why
            page.show(_page(servers))

        def look() -> None:
            new = {status.server for status in servers.statuses() if status.state == "ready"} - pinged
            pinged.update(new)
            for name in new:
                self._screen.run_worker(partial(ping, name))
            page.show(_page(servers))

        self._screen.front.push_screen(page)
        look()
        page.set_interval(LOOK_SECONDS, look)

    @property
    def _servers(self) -> McpServers:
        if self._given is None:
            raise ChattermError("There are no MCP servers.", "/help mcp tells how the settings name one.")
        return self._given


def _page(servers: McpServers) -> str:
    return mcp_page(servers.statuses(), servers.changes())


def _known(servers: McpServers, name: str) -> str:
    names = [status.server for status in servers.statuses()]
    if name not in names:
        raise ChattermError(
            f"There is no MCP server {clean_line(name, 60)!r}.", f"Known: {', '.join(names)}."
        )
    return name
