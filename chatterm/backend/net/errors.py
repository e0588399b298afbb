"""What goes wrong beneath HTTP, told in chatterm's own errors.

No text made here holds a key, a body, or more of an address than its host and port: the texts of the HTTP
client may quote header values, so they are never passed on.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpcore
import httpx

from chatterm.backend.net.exchange import Exchange
from chatterm.backend.net.progress import late_first_event
from chatterm.backend.providers.base import Endpoint, WireRequest
from chatterm.core.errors import (
    ChattermError,
    ConfigError,
    ConnectionFailedError,
    ProtocolError,
    RequestTimeoutError,
    StaleConnectionError,
)
from chatterm.core.turn import Stage


@dataclass(frozen=True, slots=True)
class Failure:
    """An error of the HTTP client, and where in the exchange it came."""

    error: Exception
    request: WireRequest
    exchange: Exchange

    @property
    def endpoint(self) -> Endpoint:
        """The service that was asked."""
        return self.request.endpoint

    @property
    def is_proxy(self) -> bool:
        """Whether the connection was made to a proxy."""
        peer = self.exchange.peer_host
        return peer is not None and peer != urlsplit(self.request.url).hostname

    @property
    def peer(self) -> str:
        """What was connected to, as `HOST:PORT`, named as a proxy if it is one."""
        host, port = self.exchange.peer_host, self.exchange.peer_port
        if host is None:
            return self.endpoint.host
        name = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        return f"the proxy {name}" if self.is_proxy else name

    @property
    def fault(self) -> BaseException:
        """What the failure came from."""
        return self.exchange.fault or self.error


def translated(error: Exception, request: WireRequest, exchange: Exchange) -> ChattermError:
    """The chatterm error for one of httpx, httpcore, ssl or the sockets. Raises `error` if it is none."""
    failure = Failure(error, request, exchange)
    for kind in type(error).__mro__:
        if (tell := TELLERS.get(kind)) is not None:
            return tell(failure)
    raise error


def _lost(failure: Failure) -> ChattermError:
    """The connection ended under us: before an answer, or in the middle of it."""
    host, exchange = failure.endpoint.host, failure.exchange
    if exchange.answered:
        return ConnectionFailedError(
            f"the connection to {host} broke off in the middle of the reply",
            "What came is kept.",
            retryable=True,
        )
    if exchange.is_reused and not exchange.received:
        return StaleConnectionError(
            f"{host} had closed the connection that was kept open", "Try again.", retryable=True
        )
    if exchange.stage is Stage.SECURING:
        return ConnectionFailedError(
            f"{failure.peer} closed the connection during the TLS handshake",
            "Check that base_url begins with the right one of http:// and https://.",
        )
    return ConnectionFailedError(
        f"{host} closed the connection without an answer", "Try again in a moment.", retryable=True
    )


def _not_connected(failure: Failure) -> ChattermError:
    fault = failure.fault
    if isinstance(fault, ssl.SSLError):
        return _not_secured(failure, fault)
    if failure.exchange.stage is Stage.SECURING:
        return _lost(failure)
    if isinstance(fault, socket.gaierror | UnicodeError):
        return _not_found(failure)
    reason = "no connection"
    if isinstance(fault, ConnectionRefusedError):
        reason = "refused"
    elif isinstance(fault, OSError) and fault.strerror:
        reason = fault.strerror.lower()
    return ConnectionFailedError(
        f"cannot connect to {failure.peer} ({reason})", _connect_hint(failure), retryable=True
    )


def _connect_hint(failure: Failure) -> str:
    endpoint = failure.endpoint
    if failure.is_proxy:
        return f"Check the proxy settings of the environment, or add {endpoint.host} to NO_PROXY."
    if endpoint.provider == "ollama":
        return "Is it running? Start it with: ollama serve"
    if endpoint.is_local:
        return f"Is it running? Start it, or change base_url in [providers.{endpoint.provider}]."
    return f"Check the network connection, and base_url in [providers.{endpoint.provider}]."


def _not_found(failure: Failure) -> ChattermError:
    host = failure.exchange.peer_host or failure.endpoint.host
    name = f"the proxy {host}" if failure.is_proxy else host
    fault = failure.fault
    if isinstance(fault, socket.gaierror) and fault.errno == socket.EAI_AGAIN:
        return ConnectionFailedError(
            f"cannot find {name}: the name service does not answer",
            "Check the network connection.",
            retryable=True,
        )
    return ConnectionFailedError(
        f"cannot find {name}: no such host",
        f"Check its spelling in [providers.{failure.endpoint.provider}] base_url.",
    )


def _not_secured(failure: Failure, error: ssl.SSLError) -> ChattermError:
    name = failure.peer
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = error.verify_message.rstrip(".") or "not valid"
        return ConnectionFailedError(
            f"the certificate of {name} cannot be trusted: {reason}",
            f"If you trust this server, set ca_file in [providers.{failure.endpoint.provider}] to the "
            "certificate of its authority.",
        )
    told: str = getattr(error, "reason", None) or "handshake failed"  # errors made in Python have no reason
    if told in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG"):
        return ConnectionFailedError(
            f"{name} does not speak TLS",
            "If it is meant to be reached without, begin base_url with http:// instead of https://.",
        )
    if "PROTOCOL" in told:
        return ConnectionFailedError(
            f"{name} speaks only a version of TLS that is not safe any more",
            "Ask its operator to turn on TLS 1.2 or newer.",
        )
    return ConnectionFailedError(
        f"no secure connection to {name}: {told.replace('_', ' ').lower()}",
        f"Check base_url and ca_file in [providers.{failure.endpoint.provider}].",
    )


def _connect_timeout(failure: Failure) -> ChattermError:
    seconds = f"{failure.request.limits.connect_seconds:g} s"
    hint = (
        f"Check the network connection, or raise connect_seconds in [providers.{failure.endpoint.provider}]."
    )
    if failure.exchange.stage is Stage.RESOLVING:
        host = failure.exchange.peer_host or failure.endpoint.host
        message = f"cannot find {host}: the look-up took longer than {seconds}"
    elif failure.exchange.stage is Stage.SECURING:
        message = f"{failure.peer} did not finish the TLS handshake within {seconds}"
    else:
        message = f"cannot connect to {failure.peer}: no answer within {seconds}"
    return RequestTimeoutError(message, hint, retryable=True)


def _write_timeout(failure: Failure) -> ChattermError:
    return RequestTimeoutError(
        f"{failure.endpoint.host} took no data for {failure.request.limits.write_seconds:g} s "
        "while the request was sent",
        "Try again, or raise write_seconds in [network].",
        retryable=True,
    )


def _read_timeout(failure: Failure) -> ChattermError:
    return late_first_event(failure.endpoint, failure.request.limits)


def _pool_timeout(failure: Failure) -> ChattermError:
    return RequestTimeoutError(
        f"all connections to {failure.endpoint.host} are in use",
        "Wait for a reply to end, or raise pool_maxsize in [network].",
        retryable=True,
    )


def _bad_answer(failure: Failure) -> ChattermError:
    """httpcore says so of a closed connection and of bytes that break the rules of HTTP alike."""
    if failure.exchange.answered or not failure.exchange.received:
        return _lost(failure)
    return ProtocolError(
        f"{failure.peer} answered with something that is not HTTP",
        "Check the port in base_url, and whether it begins with the right one of http:// and https://.",
        retryable=True,
    )


def _bad_request(failure: Failure) -> ChattermError:
    endpoint = failure.endpoint
    source = f"the key from {endpoint.key_source}" if endpoint.key_source else "the key"
    return ConfigError(
        f"the request to {endpoint.host} cannot be sent: a header holds a character that HTTP does not allow",
        f"Check {source} and the headers in [providers.{endpoint.provider}] for line breaks and accents.",
        key=f"providers.{endpoint.provider}.headers",
    )


def _bad_address(failure: Failure) -> ChattermError:
    endpoint = failure.endpoint
    return ConfigError(
        f"{endpoint.host or 'the empty text'} is not an address that can be asked",
        f"Set base_url in [providers.{endpoint.provider}] to an address like https://host/v1.",
        key=f"providers.{endpoint.provider}.base_url",
    )


def _proxy_refused(failure: Failure) -> ChattermError:
    # httpcore's text is the status line of the proxy, whose words are the proxy's own
    status = str(failure.error)[:3]
    shown = f" with status {status}" if status.isdigit() else ""
    return ConnectionFailedError(
        f"{failure.peer} refused the way to {failure.endpoint.host}{shown}",
        "Check user and password in the proxy's variable." if status == "407" else _connect_hint(failure),
    )


def _misread(failure: Failure) -> ChattermError:
    return ProtocolError(
        f"the answer of {failure.endpoint.host} cannot be read ({type(failure.error).__name__})",
        "Try again; if it stays so, the server does not speak the API it is taken for.",
    )


Teller = Callable[[Failure], ChattermError]

TELLERS: dict[type, Teller] = {
    kind: teller
    for teller, kinds in (
        (_not_connected, (httpx.ConnectError, httpcore.ConnectError, ssl.SSLError, OSError)),
        (_not_found, (socket.gaierror,)),
        (_connect_timeout, (httpx.ConnectTimeout, httpcore.ConnectTimeout, TimeoutError)),
        (_write_timeout, (httpx.WriteTimeout, httpcore.WriteTimeout)),
        (_read_timeout, (httpx.ReadTimeout, httpcore.ReadTimeout)),
        (_read_timeout, (httpx.TimeoutException, httpcore.TimeoutException)),
        (_pool_timeout, (httpx.PoolTimeout, httpcore.PoolTimeout, httpcore.ConnectionNotAvailable)),
        (_lost, (httpx.ReadError, httpx.WriteError, httpx.CloseError, httpx.NetworkError)),
        (_lost, (httpcore.ReadError, httpcore.WriteError, httpcore.NetworkError)),
        (_lost, (httpx.HTTPError, httpx.RequestError, httpx.TransportError)),
        (_bad_answer, (httpx.RemoteProtocolError, httpx.ProtocolError)),
        (_bad_answer, (httpcore.RemoteProtocolError, httpcore.ProtocolError)),
        (_bad_request, (httpx.LocalProtocolError, httpcore.LocalProtocolError, UnicodeError)),
        (_bad_address, (httpx.InvalidURL, httpx.UnsupportedProtocol, httpcore.UnsupportedProtocol)),
        (_proxy_refused, (httpx.ProxyError, httpcore.ProxyError)),
        (_misread, (httpx.DecodingError, httpx.TooManyRedirects, httpx.HTTPStatusError)),
        (_misread, (httpx.CookieConflict, httpx.StreamError, httpx.StreamConsumed, httpx.StreamClosed)),
        (_misread, (httpx.ResponseNotRead, httpx.RequestNotRead)),
    )
    for kind in kinds
}
"""What tells of each class of error; of two that fit, the more derived class decides."""

NETWORK_ERRORS: tuple[type[Exception], ...] = (
    httpx.HTTPError,
    httpx.InvalidURL,
    httpx.CookieConflict,
    httpx.StreamError,
    httpcore.ConnectionNotAvailable,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
    httpcore.ProtocolError,
    httpcore.TimeoutException,
    httpcore.NetworkError,
    UnicodeError,
    OSError,
)
"""All that `translated` knows, by their roots."""
