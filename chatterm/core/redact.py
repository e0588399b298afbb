"""Secrets out of texts, before they reach a log, an error, a crash file or a terminal."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping

# What keys look like by themselves: prefixes that services document, and the words of HTTP headers.
_KEY = re.compile(
    r"""
    \b(?:sk|pk|rk|gsk|xai|pplx|hf|ghp|github_pat)[-_][A-Za-z0-9_-]{8,}
    | \bAIza[A-Za-z0-9_-]{16,}
    | (?<=Bearer\ )[^\s"',]{4,}
    | (?<=://)[^\s/@]+(?=@)
    | (?<=[?&]key=)[^\s&"']+
    """,
    re.VERBOSE | re.IGNORECASE,
)
_HIDDEN = "[hidden]"


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without `secrets` and without anything that looks like an API key or a password in a URL.

    Secrets of fewer than four characters are left alone: they would blank out half of a text.
    """
    # Longest first: a secret may be the beginning of another one.
    for secret in sorted({s for s in secrets if len(s) >= 4}, key=len, reverse=True):
        text = text.replace(secret, _HIDDEN)
    return _KEY.sub(_HIDDEN, text)


def secrets_in(environ: Mapping[str, str], names: Container[str] = ()) -> list[str]:
    """Values of the environment that are never shown, logged or reported; `names` are more that hold a key."""
    endings = ("_API_KEY", "_TOKEN", "_SECRET")
    return [value for name, value in environ.items() if name.endswith(endings) or name in names]
