from __future__ import annotations

import pytest

from chatterm.config.urls import address_fault, is_loopback, ollama_url


@pytest.mark.parametrize(
    "url",
    [
        "https://api.openai.com/v1",
        "https://host.example:8443/a/b/",
        "http://127.0.0.1:8080/v1",
        "http://127.9.9.9",
        "http://localhost:1234/v1",
        "http://box.localhost/v1",
        "http://[::1]:11434",
        "HTTP://LOCALHOST:80/v1",
        "https://10.0.0.1/v1",
    ],
)
def test_good_addresses(url: str) -> None:
    assert address_fault(url, False, "base_url") == ("", "")


def test_no_address_is_no_fault() -> None:
    assert address_fault(None, False, "base_url") == ("", "")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "it has no scheme"),
        ("api.openai.com/v1", "it has no scheme"),
        ("localhost:8080/v1", "it has no scheme"),
        ("//host/v1", "it has no scheme"),
        ("file:///etc/passwd", "its scheme is file:"),
        ("ftp://host", "its scheme is ftp:"),
        ("javascript:alert(1)", "it has no scheme"),
        ("https://", "it names no host"),
        ("https:///v1", "it names no host"),
        ("https://:8080", "it names no host"),
        ("https://host:0", "it names no host and port"),
        ("https://host:99999", "its host or its port cannot be read"),
        ("https://host:canary", "its host or its port cannot be read"),
        ("https://[::1", "its host or its port cannot be read"),
        ("https://user:canary@host/v1", "a user name or a password"),
        ("https://canary@host/v1", "a user name or a password"),
        ("https://host\\@evil/v1", "a user name or a password"),
        ("https://host/v1?key=canary", "a ? or a #"),
        ("https://host/v1#canary", "a ? or a #"),
        ("https://ho st/v1", "a space or a control character"),
        (" https://host/v1", "a space or a control character"),
        ("https://host/v1\n", "a space or a control character"),
        ("https://host\0.evil/v1", "a space or a control character"),
        ("https://host\x1b[2J/v1", "a space or a control character"),
        ("https://bücher.example/v1", "its host is not written in ASCII"),
        ("https://ho%73t/v1", "a character that no host has"),
        ("http://host.example/v1", "http://host.example is not this machine"),
        ("http://192.168.1.5:11434", "http://192.168.1.5:11434 is not this machine"),
        ("http://10.0.0.1", "is not this machine"),
        ("http://0.0.0.0:8080", "is not this machine"),
        ("http://localhost.evil.com", "is not this machine"),
        ("http://127.0.0.1.evil.com", "is not this machine"),
        ("http://[::2]", "is not this machine"),
    ],
)
def test_bad_addresses(url: str, reason: str) -> None:
    found, hint = address_fault(url, False, "providers.x.base_url")
    assert reason in found
    assert hint
    assert "canary" not in found + hint


def test_the_hints_say_what_to_do() -> None:
    assert address_fault("https://bücher.example", False, "k")[1] == (
        "If xn--bcher-kva.example is what you mean, write that."
    )
    _, hint = address_fault("http://10.0.0.1", False, "providers.x.base_url")
    assert hint == "Use https, or allow it with: chatterm config set providers.x.allow_insecure true"


def test_plain_http_can_be_allowed_and_nothing_else() -> None:
    assert address_fault("http://10.0.0.1", True, "k") == ("", "")
    assert address_fault("http://a:b@10.0.0.1", True, "k")[0]


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("LOCALHOST.", True),
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("[::1]", True),
        ("::ffff:127.0.0.1", True),
        ("a.localhost", True),
        ("localhost.example", False),
        ("127.0.0.1.example", False),
        ("0.0.0.0", False),
        ("192.168.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("", False),
    ],
)
def test_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ("box", "http://box:11434"),
        ("box:8080", "http://box:8080"),
        (":8080", "http://127.0.0.1:8080"),
        ("127.0.0.1", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:80", "http://127.0.0.1:80"),
        ("::", "http://[::1]:11434"),
        ("[::]:99", "http://[::1]:99"),
        ("::1", "http://[::1]:11434"),
        ("[fe80::2]", "http://[fe80::2]:11434"),
        ("http://box", "http://box:80"),
        ("https://box", "https://box:443"),
        ("https://box:1/", "https://box:1"),
        ("https://box/ollama/", "https://box:443/ollama"),
        ("box/ollama", "http://box:11434/ollama"),
        (" box ", "http://box:11434"),
        ("box:", "http://box:11434"),
    ],
)
def test_forms_of_ollama_host(value: str, url: str) -> None:
    assert ollama_url(value) == url


@pytest.mark.parametrize("value", ["box:port", "user:pw@box", "a b", "file:///x", "box:70000"])
def test_a_bad_ollama_host_is_a_bad_address(value: str) -> None:
    assert address_fault(ollama_url(value), True, "k")[0]
