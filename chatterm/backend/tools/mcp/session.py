"""Requests to one MCP server through the session of the SDK, each with a limit of time of our own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from chatterm.backend.tools.base import TellProgress, ToolOutput
from chatterm.backend.tools.mcp.result import contents_of, output_of, prompt_text
from chatterm.backend.tools.mcp.values import McpArgument, McpContent, McpPrompt, McpResource, McpToolEntry
from chatterm.core.clean import clean_line, well_formed
from chatterm.core.errors import InvalidCallError, ToolError, ToolTimeoutError

if TYPE_CHECKING:
    from mcp.client.session import ClientSession
    from mcp_types import PaginatedRequestParams

LIST_SECONDS = 20.0
READ_SECONDS = 30.0
PING_SECONDS = 5.0
LONGEST_SECONDS = 3600.0
"""The last bound of a call; the limit of the tool is much shorter, and kept by who runs it."""

MOST_PAGES = 20
MOST_PROMPTS = 200
MOST_RESOURCES = 1000

T = TypeVar("T")


class McpSession:
    """What can be asked of a server. Every method raises `ToolError`; its text may hold words of the server."""

    def __init__(self, sdk: ClientSession, server: str) -> None:
        self._sdk, self._server = sdk, server
        self._asked: set[asyncio.Task[Any]] = set()

    async def begin(self, seconds: float) -> str:
        """Agree on a version with the server; gives its name and version."""
        from mcp.shared.exceptions import MCPError
        from mcp_types import METHOD_NOT_FOUND, UNSUPPORTED_PROTOCOL_VERSION

        async def agree() -> None:
            try:
                await self._sdk.initialize()
            except MCPError as error:
                if error.code not in (METHOD_NOT_FOUND, UNSUPPORTED_PROTOCOL_VERSION):
                    raise
                await self._sdk.discover()

        await self._within(seconds, agree())
        info = self._sdk.server_info
        return clean_line(f"{info.name} {info.version}".strip(), 80) if info is not None else ""

    async def tools(self) -> list[McpToolEntry]:
        """All tools that the server lists."""
        found: list[McpToolEntry] = []

        async def page(params: PaginatedRequestParams | None) -> str | None:
            listed = await self._sdk.list_tools(params=params)
            found.extend(
                McpToolEntry(name=tool.name, description=tool.description or "", schema=tool.input_schema)
                for tool in listed.tools
            )
            return listed.next_cursor

        if (offers := self._sdk.server_capabilities) is None or offers.tools is not None:
            await self._pages(page)
        return found

    async def prompts(self) -> list[McpPrompt]:
        """The prompts that the server lists."""
        found: list[McpPrompt] = []

        async def page(params: PaginatedRequestParams | None) -> str | None:
            listed = await self._sdk.list_prompts(params=params)
            for prompt in listed.prompts:
                arguments = tuple(
                    McpArgument(
                        name=each.name, description=each.description or "", required=bool(each.required)
                    )
                    for each in prompt.arguments or ()
                )
                found.append(
                    McpPrompt(
                        server=self._server,
                        name=prompt.name,
                        command=f"{self._server}__{prompt.name}",
                        description=prompt.description or "",
                        arguments=arguments,
                    )
                )
            return listed.next_cursor

        if (offers := self._sdk.server_capabilities) is not None and offers.prompts is not None:
            await self._pages(page)
        return found[:MOST_PROMPTS]

    async def resources(self) -> list[McpResource]:
        """The resources that the server lists."""
        found: list[McpResource] = []

        async def page(params: PaginatedRequestParams | None) -> str | None:
            listed = await self._sdk.list_resources(params=params)
            found.extend(
                McpResource(
                    server=self._server,
                    uri=each.uri,
                    name=each.name,
                    description=each.description or "",
                    media_type=each.mime_type or "",
                    bytes=each.size,
                )
                for each in listed.resources
            )
            return listed.next_cursor

        if (offers := self._sdk.server_capabilities) is not None and offers.resources is not None:
            await self._pages(page)
        return found[:MOST_RESOURCES]

    async def call(
        self, name: str, arguments: Mapping[str, object], tell: TellProgress, seconds: float = LONGEST_SECONDS
    ) -> ToolOutput:
        """Call a tool. Cancelled, it tells the server so and does not wait for it."""
        from mcp_types import CallToolRequest, CallToolRequestParams, CallToolResult

        async def told(progress: float, total: float | None, message: str | None) -> None:
            far = f"{progress:g}" if total is None else f"{progress:g} of {total:g}"
            tell(f"{message} ({far})" if message else far)

        # Not the SDK's own call: it checks results by a schema of the server, and fetches what that refers to.
        request = CallToolRequest(params=CallToolRequestParams(name=name, arguments=dict(arguments)))
        work = self._sdk.send_request(request, CallToolResult, progress_callback=told)
        return output_of(await self._within(seconds, work))

    async def prompt(self, prompt: McpPrompt, arguments: Mapping[str, str]) -> str:
        """The text of a prompt with these arguments."""
        for argument in prompt.arguments:
            if argument.required and not arguments.get(argument.name):
                raise InvalidCallError(f"The prompt {prompt.command} needs {clean_line(argument.name, 60)}.")
        work = self._sdk.get_prompt(prompt.name, dict(arguments))
        return prompt_text(await self._within(READ_SECONDS, work))

    async def read(self, resource: McpResource) -> tuple[McpContent, ...]:
        """The contents of a resource."""
        return contents_of(resource, await self._within(READ_SECONDS, self._sdk.read_resource(resource.uri)))

    async def ping(self) -> float:
        """How long the server takes to answer, in seconds."""
        began = time.monotonic()
        await self._within(PING_SECONDS, self._sdk.send_ping())
        return time.monotonic() - began

    def drop(self) -> None:
        """Give up all requests, without a word to the server."""
        for task in self._asked:
            task.cancel()

    async def _pages(self, page: Callable[[PaginatedRequestParams | None], Awaitable[str | None]]) -> None:
        from mcp_types import PaginatedRequestParams

        async def all_pages() -> None:
            seen: set[str | None] = {None}
            cursor = await page(None)
            while cursor not in seen and len(seen) < MOST_PAGES:
                seen.add(cursor)
                cursor = await page(PaginatedRequestParams(cursor=cursor))

        await self._within(LIST_SECONDS, all_pages())

    async def _within(self, seconds: float, work: Coroutine[Any, Any, T]) -> T:
        """What the work brings, in a task of its own: the SDK may take 5 s to take note of a cancelled request."""
        from mcp.shared.exceptions import MCPError

        task = asyncio.create_task(work)
        self._asked.add(task)
        task.add_done_callback(self._forget)
        try:
            done, _ = await asyncio.wait({task}, timeout=seconds)
        finally:
            task.cancel()
        if not done:
            raise ToolTimeoutError(f"The server {self._server} did not answer within {seconds:g} s.")
        try:
            return task.result()
        except asyncio.CancelledError:
            raise ToolError(f"The server {self._server} was closed.") from None
        except MCPError as error:
            said = clean_line(well_formed(error.message), 300)
            raise ToolError(f"The server {self._server} answers with an error: {said}") from None
        except ValueError:  # of the check of an answer; its text quotes all of it
            raise ToolError(f"The server {self._server} sent an answer that cannot be read.") from None
        except RuntimeError as error:
            raise ToolError(
                f"The server {self._server} cannot do that: {clean_line(str(error), 200)}"
            ) from None

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._asked.discard(task)
        if not task.cancelled():
            task.exception()  # it was told, or nobody waits for it any more
