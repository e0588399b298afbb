"""Text of HTML pages, made in a process of its own.

The converter holds the interpreter's lock while it works, and what it works on is hostile: in a child it can
neither hold up the screen nor take the program down, and it ends at once when it is not waited for any more.
"""

from __future__ import annotations

import asyncio
import codecs
import os
import re
import sys
from contextlib import suppress
from html.parser import HTMLParser
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from chatterm.backend.tools.programs.processes import environment
from chatterm.core.errors import ToolError

LONGEST_SECONDS = 20.0
MOST_PAGE_BYTES = 4 * 1024 * 1024
"""How much of a page is read; what comes after is left out, and told."""

_MOST_MEMORY_BYTES = 1024 * 1024 * 1024
_PASSED = ("PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "SYSTEMROOT")
"""What the interpreter needs of the environment to find itself and chatterm, as it was found here."""

_LIBRARY = "html_to_markdown"
_SKIPPED = frozenset({"script", "style", "template", "svg", "noscript", "title", "iframe", "object"})
_INLINE = frozenset(
    {
        "a",
        "abbr",
        "b",
        "bdi",
        "bdo",
        "cite",
        "code",
        "data",
        "del",
        "dfn",
        "em",
        "font",
        "i",
        "ins",
        "kbd",
        "label",
        "mark",
        "q",
        "s",
        "small",
        "span",
        "strong",
    }
)
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([a-zA-Z0-9_:.-]{2,40})", re.IGNORECASE)
_NO_CHARSETS = frozenset({"punycode", "idna", "utf-7", "unicode-escape", "raw-unicode-escape"})
"""Codecs, by Python's names, that no page is in. The first takes time with the square of the length."""

_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


async def text_of(page: str, url: str) -> str:
    """The page as Markdown, or as plain text where the extra `tools` is not installed. Raises `ToolError`.

    Links are made whole with `url`. Scripts, navigation and what is hidden are left out.
    """
    child = await asyncio.create_subprocess_exec(
        *child_command(url),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment(os.environ, passed=_PASSED),
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            output, _ = await child.communicate(page.encode("utf-8", "replace"))
    except TimeoutError:
        raise ToolError("The page could not be turned into text in time.") from None
    finally:
        if child.returncode is None:
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()  # some milliseconds
    if child.returncode != 0:
        raise ToolError("The page could not be turned into text: its HTML is too deep, too long or broken.")
    return output.decode("utf-8", "replace")


def child_command(url: str) -> tuple[str, ...]:
    """The program that runs `convert`; it reads nothing of the folder it is started in."""
    return sys.executable, "-P", "-m", __name__, url


def decoded(body: bytes, charset: str, *, is_html: bool = False) -> str:
    """The text of a body: by its byte order mark, the charset that was told, the page's own word, else UTF-8."""
    names = [name for mark, name in _MARKS if body.startswith(mark)] + ([charset] if charset else [])
    if is_html and (found := _CHARSET.search(body[:4096])) is not None:
        names.append(found[1].decode())
    for name in names:
        with suppress(LookupError, ValueError):  # ValueError for codecs that do not make text of bytes
            if codecs.lookup(name).name not in _NO_CHARSETS:
                return body.decode(name, "replace")
    return body.decode("utf-8", "replace")


def has_converter() -> bool:
    """Whether the extra `tools` is installed."""
    return find_spec(_LIBRARY) is not None


def markdown_of(page: str, url: str) -> str:
    """The page as Markdown. Blocks; raises whatever the library does."""
    library: Any = import_module(_LIBRARY)
    options = library.ConversionOptions(
        extract_metadata=False,
        skip_images=True,
        base_url=url,
        preprocessing=library.PreprocessingOptions(remove_navigation=True, remove_forms=True),
    )
    return str(library.convert(page, options).content or "")


class PlainText(HTMLParser):
    """Collects the text of a page, one block a line."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._skipped: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by the parser."""
        if tag in _SKIPPED:
            self._skipped.append(tag)
        elif tag not in _INLINE:
            self._parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        """Called by the parser."""
        if self._skipped and tag == self._skipped[-1]:
            self._skipped.pop()
        elif tag not in _INLINE:
            self._parts.append("\n")

    def handle_data(self, data: str) -> None:
        """Called by the parser."""
        if not self._skipped:
            self._parts.append(re.sub(r"\s+", " ", data))

    def text(self) -> str:
        """What was collected, without empty lines."""
        lines = (re.sub(r" +", " ", line).strip() for line in "".join(self._parts).split("\n"))
        return "\n".join(line for line in lines if line)


def plain_text_of(page: str) -> str:
    """The page as plain text."""
    parser = PlainText()
    parser.feed(page)
    parser.close()
    return parser.text()


def convert() -> None:
    """The child: HTML from its input to text at its output. Its own limits end it if nobody else does."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (int(LONGEST_SECONDS), int(LONGEST_SECONDS)))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with suppress(OSError, ValueError):  # not on every system
            resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY_BYTES, _MOST_MEMORY_BYTES))
    page = sys.stdin.buffer.read().decode("utf-8", "replace")
    text = markdown_of(page, sys.argv[1]) if has_converter() else plain_text_of(page)
    sys.stdout.buffer.write(text.encode("utf-8", "replace"))


if __name__ == "__main__":
    convert()
