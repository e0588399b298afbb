"""Which addresses of the web a model may have fetched: plain ones of hosts that everybody can reach."""

from __future__ import annotations

import ipaddress
import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from urllib.parse import quote, urlsplit

from chatterm.core.clean import clean_line, is_clean
from chatterm.core.errors import InvalidCallError, ToolDeniedError
from chatterm.core.web import WebAddress, usual_port

MOST_CHARACTERS = 8_000
"""Longest address; servers take no longer ones."""

NEXT_STEP = "Use the plain http or https address of a public host, like https://example.com/page."

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_BRACKETS = re.compile(r"\[[0-9a-fA-F:.]+\](:[0-9]+)?")
_NO_IPV6 = "has a host in brackets that is no IPv6 address"
_LOOKS_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")
_SAFE = "!$%&'()*+,-./:;=?@[]_|~"
_PRIVATE_NAMES = ("localhost", "local", "internal", "intranet", "lan", "home", "corp", "home.arpa", "onion")

_REFUSED_4 = tuple(
    IPv4Network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15"),
        *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3"),
        "168.63.129.16/32",  # what a machine in Azure asks for its secrets
    )
)
_PUBLIC_6 = IPv6Network("2000::/3")
_REFUSED_6 = tuple(
    IPv6Network(network)
    # Teredo, benchmarks, ORCHID and documentation; 6to4 carries any IPv4 address
    for network in (
        *("2001::/32", "2001:2::/48", "2001:10::/28", "2001:20::/28", "2001:db8::/32", "2002::/16"),
        "3fff::/20",
    )
)
_CARRIES_4 = IPv6Network("64:ff9b::/96")
"""NAT64: the way to IPv4 hosts in networks that only have IPv6; the last 32 bits say which."""


def is_public(address: str) -> bool:
    """Whether an IP address, in its usual form, is one of the open internet."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address):
        if parsed.scope_id is not None:
            return False
        if (carried := _carried(parsed)) is None:
            return parsed in _PUBLIC_6 and not any(parsed in network for network in _REFUSED_6)
        parsed = carried
    return parsed.is_global and not any(parsed in network for network in _REFUSED_4)


def _carried(address: IPv6Address) -> IPv4Address | None:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in _CARRIES_4 else None


def read_address(text: str) -> WebAddress:
    """An address as a model wrote it, without looking anything up.

    Raises `InvalidCallError` for one that can be read in more than one way, or is none; `ToolDeniedError` for
    one that is not of http or https, or has a user's name in it.
    """
    if not text or len(text) > MOST_CHARACTERS:
        raise _invalid("must have 1 to 8,000 characters")
    if found := next((each for each in text if each == "\\" or each.isspace() or not is_clean(each)), ""):
        raise _invalid(f"holds the character U+{ord(found):04X}, which must be percent-encoded or left out")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise _invalid(f"is none: {clean_line(str(error), 100)}") from None
    scheme = parts.scheme.lower()
    if scheme not in ("http", "https"):
        raise ToolDeniedError(f"Only http and https addresses are fetched. {NEXT_STEP}")
    if "@" in parts.netloc:
        raise ToolDeniedError(f"An address with a user's name or password is not fetched. {NEXT_STEP}")
    if port == 0 or parts.netloc.endswith(":"):
        raise _invalid("has no usable port")
    target = quote(parts.path or "/", safe=_SAFE) + (
        f"?{quote(parts.query, safe=_SAFE)}" if parts.query else ""
    )
    return WebAddress(
        scheme=scheme,
        host=_host(parts.netloc, parts.hostname or ""),
        port=port or usual_port(scheme),
        target=target,
    )


def refuse_private(address: WebAddress) -> None:
    """Raises `ToolDeniedError` where name or number of the host alone say that it is not public."""
    if _is_ip(address.host):
        is_private = not is_public(address.host)
    else:
        is_private = "." not in address.host or any(
            address.host.endswith(f".{name}") for name in _PRIVATE_NAMES
        )
    if is_private:
        raise ToolDeniedError(not_public(address.host))


def not_public(host: str) -> str:
    """What a model is told of a host of this machine or of a private network."""
    return (
        f"{clean_line(host, 100)} is not a public host; this machine and private networks are never fetched."
    )


def _host(netloc: str, name: str) -> str:
    if "[" in netloc or "]" in netloc:
        if not _BRACKETS.fullmatch(netloc):
            raise _invalid(_NO_IPV6)
        try:
            return IPv6Address(name).compressed
        except ValueError:
            raise _invalid(_NO_IPV6) from None
    host = _ascii(name)
    labels = host.split(".")
    if not host or len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise _invalid("has no host that could exist")
    if _LOOKS_NUMERIC.fullmatch(
        labels[-1]
    ):  # 127.1, 0x7f.1, 2130706433, 0177.0.0.1: systems read these differently
        try:
            return str(IPv4Address(host))
        except ValueError:
            raise _invalid("has a number for a host, which must be written as four decimal ones") from None
    return host


def _ascii(name: str) -> str:
    if not name.isascii():
        import idna  # 10 ms, for the few names that have other letters

        try:
            name = idna.encode(name, uts46=True).decode()
        except (idna.IDNAError, UnicodeError):
            raise _invalid("has a host whose letters are not allowed in names") from None
    return name.lower().removesuffix(".")


def _is_ip(host: str) -> bool:
    return ":" in host or host.rpartition(".")[2].isdigit()


def _invalid(why: str) -> InvalidCallError:
    return InvalidCallError(f"The address {why}. {NEXT_STEP}")
