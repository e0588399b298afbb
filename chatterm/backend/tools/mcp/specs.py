"""From the settings of an MCP server to what is started: full paths, the environment, and variables filled in."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Mapping

import msgspec

from chatterm.backend.tools.mcp.values import McpServerSpec, McpStartRequest
from chatterm.backend.tools.programs.processes import environment
from chatterm.config.model import McpServerSettings
from chatterm.config.urls import address_fault
from chatterm.core.clean import clean_line

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


def server_specs(
    servers: Mapping[str, McpServerSettings], root: str, environ: Mapping[str, str]
) -> tuple[McpServerSpec, ...]:
    """What is started of the servers of the settings; those that are not enabled are left out."""
    return tuple(server_spec(name, each, root, environ) for name, each in servers.items() if each.enabled)


def server_spec(
    name: str, settings: McpServerSettings, root: str, environ: Mapping[str, str]
) -> McpServerSpec:
    """What the settings of a server come to. Looks for its program; starts nothing.

    `root` is where a program without a folder of its own is started. What cannot be used is the `fault`.
    """
    folder = os.path.abspath(os.path.join(root, os.path.expanduser(settings.folder or "")))
    missing: list[str] = []
    own = {key: _filled(value, environ, missing) for key, value in settings.env.items()}
    headers = {key: _filled(value, environ, missing) for key, value in settings.headers.items()}
    child = environment(environ, own, settings.pass_env)
    argv, fault = _program(settings.command, folder, child.get("PATH", "")) if settings.command else ((), "")
    said = [name, argv, settings.url, settings.env, sorted(settings.pass_env), settings.headers]
    said.append(folder if argv else "")
    request = McpStartRequest(
        server=name,
        argv=argv,
        folder=folder if argv else "",
        variables=tuple(sorted(child)) if argv else (),
        url="" if argv else settings.url or "",
        headers=() if argv else tuple(sorted(headers)),
        digest=hashlib.sha256(msgspec.json.encode(said, order="deterministic")).hexdigest(),
    )
    if missing:
        fault = f"it needs the variable {missing[0]}, which is not set"
    return McpServerSpec(
        request=request,
        environment=child,
        headers=headers,
        timeout_seconds=settings.timeout_seconds,
        fault=_settings_fault(name, settings, folder) or fault,
    )


def _program(command: tuple[str, ...], folder: str, search: str) -> tuple[tuple[str, ...], str]:
    """The command with its program as a full path, and what is wrong with it."""
    word = os.path.expanduser(command[0])
    path = os.path.normpath(os.path.join(folder, word)) if "/" in word else shutil.which(word, path=search)
    if path is None:
        return command, f"there is no program {clean_line(word, 80)!r} on your PATH"
    fault = ""
    if not os.path.isfile(path):
        fault = f"there is no program {clean_line(path, 200)!r}"
    elif not os.access(path, os.X_OK):
        fault = f"{clean_line(path, 200)!r} is not executable"
    return (path, *command[1:]), fault


def _settings_fault(name: str, settings: McpServerSettings, folder: str) -> str:
    key = f"mcp.{name}"
    if settings.command and settings.url:
        return f"[{key}] has both a command and a url; take one of them out"
    if settings.command:
        if any("\0" in word for word in settings.command):
            return f"{key}.command holds a NUL"
        return "" if os.path.isdir(folder) else f"its folder {clean_line(folder, 200)!r} is not there"
    if not settings.url:
        return f"[{key}] has neither a command nor a url"
    # Headers must not travel in the clear, and unlike a provider a server has no setting that allows it.
    reason, _ = address_fault(settings.url.partition("?")[0], False, f"{key}.base_url")
    if reason or "#" in settings.url:
        return f"{key}.url cannot be used: {reason or 'it holds a #'}"
    return ""


def _filled(value: str, environ: Mapping[str, str], missing: list[str]) -> str:
    """The value with `${NAME}` and `${NAME:-default}` replaced; names that are not set are added to `missing`."""

    def one(match: re.Match[str]) -> str:
        found = environ.get(match[1]) or match[2]
        if found is None:
            missing.append(match[1])
        return found or ""

    return _VARIABLE.sub(one, value)
