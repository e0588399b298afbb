"""What MCP servers offer to a prompt: prompts as slash commands, resources as words after an `@`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from chatterm.backend.attachments import LoadedFile, loaded_from
from chatterm.backend.daemon_thread import in_daemon_thread
from chatterm.core.clean import clean, clean_line, visible
from chatterm.core.errors import AttachmentError, ChattermError, ToolError
from chatterm.tui.bindings import ParsedCommand, UnknownCommand
from chatterm.tui.command import Command

if TYPE_CHECKING:
    from chatterm.backend.tools.mcp.servers import McpServers
    from chatterm.backend.tools.mcp.values import McpArgument, McpPrompt, McpResource

PROMPT = "prompt"
"""Id of the command that gets the text of a prompt; its argument is the prompt's name and what follows it."""
MOST_OFFERED = 50
MOST_WORD = 500
MOST_PIECES = 20

_SLASH_WORD = re.compile(r"/([A-Za-z0-9_-]{1,64})(?:\s+|\Z)")
_NAMED = re.compile(r'([^\s="]+)=("[^"]*"|\S*)(?:\s+|\Z)')
_MENTION = re.compile(r"(?:^|(?<=\s))@(?=\S)")


class McpOffers:
    """The offers of the servers that are ready; none where there are no servers."""

    def __init__(self, servers: McpServers | None) -> None:
        self._servers = servers

    # ---- prompts -----------------------------------------------------------------------------

    def commands(self) -> list[Command]:
        """The prompts as slash commands, described as the server says."""
        return [_command(prompt) for prompt in self._prompts().values()]

    def prompt(self, name: str) -> McpPrompt:
        """The prompt whose slash command has this name. Raises `ChattermError`."""
        if (found := self._prompts().get(name)) is None:
            raise ChattermError(
                f"There is no prompt {clean_line(name, 64)!r}.", "/mcp shows what servers offer."
            )
        return found

    def parse(self, text: str) -> ParsedCommand | UnknownCommand | None:
        """Read `/SERVER__PROMPT arguments`; None for what names no server."""
        if self._servers is None or (found := _SLASH_WORD.match(text)) is None:
            return None
        known = self._prompts()
        if (name := found[1]) in known:
            return ParsedCommand(PROMPT, text[1:].strip())
        if not any(name.startswith(f"{server}__") for server in self._names()):
            return None
        near = difflib.get_close_matches(name, known, n=1)
        return UnknownCommand(f"/{name}", f"/{near[0]}" if near else None)

    def _prompts(self) -> dict[str, McpPrompt]:
        found: dict[str, McpPrompt] = {}
        for prompt in self._servers.prompts() if self._servers is not None else ():
            found.setdefault(prompt.command, prompt)
        return found

    # ---- resources ---------------------------------------------------------------------------

    def mentions(self, typed: str) -> list[tuple[str, str]]:
        """Resources that what was typed after an `@` may mean: the word for each, and what it is."""
        wanted, found = typed.casefold(), list[tuple[str, str]]()
        for resource in self._resources():
            word = resource_word(resource)
            if word is not None and (wanted in word.casefold() or wanted in resource.name.casefold()):
                found.append((word, clean_line(resource.name, 60)))
            if len(found) == MOST_OFFERED:
                break
        return found

    def word(self, wanted: str) -> str:
        """The word for the resource of this name, URI or word. Raises `ChattermError` unless it is exactly one."""
        fits = [each for each in self._resources() if wanted in (each.name, each.uri, _word(each))]
        if not fits:
            name = clean_line(wanted, 60)
            raise ChattermError(f"There is no resource {name!r}.", "An @ in the prompt lists them.")
        if len(fits) > 1:
            words = ", ".join(clean_line(_word(each), 60) for each in fits[:3])
            raise ChattermError(f"{len(fits)} resources are called so.", f"Name one, such as: {words}.")
        if (word := resource_word(fits[0])) is None:
            raise ChattermError(
                "The URI of this resource cannot be written in a prompt; nothing was attached."
            )
        return word

    async def read(self, mentions: Iterable[tuple[str, ...]]) -> tuple[list[LoadedFile], set[str]]:
        """The pieces of the resources that are mentioned, and the words for them; each mention in its readings.

        Raises `AttachmentError` for what a server does not offer now or cannot be sent.
        """
        found: dict[str, McpResource] = {}
        for readings in mentions:
            known = [each for each in self._resources() if _word(each) in readings]
            if known:
                best = min(known, key=lambda each: readings.index(_word(each)))
                found[_word(best)] = best
            elif self._names_server(readings[-1]):
                shown = clean_line(readings[-1], 80)
                raise AttachmentError(f"No server offers @{shown} now.", "/mcp shows how each server does.")
        return [file for each in found.values() for file in await self._read(each)], set(found)

    async def _read(self, resource: McpResource) -> list[LoadedFile]:
        assert self._servers is not None
        name = clean_line(resource.name or resource.uri, 80)
        try:
            pieces = await self._servers.read_resource(resource)
        except ToolError as error:
            raise AttachmentError(f"{name} cannot be read: {error.message}", error.hint) from None
        if not 0 < len(pieces) <= MOST_PIECES:
            raise AttachmentError(f"{name} has {len(pieces)} pieces.", f"1 to {MOST_PIECES} can be attached.")
        work = [partial(loaded_from, clean_line(piece.name, 80) or name, piece.data) for piece in pieces]
        return [await in_daemon_thread(each, "chatterm-file") for each in work]

    def _resources(self) -> tuple[McpResource, ...]:
        return self._servers.resources() if self._servers is not None else ()

    def _names_server(self, word: str) -> bool:
        """Whether this is `SERVER:SCHEME:...`; `SERVER:anything` may be meant as text."""
        return any(word.startswith(f"{name}:") and ":" in word[len(name) + 1 :] for name in self._names())

    def _names(self) -> list[str]:
        return [status.server for status in self._servers.statuses()] if self._servers is not None else []


def resource_word(resource: McpResource) -> str | None:
    """How a prompt names a resource after an `@`; None where its URI has what cannot be typed or seen."""
    word = _word(resource)
    return word if len(word) <= MOST_WORD and '"' not in word and visible(word) == word else None


def arguments_of(prompt: McpPrompt, text: str) -> Mapping[str, str]:
    """Read `name=value` words, or all of the text for the one argument. Raises `ChattermError`."""
    known = {argument.name: argument for argument in prompt.arguments}
    usage = _command(prompt)
    if text and not known:
        raise ChattermError(f"{usage.slash[0]} takes nothing after it.")
    words = list(_NAMED.finditer(text))
    is_named = "".join(word[0] for word in words) == text and all(word[1] in known for word in words)
    sole = _sole(prompt.arguments)
    if is_named:
        found = {word[1]: word[2].strip('"') for word in words}
    elif sole is not None:
        found = {sole.name: text.removeprefix(f"{sole.name}=")}
    else:
        raise ChattermError(
            f"{usage.slash[0]} takes words such as name=value.", f"{usage.slash[0]} {usage.argument}"
        )
    for name, argument in known.items():
        if argument.required and not found.get(name):
            raise ChattermError(
                f"{usage.slash[0]} needs {clean_line(name, 60)}.", f"{usage.slash[0]} {usage.argument}"
            )
    return found


def harmless(text: str) -> str:
    """A text that a server wrote, as a draft: what is sent is what is seen, and it does nothing but be sent.

    No word of it attaches a file or a resource, and none at its start is a command.
    """
    text = _MENTION.sub(r"\\@", clean(text).strip("\n"))
    return f" {text}" if text[:1] in ("/", ":") else text


def _sole(arguments: tuple[McpArgument, ...]) -> McpArgument | None:
    """The argument that is meant where no name is given: the only one, or the only one that is required."""
    wanted = [each for each in arguments if each.required] if len(arguments) > 1 else arguments
    return wanted[0] if len(wanted) == 1 else None


def _command(prompt: McpPrompt) -> Command:
    words = [
        shown if argument.required else f"[{shown}]"
        for argument in prompt.arguments[:6]
        for shown in (f"{clean_line(argument.name, 40)}=…",)
    ]
    said = clean_line(prompt.description, 200) or clean_line(prompt.name, 60)
    word = f"/{prompt.command}"
    help_text = f"{word} is a prompt of the server {prompt.server}."
    return Command(PROMPT, f"{prompt.server}: {said}", help_text, (), (word,), " ".join(words))


def _word(resource: McpResource) -> str:
    return f"{resource.server}:{resource.uri}"
