"""The map from the errors of the HTTP client to ours is complete, and quotes none of them."""

from __future__ import annotations

import itertools
import socket
import ssl
from types import ModuleType

import httpcore
import httpx
import pytest

from chatterm.backend.net.errors import NETWORK_ERRORS, TELLERS, translated
from chatterm.backend.net.exchange import Exchange
from chatterm.core.errors import (
    ChattermError,
    ConfigError,
    ConnectionFailedError,
    ProtocolError,
    RequestTimeoutError,
    StaleConnectionError,
)
from chatterm.core.turn import Stage
from tests.net.asking import KEY, wire

BASE_URL = "http://api.example:8080/v1"
SECRETS = ("canary", KEY, "key=")


def error_classes(module: ModuleType) -> list[type[Exception]]:
    found = [
        value for value in vars(module).values() if isinstance(value, type) and issubclass(value, Exception)
    ]
    assert len(found) > 10
    return found


ALL = [*error_classes(httpx), *error_classes(httpcore)]


def exchange_at(
    stage: Stage, *, reused: bool = False, received: bool = False, answered: bool = False
) -> Exchange:
    exchange = Exchange(lambda *_: None, lambda _: None)
    exchange.stage, exchange.received, exchange.answered = stage, received, answered
    if not reused:
        exchange.peer_host, exchange.peer_port = "api.example", 8080
    return exchange


def made(kind: type[Exception]) -> Exception:
    error = kind.__new__(kind)
    error.args = (f"Illegal header value b'Bearer {KEY}' at {BASE_URL}?key=canary",)
    return error


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_every_error_has_its_own_words(kind: type[Exception]) -> None:
    assert kind in TELLERS and issubclass(kind, NETWORK_ERRORS)
    request = wire(BASE_URL, path="/chat?key=canary")
    for stage, reused, answered in itertools.product(Stage, (False, True), (False, True)):
        exchange = exchange_at(stage, reused=reused, answered=answered)
        error = translated(made(kind), request, exchange)
        assert error.hint and "api.example" in error.message and "/v1" not in error.message
        assert not [secret for secret in SECRETS if secret in str(error)]


@pytest.mark.parametrize(
    ("error", "stage", "kind"),
    [
        (httpcore.ConnectError(), Stage.CONNECTING, ConnectionFailedError),
        (httpx.ConnectTimeout("x"), Stage.CONNECTING, RequestTimeoutError),
        (httpcore.WriteTimeout(), Stage.SENDING, RequestTimeoutError),
        (httpcore.ReadTimeout(), Stage.WAITING, RequestTimeoutError),
        (httpcore.PoolTimeout(), Stage.PREPARING, RequestTimeoutError),
        (httpcore.ReadError(), Stage.WAITING, ConnectionFailedError),
        (httpx.DecodingError("x"), Stage.WAITING, ProtocolError),
        (httpx.InvalidURL("x"), Stage.PREPARING, ConfigError),
        (httpcore.LocalProtocolError(), Stage.SENDING, ConfigError),
        (ssl.SSLError(1, "x"), Stage.SECURING, ConnectionFailedError),
        (socket.gaierror(socket.EAI_NONAME, "x"), Stage.RESOLVING, ConnectionFailedError),
        (ConnectionResetError(), Stage.CONNECTING, ConnectionFailedError),
        (TimeoutError(), Stage.CONNECTING, RequestTimeoutError),
        (UnicodeEncodeError("ascii", "é", 0, 1, "x"), Stage.PREPARING, ConfigError),
    ],
)
def test_the_kind_of_error(error: Exception, stage: Stage, kind: type[ChattermError]) -> None:
    assert type(translated(error, wire(BASE_URL), exchange_at(stage))) is kind


@pytest.mark.parametrize(
    "error", [httpcore.ReadError(), httpcore.WriteError(), httpcore.RemoteProtocolError()]
)
def test_only_a_reused_connection_without_a_byte_of_an_answer_is_stale(error: Exception) -> None:
    def kind(**state: bool) -> type[ChattermError]:
        return type(translated(error, wire(BASE_URL), exchange_at(Stage.WAITING, **state)))

    assert kind(reused=True) is StaleConnectionError
    assert kind(reused=False) is ConnectionFailedError
    assert kind(reused=True, received=True) is not StaleConnectionError
    assert kind(reused=True, received=True, answered=True) is ConnectionFailedError


def test_an_error_of_another_kind_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        translated(ZeroDivisionError(), wire(BASE_URL), exchange_at(Stage.WAITING))


def test_a_key_with_forbidden_characters_names_where_the_key_is_from() -> None:
    request = wire(BASE_URL)
    error = translated(UnicodeError(), request, exchange_at(Stage.PREPARING))
    assert "the key and the headers in [providers.openai]" in error.hint
