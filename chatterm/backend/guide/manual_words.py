"""Text to the words that the manual is searched by: tokens, a stop list, light stemming, near meanings."""

from __future__ import annotations

import re
from collections.abc import Iterator

# Keys (ctrl+b), options (--base-url, -c), commands (/model) and words with inner marks (llama.cpp) stay whole.
_TOKEN = re.compile(
    r"(?:(?:ctrl|alt|shift)[+-](?:\w+|[-_]))"
    r"|(?<![\w-])--?[a-z0-9][\w-]*"
    r"|(?<![\w/.])/[a-z][a-z-]*"
    r"|\w+(?:[.:'-]\w+)*"
)
_SPOKEN_KEY = re.compile(r"\b(?:ctrl|control|strg)[ +-]+(?=[a-z0-9]\b)|\^(?=[a-z]\b)")
_PARTS = re.compile(r"[^\W_]+")

_STOP_WORDS = (
    "a about after all also always am an and another any anything are as at be been before being both but "
    "by can cannot could did do does doing done else ever for from get gets give go goes got had has have "
    "he her here his how i if in instead into is it its just know let like many may me might mine more "
    "most much must my need needs no not of off on one or other our out over please possible really say "
    "says shall she should so some still something somehow such tell than that the their them then there "
    "these they thing things this those to too try under up us use used using very want wants was way we "
    "well were what whats when where which while who why will with work works would yes yet you your don "
    "doesn didn isn can't t s m re ll ve im"
)
_STOP = frozenset(_STOP_WORDS.split())

_IRREGULAR = {
    "began": "begin",
    "begun": "begin",
    "broke": "break",
    "broken": "break",
    "chosen": "choose",
    "chose": "choose",
    "died": "die",
    "dying": "die",
    "kept": "keep",
    "left": "leave",
    "lost": "lose",
    "ran": "run",
    "sent": "send",
    "shown": "show",
    "spoke": "speak",
    "thought": "think",
    "took": "take",
    "wrote": "write",
    "written": "write",
}

# Words of the field that stand for one another. They widen a question; an exact word always counts for more.
_GROUPS = (
    "key token secret credential password",
    "key keys shortcut hotkey keybinding binding keystroke button press",
    "change rebind remap customise customize alter modify configure",
    "change edit correct fix",
    "change switch swap",
    "stop cancel abort interrupt halt end break",
    "conversation chat session history thread talk discussion dialogue",
    "resume continue reopen restore return back again",
    "new fresh empty start begin open",
    "delete remove erase discard trash wipe clear",
    "undo restore recover bring mistake accident",
    "crash kill die power freeze lose recover",
    "lose gone keep",
    "model llm ai",
    "provider service vendor company",
    "setting option preference parameter configuration config configure",
    "option flag argument switch",
    "cli shell terminal commandline",
    "file document pdf path",
    "image picture photo screenshot png jpeg",
    "attach send upload include add along",
    "theme colour color palette dark light background appearance",
    "rate speed fast quick throughput",
    "ttft latency delay",
    "slow long minutes limit timeout wait longer",
    "server endpoint backend",
    "local offline",
    "host machine computer laptop pc desktop",
    "network internet lan",
    "url address",
    "quit exit leave close",
    "title name rename call",
    "save store stored disk record persist",
    "privacy telemetry tracking analytics private data collect share incognito",
    "incognito private save",
    "error failure problem message wrong fail",
    "refused connect connection reach unreachable",
    "certificate tls ssl https",
    "editor vim emacs nano neovim",
    "export markdown",
    "copy clipboard yank",
    "retry regenerate again repeat redo",
    "strange weird odd broken garbled",
    "character symbol glyph letter",
    "maximum limit size most largest",
    "override win precedence priority",
    "share send",
    "print show display list",
    "first begin start",
    "unauthorized unauthorised forbidden wrong",
    "thinking reasoning think thought",
    "system instruction persona behave behaviour role",
    "line newline break multiline paragraph",
    "reply answer response output generation completion",
    "prompt message question input text",
    "type write compose enter",
    "earlier previous past former last history yesterday",
    "hide show toggle fold collapse panel sidebar",
    "sidebar panel metrics figures statistics stats numbers",
    "scroll follow jump view",
    "manual help documentation docs topic",
    "missing absent unavailable",
    "pipe script shell stdin stdout automation",
    "code status",
    "install setup download pull",
    "context window memory",
    "variable environment env",
    "queue queued pending meanwhile",
    "valid check validate test",
    "guide bot assistant robot",
    "folder directory location",
    "own custom personal",
    "proper real actual",
    "old earlier previous saved",
    "limit timeout",
    "single one",
    "make create",
)


def words_of(text: str) -> list[str]:
    """The words of the text in order, stemmed, without those that say nothing; compounds whole and in parts."""
    text = _SPOKEN_KEY.sub("ctrl+", text.casefold().replace("’", "'"))
    return [word for token in _TOKEN.findall(text) for word in _forms(token)]


def near_meanings() -> dict[str, frozenset[str]]:
    """For each stem of the field the stems that may stand for it."""
    near: dict[str, frozenset[str]] = {}
    for group in _GROUPS:
        stems = frozenset(stem(word) for word in group.split())
        for each in stems:
            near[each] = near.get(each, frozenset()) | (stems - {each})
    return near


def stem(word: str) -> str:
    """The word without the endings of plurals and verb forms; what is not a plain word is left alone."""
    word = _IRREGULAR.get(word, word)
    if len(word) < 4 or not word.isalpha():
        return word
    if word.endswith(("ies", "ied")) and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ing", "ed"):
        base = word.removesuffix(ending)
        if base != word and len(base) > 2 and not word.endswith("eed") and re.search("[aeiouy]", base):
            word = base[:-1] if base[-1] == base[-2] and base[-1] not in "lsz" else base
            break
    return word[:-1] if word.endswith("e") and len(word) > 3 else word


def _forms(token: str) -> Iterator[str]:
    token = token.removesuffix("'s")
    if token.isalnum():
        if token not in _STOP and len(token) > 1:
            yield stem(token)
        return
    yield token
    yield from (stem(part) for part in _PARTS.findall(token) if len(part) > 1 and part not in _STOP)
