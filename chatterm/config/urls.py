"""Which addresses of services are accepted, and the forms of OLLAMA_HOST."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote, urlsplit

_HOST = re.compile(r"[a-z0-9._:-]+")
_EXAMPLE = "Write it like http://127.0.0.1:8080/v1 or https://host/v1."


def address_fault(url: str | None, allow_insecure: bool, key: str) -> tuple[str, str]:
    """What speaks against sending requests and a key to `url`, and a hint; both empty if nothing does.

    Only http and https addresses pass, and plain http only for this machine or with `allow_insecure`. `key`
    is the setting that the hint names. Quotes no more than scheme and host: the rest may be a password.
    """
    return next(_faults(url, allow_insecure, key), ("", "")) if url is not None else ("", "")


def is_loopback(host: str) -> bool:
    """Whether the host, a name or an address without port, is this machine."""
    host = host.strip("[]").lower().rstrip(".")
    if host in ("localhost", "127.0.0.1") or host.endswith(".localhost"):
        return True
    import ipaddress  # costs 4 ms, and most hosts were told by their name above

    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def is_local(url: str) -> bool:
    """Whether the address is on this machine."""
    return is_loopback(urlsplit(url).hostname or "")


def service_url(variable: str, value: str) -> str:
    """What the variable of a service says, as an address, where it says something else than an address."""
    match variable:
        case "OLLAMA_HOST":
            return ollama_url(value)
        case "CLOUDFLARE_ACCOUNT_ID":
            return f"https://api.cloudflare.com/client/v4/accounts/{quote(value, safe='')}/ai/v1"
        case _:
            return value


def ollama_url(value: str) -> str:
    """OLLAMA_HOST, as Ollama itself reads it, as the URL a client connects to.

    `host`, `host:port`, `:port`, `[v6]:port`, each with or without scheme and path. Without a scheme the port
    is 11434, with one its usual port. An address that means "listen everywhere" becomes this machine's own.
    """
    scheme, separator, rest = value.strip().partition("://")
    if not separator:
        scheme, rest, port = "http", scheme, "11434"
    else:
        port = "443" if scheme == "https" else "80"
    authority, slash, path = rest.partition("/")
    host = authority
    if match := re.fullmatch(r"(\[.*\]|[^:]*):([^:]*)", authority):
        host, port = match[1], match[2] or port
    host = host.strip("[]")
    host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}{slash}{path}".rstrip("/")


def _faults(url: str, allow_insecure: bool, key: str) -> Iterator[tuple[str, str]]:
    """What is wrong with an address, the first thing first, each with a hint."""
    if not all("!" <= character <= "~" or character >= "\u00a1" for character in url):
        yield "it holds a space or a control character", _EXAMPLE
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # its text may quote a password
        yield "its host or its port cannot be read", _EXAMPLE
        return
    scheme, host = parts.scheme, parts.hostname or ""
    if scheme not in ("http", "https"):
        yield f"its scheme is {scheme}:" if "://" in url and scheme else "it has no scheme", _EXAMPLE
    if "@" in parts.netloc:
        yield "it holds a user name or a password", "Put the key into an environment variable instead."
    if not host or port == 0:
        yield "it names no host and port to connect to", _EXAMPLE
    if "?" in url or "#" in url:
        yield f"behind {scheme}://{host} it holds a ? or a #", "Leave out what comes after the path."
    if not host.isascii():
        yield "its host is not written in ASCII", _international(host)
    if not _HOST.fullmatch(host):
        yield "its host holds a character that no host has", _EXAMPLE
    if scheme == "http" and not allow_insecure and not is_loopback(host):
        allow = key.removesuffix("base_url") + "allow_insecure"
        hint = f"Use https, or allow it with: chatterm config set {allow} true"
        yield f"http://{parts.netloc} is not this machine, and http sends everything in the clear", hint


def _international(host: str) -> str:
    try:
        return f"If {host.encode('idna').decode()} is what you mean, write that."
    except UnicodeError:
        return _EXAMPLE
