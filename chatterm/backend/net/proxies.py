"""Which proxy the environment names for a host. This machine and `.local` hosts are reached without one."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from chatterm.config.urls import is_loopback
from chatterm.core.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyAddress:
    """A proxy, the variable that names it, and how it lets us in."""

    variable: str
    url: str
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @property
    def is_tls(self) -> bool:
        """Whether the way to the proxy itself is encrypted."""
        return self.url.startswith("https://")


def proxy_for(base_url: str, environment: Mapping[str, str]) -> ProxyAddress | None:
    """The proxy for requests to `base_url`; None for a direct way.

    Reads HTTPS_PROXY or HTTP_PROXY, then ALL_PROXY, and NO_PROXY; the lower-case name of each wins. Raises a
    `ConfigError` that names the variable if its value is no http or https proxy.
    """
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    if is_near(host):
        return None
    for variable in (f"{parts.scheme}_proxy", "all_proxy"):
        for name in (variable, variable.upper()):
            if value := environment.get(name, "").strip():
                excluded = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
                return None if _is_excluded(host, parts.port, excluded) else _parse(name, value, host)
    return None


def is_near(host: str) -> bool:
    """Whether the host is this machine or announced on the local link."""
    if is_loopback(host) or host.lower().rstrip(".").endswith(".local"):
        return True
    address = _address(host)
    return address is not None and address.is_unspecified


def _parse(variable: str, value: str, host: str) -> ProxyAddress:
    hint = f"Set {variable} to an address like http://proxy:3128, or add {host} to NO_PROXY."
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        name, port = parts.hostname, parts.port
    except ValueError:
        raise ConfigError(f"{variable} does not hold the address of a proxy", hint, key=variable) from None
    if parts.scheme not in ("http", "https"):
        raise ConfigError(
            f"{variable} names a proxy of the kind {parts.scheme!r}; only http and https can be used",
            hint,
            key=variable,
        )
    if not name:
        raise ConfigError(f"{variable} does not name the host of a proxy", hint, key=variable)
    authority = f"[{name}]" if ":" in name else name
    return ProxyAddress(
        variable=variable,
        url=f"{parts.scheme}://{authority}:{port or (443 if parts.scheme == 'https' else 80)}",
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )


def _is_excluded(host: str, port: int | None, excluded: str) -> bool:
    return any(_matches(host, port, entry.strip().lower()) for entry in excluded.split(",") if entry.strip())


def _matches(host: str, port: int | None, entry: str) -> bool:
    if entry == "*":
        return True
    address = _address(host)
    if address is not None and "/" in entry:
        try:
            return address in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    try:
        parts = urlsplit(f"//{f'[{entry}]' if _address(entry) and ':' in entry else entry}")
        name, only_port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if only_port is not None and only_port != port:
        return False
    name = name.removeprefix("*").removeprefix(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
