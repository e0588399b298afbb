"""An address of the web, and what it answered."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class WebAddress:
    """An http or https address as it goes over the wire, all of it ASCII.

    `host` is lower-case, in punycode where the name has other letters, an IPv6 address without its brackets.
    `target` is path and query, with what HTTP does not allow percent-encoded; a fragment is never sent.
    """

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """The host, in brackets where it needs them, with the port where it is not the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == usual_port(self.scheme) else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """`SCHEME://HOST:PORT`, always with the port: what consent is for."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def url(self) -> str:
        """The whole address."""
        return f"{self.scheme}://{self.authority}{self.target}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebPage:
    """What an address answered, after redirects within its host.

    `body` is decoded from its transfer, empty where it is no text; `is_cut` says that there was more.
    `media_type` is lower-case without parameters, "" if none was told; so is `charset`. `bytes` is the size of the
    body, None where it was neither read nor told. `moved_to` is where another host is to be asked, which was not.
    """

    address: WebAddress
    status: int
    media_type: str = ""
    charset: str = ""
    body: bytes = b""
    bytes: int | None = None
    is_text: bool = True
    is_cut: bool = False
    moved_to: str = ""


def usual_port(scheme: str) -> int:
    """The port of http or https that an address need not name."""
    return 443 if scheme == "https" else 80
