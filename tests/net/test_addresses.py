"""Addresses that models write: read in one way only, and never one of this machine or of a private network."""

from __future__ import annotations

import pytest

from chatterm.backend.net.addresses import is_public, read_address, refuse_private
from chatterm.core.errors import InvalidCallError, ToolDeniedError, ToolError

HOSTILE = (
    # no http
    *(
        "file:///etc/passwd",
        "ftp://example.com/",
        "gopher://example.com/_x",
        "data:text/html,hi",
        "javascript:1",
    ),
    *(
        "//example.com/",
        "example.com",
        "",
        "http:",
        "http://",
        "http:///etc/passwd",
        "jar:http://example.com!/",
        "about:",
    ),
    # this machine
    *(
        "http://localhost/",
        "http://LOCALHOST:80/",
        "http://localhost./",
        "http://a.localhost/",
        "http://127.0.0.1/",
    ),
    *("http://127.0.0.1./", "http://127.255.255.254/", "http://0.0.0.0/", "http://[::1]/", "http://[::]/"),
    # the same in other forms
    *("http://127.1/", "http://0x7f.1/", "http://0x7f000001/", "http://2130706433/", "http://0177.0.0.1/"),
    *(
        "http://127.0.0.01/",
        "http://127.0.1/",
        "http://0/",
        "http://0x0/",
        "http://１２７.0.0.1/",
        "http://127。0。0。1/",
    ),
    *(
        "http://①②⑦.0.0.1/",
        "http://%31%32%37.0.0.1/",
        "http://127.0.0.1%2f@example.com/",
        "http://256.1.1.1/",
    ),
    *("http://1.2.3.4.5/", "http://08.8.8.8/", "http://example.0x7f/"),
    # IPv4 inside IPv6
    *(
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://[::127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
    ),
    *(
        "http://[64:ff9b::10.0.0.1]/",
        "http://[64:ff9b:1::1]/",
        "http://[2002:7f00:1::]/",
        "http://[::ffff:0:7f00:1]/",
    ),
    *("http://[2001:0:7f00:1::]/", "http://[fe80::1%25eth0]/", "http://[fe80::1]/", "http://[fc00::1]/"),
    *(
        "http://[fd00:ec2::254]/",
        "http://[ff02::1]/",
        "http://[fec0::1]/",
        "http://[::1",
        "http://[::1]x/",
        "http://[v1.a]/",
    ),
    # private networks and the secrets of clouds
    *(
        "http://10.0.0.1/",
        "http://172.16.0.1/",
        "http://192.168.1.1/",
        "http://169.254.169.254/latest/meta-data/",
    ),
    *(
        "http://100.64.0.1/",
        "http://100.100.100.200/",
        "http://192.0.0.192/",
        "http://168.63.129.16/",
        "http://224.0.0.1/",
    ),
    *(
        "http://255.255.255.255/",
        "http://198.18.0.1/",
        "http://240.0.0.1/",
        "http://192.88.99.1/",
        "http://router/",
    ),
    *("http://metadata.google.internal/", "http://printer.local/", "http://nas.lan/", "http://x.home.arpa/"),
    # who is asked is not who it seems
    *(
        "http://user@example.com/",
        "http://user:pw@example.com/",
        "http://example.com@127.0.0.1/",
        "http://@example.com/",
    ),
    *(
        "http://example.com\\@127.0.0.1/",
        "http://127.0.0.1\\.example.com/",
        "http://exa mple.com/",
        "http://example.com /",
    ),
    *(
        "http://exam\0ple.com/",
        "http://example.com/\0",
        "http://example.com/a b",
        "http://example.com/\r\nHost: x",
    ),
    *(
        "http://example.com/\ta",
        "\thttp://example.com/",
        "http://exam\u202eple.com/",
        "http://exam\u200bple.com/",
    ),
    *(
        "http://example.com/\u2028",
        "http://example.com/\ud800",
        "http://example.com/\x85",
        "http://ex\u00adample..com/",
    ),
    *("http://example.com:0/", "http://example.com:/", "http://example.com:65536/", "http://example.com:8a/"),
    *("http://example.com:-1/", "http://.example.com/", "http://example..com/", "http://-example.com/"),
    *(
        f"http://{'a' * 64}.com/",
        f"http://{'a.' * 130}com/",
        f"http://example.com/{'a' * 8000}",
        "http://exa$mple.com/",
    ),
    *("http://exa_mple.com:80:80/", "http://example.com。。/", "http://℀.com/", "http://xn--.com:x/"),
)

READ = (
    ("HTTP://Example.COM", "http://example.com/", "http://example.com:80"),
    ("https://example.com./a", "https://example.com/a", "https://example.com:443"),
    ("https://example.com:443/a?b=c&d#part", "https://example.com/a?b=c&d", "https://example.com:443"),
    ("http://example.com:8080", "http://example.com:8080/", "http://example.com:8080"),
    (
        "https://bücher.example/ü?q=é",
        "https://xn--bcher-kva.example/%C3%BC?q=%C3%A9",
        "https://xn--bcher-kva.example:443",
    ),
    ("https://faß.example", "https://xn--fa-hia.example/", "https://xn--fa-hia.example:443"),
    ("https://еxample.com/", "https://xn--xample-2of.com/", "https://xn--xample-2of.com:443"),
    ("https://ｅxample。com/", "https://example.com/", "https://example.com:443"),
    (
        "https://example.com/%41%zz/../<x>\"'{|}",
        "https://example.com/%41%zz/../%3Cx%3E%22'%7B|%7D",
        "https://example.com:443",
    ),
    ("https://8.8.8.8/", "https://8.8.8.8/", "https://8.8.8.8:443"),
    ("http://[2606:4700:0:0::1111]:8080/", "http://[2606:4700::1111]:8080/", "http://[2606:4700::1111]:8080"),
    ("http://[::ffff:8.8.8.8]/", "http://[::ffff:808:808]/", "http://[::ffff:808:808]:80"),
    ("https://a_b.example.com?x", "https://a_b.example.com/?x", "https://a_b.example.com:443"),
)


def test_the_hostile_table_is_long_enough() -> None:
    assert len(set(HOSTILE)) == len(HOSTILE) >= 100


@pytest.mark.parametrize("url", HOSTILE)
def test_a_hostile_address_is_refused(url: str) -> None:
    with pytest.raises((InvalidCallError, ToolDeniedError)) as caught:
        refuse_private(read_address(url))
    assert type(caught.value) in (InvalidCallError, ToolDeniedError)
    assert len(str(caught.value)) <= 500 and str(caught.value).isprintable()


@pytest.mark.parametrize(("url", "whole", "origin"), READ)
def test_an_address_is_read_as_it_will_be_sent(url: str, whole: str, origin: str) -> None:
    address = read_address(url)
    refuse_private(address)
    assert (address.url, address.origin) == (whole, origin)
    assert read_address(address.url) == address


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "1.1.1.1",
        "2606:4700::1111",
        "2001:4860:4860::8888",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
        "93.184.216.34",
    ],
)
def test_addresses_of_the_open_internet(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "10.1.2.3",
            "169.254.169.254",
            "100.64.0.1",
            "192.0.0.8",
            "192.0.0.9",
            "0.1.2.3",
            "224.0.0.251",
        ),
        *(
            "::1",
            "::",
            "fe80::1",
            "fe80::1%eth0",
            "2606:4700::1%eth0",
            "::ffff:10.0.0.1",
            "64:ff9b::192.168.0.1",
            "fd00::1",
        ),
        *(
            "2001:db8::1",
            "3fff::1",
            "5f00::1",
            "100::1",
            "2002:808:808::1",
            "2001::1",
            "example.com",
            "",
            "1.1",
            "0x7f.1",
        ),
    ],
)
def test_addresses_that_are_not(address: str) -> None:
    assert not is_public(address)


def test_an_error_names_what_to_do() -> None:
    with pytest.raises(ToolError) as caught:
        read_address("http://a b/")
    assert "U+0020" in str(caught.value) and "https://example.com/page" in str(caught.value)
