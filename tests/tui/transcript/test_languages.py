from __future__ import annotations

import pytest

from chatterm.tui.transcript.languages import PLAIN, guess, named
from tests.cpu_time import within


@pytest.mark.parametrize(
    ("info", "name"),
    [
        *(("python", "python"), ("py", "python"), ("Python3", "python"), ("C++", "cpp"), ("c#", "csharp")),
        *(("js {1,3}", "javascript"), ("js{1,3}", "javascript"), ("rust,ignore", "rust"), ("sh", "bash")),
        *(("python title=x.py", "python"), ("{.python .numberLines}", "python"), ("diff", "diff")),
        *(("jsonc", "json"), ("shell-session", "console"), ("Dockerfile", "docker"), ("lua", "lua")),
        *(("main.rs", "rust"), ("src/app/main.tsx", "tsx"), ("12:15:src/a.ts", "typescript")),
        *(("python:foo.py", "python"), ("CMakeLists.txt", "cmake"), ("notes.txt", PLAIN), ("text", PLAIN)),
        *(("", None), ("   ", None), ("nonsense", None), ("``` {", None), ("title=x", None)),
    ],
)
def test_an_info_string_names_a_language(info: str, name: str | None) -> None:
    assert named(info) == name


@pytest.mark.parametrize(
    ("code", "name"),
    [
        *(
            ("#!/usr/bin/env python3\nx", "python"),
            ("#!/bin/sh\nx", "bash"),
            ("#!/usr/bin/node", "javascript"),
        ),
        *(
            ('{\n  "a": 1', "json"),
            ("[1, 2]", "json"),
            ("<!DOCTYPE html>", "html"),
            ("<div class='a'>", "html"),
        ),
        *(('<?xml version="1.0"?>', "xml"), ("<?php\necho 1;", "php"), ("--- a\n+++ b\n@@ -1 +1 @@", "diff")),
        *(("import os", "python"), ("def f(x):", "python"), ("# note\n\nclass A:", "python")),
        *(("#include <stdio.h>\nint x;", "c"), ("#include <vector>", "cpp"), ("SELECT a\nFROM b", "sql")),
        *(("-- all\nselect * from t", "sql"), ("$ ls -l\na", "console"), (">>> 1 + 1", "pycon")),
        *(("FROM python:3.11 AS base\nRUN ls", "docker"), ("[a.b]\nc = 1", "toml"), ("[a]\nb=c", "ini")),
        *(
            ("a: b\nc: d", "yaml"),
            ("# c\na:\n  - b", "yaml"),
            ("package main", "go"),
            ("fn main() {", "rust"),
        ),
        *(("const x = 1", "javascript"), ("interface A {", "typescript"), ("public class A {", "java")),
        *((".a {\n  color: red", "css"), ("sudo apt install x", "bash"), ("using System;", "csharp")),
        *(("", PLAIN), ("\n\n", PLAIN), ("words, just words", PLAIN), ("Note: prose\nand more", PLAIN)),
        *(("- a\n- b", PLAIN), ("x", PLAIN), ("1\nimport\n", PLAIN)),
    ],
)
def test_the_first_lines_tell_a_language(code: str, name: str) -> None:
    assert guess(code) == name


def test_only_the_first_lines_count() -> None:
    assert guess("a\n" * 5 + "import os") == PLAIN
    assert guess("a\n" * 4 + "import os") == "python"


@pytest.mark.parametrize(
    "code", [" " * 9999, "\n \n" * 99, "<a " * 999, "a, " * 999, "# x\n" * 9, "a." * 999]
)
def test_a_guess_takes_no_time(code: str) -> None:
    assert within(0.01, lambda: guess(code)) is None
