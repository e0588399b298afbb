"""Code of many languages with tokens of many lines, for the tests of highlighting."""

from __future__ import annotations

SAMPLES = {
    "python": '''\
import os
from x import y as z

class Foo(Bar, metaclass=M):
    """Doc of many
    lines, here.

    And some more,
    until its end.
    """
    @property
    def name(self) -> str:
        # a comment
        return f"{self.x!r:>10} and {y['k']}" + 'it\\'s' + str(0x1F + 1.5e3)

    async def go(self, *args: int, **kw):
        x = f"""
        multi {line} text
        and more
        and more
        more
        """
        for i in range(10):
            print(i if i % 2 else None, lambda q: q ** 2)
''',
    "js": """\
import { a, b } from "./x.js";
/**
 * Doc comment
 * of many
 * lines
 * @param {string} x
 */
export default async function go(x, { y = 1, ...rest } = {}) {
  const re = /ab+c[/]/gi, s = `template ${x + `inner ${y}`} text
  over lines
  and lines
  and lines
  and lines`;
  // comment
  return await fetch(`/api/${s}`).then(r => r.json() ?? null) / 2;
}
class A extends B { #p = 0x1f; get v() { return this.#p; } }
""",
    "ts": """\
interface Foo<T extends object = {}> {
  readonly a: string;
  b?: number | undefined;
}
export type X = Partial<Record<keyof Foo<any>, unknown>>;
/* block
 comment
 of
 six
 lines */
@Component({ selector: 'app', template: `<div>{{x}}</div>` })
export class C<T> implements I {
  constructor(private readonly http: HttpClient, public x = 5) { super(); }
  async get<K extends keyof T>(k: K): Promise<T[K]> { return this.#m.get(k)!; }
}
""",
    "rust": """\
use std::collections::HashMap;
/// Doc comment
#[derive(Debug, Clone)]
pub struct Foo<'a, T: Display + 'a> { name: &'a str, items: Vec<T> }
impl<'a, T> Foo<'a, T> where T: Display {
    pub fn new(name: &'a str) -> Self { Self { name, items: vec![] } }
    /* block /* nested */
       comment
       of
       many
       lines */
    fn go(&mut self) -> Result<(), Box<dyn Error>> {
        let x = r#"raw "string" here"#; let c = 'c'; let n = 1_000u64;
        for (i, it) in self.items.iter().enumerate() { println!("{i}: {it}"); }
        match x { "a" => Ok(()), _ => Err("bad".into()) }
    }
}
""",
    "go": """\
package main

import (
	"fmt"
	"net/http"
)
/* a comment
   of several
   lines
   and
   more */
type Server struct { mu sync.Mutex; m map[string]int `json:"m"` }
const q = `SELECT *
FROM t
WHERE a = 1
AND b = 2
AND c = 3`
func (s *Server) Handle(w http.ResponseWriter, r *http.Request) error {
	s.mu.Lock(); defer s.mu.Unlock()
	for i := 0; i < 10; i++ { fmt.Printf("%d\\n", i) }
	go func() { ch <- 'x' }()
	return nil
}
""",
    "java": '''\
package com.example;
import java.util.*;
/**
 * Javadoc
 * more
 * more
 * more
 */
@Service("x")
public final class Foo<T extends Comparable<T>> extends Bar implements Baz {
    private static final int MAX = 0x7f_ff; // comment
    String t = """
        text block
        more
        """;
    @Override public List<T> get(Map<String, ? extends T> m) throws IOException {
        return m.values().stream().filter(x -> x != null).collect(Collectors.toList());
    }
}
''',
    "c": """\
#include <stdio.h>
#define MAX(a, b) \\
    ((a) > (b) ? (a) : (b))
/* comment
 * of
 * many
 * many
 * lines
 */
typedef struct node { struct node *next; uint32_t v; } node_t;
static const char *names[] = { "a\\n", "b", NULL };
int main(int argc, char **argv)
{
    for (size_t i = 0; i < 10; ++i) { printf("%zu %s\\n", i, names[i % 2]); }
    if (argc > 1) goto end;
    // comment
end:
    return 0;
}
""",
    "cpp": """\
#include <vector>
#include "foo.hpp"
namespace ns {
template <typename T, class... Args>
class Foo : public Bar<T> {
 public:
  explicit Foo(Args&&... args) : x_{std::forward<Args>(args)...} {}
  virtual ~Foo() = default;
  auto get() const noexcept -> const T& { return x_; }
  /* multi
     line
     comment
     here
     ok */
 private:
  std::vector<std::unique_ptr<T>> v_; int x_ = 0xFFu; const char* r = R"(raw)";
};
int main() { auto f = [&](int a) mutable { return a * 2; }; std::cout << f(1) << '\\n'; }
}
""",
    "csharp": """\
using System;
namespace A.B;
/// <summary>Doc</summary>
[Serializable]
public record Person(string Name, int Age);
public class Foo<T> : IBar where T : class, new() {
    public int X { get; init; } = 5;
    string v = @"verbatim ""quoted""
    line
    line
    line
    end";
    public async Task<int> GoAsync(CancellationToken ct = default) {
        var s = $"x {X:N2} y"; await Task.Delay(1_000, ct);
        return s switch { "a" => 1, _ => throw new Exception() };
    }
}
""",
    "php": """\
<?php
namespace App\\Http;
use Foo\\Bar;
/**
 * doc
 * doc
 * doc
 * doc
 */
final class A extends B implements C {
    public function __construct(private string $x = 'a', protected ?int $n = null) {}
    public function go(array $a): string {
        $t = <<<EOT
        text {$this->x} here
        more
        more
        EOT;
        foreach ($a as $k => $v) { echo "k: $k {$v['x']}\\n"; } // c
        return strlen($t) > 3 ? $t : strtoupper($this->x);
    }
}
?>
<p>html</p>
""",
    "ruby": """\
require "json"
module Foo
  # comment
  class Bar < Baz
    attr_reader :name, :x
    def initialize(name:, x: 1, **opts, &blk)
      @name = name; @@c ||= %w[a b c]
      @t = <<~SQL.strip
        SELECT * FROM t
        WHERE a = #{x}
        AND b
        AND c
      SQL
      @h = { a: 1, "b" => /re+x/i }
    end
    def each = @h.each { |k, v| puts "#{k}: #{v.map { |q| q + 1 }}" }
=begin
block comment
more
more
more
=end
  end
end
""",
    "swift": '''\
import Foundation
/// Doc
@MainActor final class Foo<T: Codable>: ObservableObject, Bar {
    @Published private(set) var items: [T] = []
    let t = """
    multi
    line \\(items.count)
    more
    more
    """
    /* block
       c
       c
       c
       c */
    func load(_ url: URL, n: Int = 5) async throws -> [String: Any]? {
        guard let x = items.first else { return nil }
        for i in 0..<n where i % 2 == 0 { print("\\(i): \\(x)") }
        return try await URLSession.shared.data(from: url).0 as? [String: Any]
    }
}
''',
    "kotlin": '''\
package a.b
import kotlinx.coroutines.*
/**
 * kdoc
 * more
 * more
 * more
 */
@Serializable data class P(val name: String, var age: Int = 0x1F)
sealed interface R<out T> { object None : R<Nothing> }
suspend fun <T : Any> go(x: T?, f: (T) -> Unit = {}): List<String> = coroutineScope {
    val s = "x $x ${x?.toString() ?: "none"}"; val t = """
        raw $s
        more
    """.trimIndent()
    when (x) { is String -> listOf(s) else -> emptyList() } // c
}
''',
    "bash": """\
#!/usr/bin/env bash
set -euo pipefail
# comment
FOO="${1:-default}"; export BAR=$(date +%s)
for f in *.txt; do
  if [[ -f "$f" && $f != "x" ]]; then echo "file: $f" | sed 's/a/b/g' > out.log 2>&1; fi
done
cat <<EOF > conf
line $FOO
line
line
line
EOF
awk '{
  print $1
  print $2
  print $3
  print $4
}' file
case "$1" in a|b) fn ;; *) exit 1 ;; esac
fn() { local x=$((1 + 2)); return 0; }
""",
    "sql": """\
-- comment
CREATE TABLE IF NOT EXISTS users (id SERIAL PRIMARY KEY, name VARCHAR(50) NOT NULL DEFAULT 'it''s');
/* block
comment
c
c
c */
WITH t AS (SELECT u.id, COUNT(*) AS n FROM users u LEFT JOIN orders o ON o.uid = u.id GROUP BY u.id HAVING COUNT(*) > 5)
SELECT *, ROW_NUMBER() OVER (PARTITION BY x ORDER BY y DESC) FROM t WHERE n BETWEEN 1 AND 10.5 AND name LIKE '%a%';
INSERT INTO a (b, c) VALUES (1, 'x'), (2, NULL);
""",
    "json": """\
{
  "name": "x", "n": [1, -2.5e3, true, false, null],
  // comment
  "nested": {"a\\"b": "c\\u0041", "list": [{"k": "v"}, {}]},
  /* block
  block
  */
  "end": ""
}
""",
    "yaml": """\
# comment
version: "3.8"
services:
  web: &anchor
    image: nginx:latest
    ports: ["80:80", 443]
    environment:
      - KEY=value
      - X: 'y'
    command: |
      multi line
        text
      and more: no key

      end
    deploy: {replicas: 2, on: true}
  db:
    <<: *anchor
    n: 12.5
---
- a
- b: c
""",
    "toml": '''\
# c
title = "x"
[owner]
name = 'a'
dob = 1979-05-27T07:32:00Z
nums = [1, 2.5, 0xff]
text = """
many
lines
of
text
"""
[[a.b]]
on = true
inline = { x = 1, y = "z" }
''',
    "html": """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"><title>T &amp; x</title>
<style>
body { color: #fff; margin: 0 auto; }
/* comment
c
c
c */
.a > .b:hover::after { content: "x"; }
@media (max-width: 5px) { a { b: c } }
</style>
<!-- comment
more
more
more
more -->
</head>
<body class="a b" onclick="go()">
<script type="module">
const x = `a ${1}`; // c
/* long
long
long
long
comment */
function go(a) { return a / 2; }
document.querySelector("#x").textContent = "</b>";
</script>
<p style="color: red">text <b>bold</b></p>
</body>
</html>
""",
    "css": """\
@import url("x.css");
:root { --main: #fff; }
/* comment
 c
 c
 c
 c */
.a > .b:nth-child(2n+1)::before, #id[data-x="y"] {
  color: rgba(0, 0, 0, .5) !important; margin: -1.5rem calc(100% - 2px);
}
@media screen and (max-width: 600px) { .c { display: grid; } }
""",
    "xml": """\
<?xml version="1.0" encoding="UTF-8"?>
<!-- comment
c
c
c
c -->
<root xmlns:a="http://x">
  <a:item id="1" b='2'>text &lt; more</a:item>
  <![CDATA[ raw <x>
  raw
  raw
  raw
  raw ]]>
  <empty/>
</root>
""",
    "lua": """\
local M = {}
--[[ block
comment
c
c
c ]]
function M.go(a, ...)
  local s = [[long
  string
  s
  s
  s]]
  for i, v in ipairs({...}) do print(i .. ": " .. tostring(v)) end -- c
  return a ~= nil and #s or 0x1F
end
return M
""",
    "haskell": """\
{-# LANGUAGE GADTs #-}
module Main (main, Foo(..)) where
import qualified Data.Map as M
{- block
   {- nested -}
   c
   c
-}
data Foo a = Bar { x :: Int, y :: Maybe a } | Baz deriving (Show, Eq)
go :: (Ord k, Num v) => k -> M.Map k v -> Either String v
go k m = case M.lookup k m of
  Just v | v > 0 -> Right (v * 2) -- c
         | otherwise -> Left "neg"
  Nothing -> Left $ "none" ++ show 'c'
main = mapM_ print [x * 2 | x <- [1..10], odd x]
""",
    "diff": """\
diff --git a/x b/x
index 123..456 100644
--- a/x
+++ b/x
@@ -1,5 +1,6 @@ def f():
 same
-old
+new
+++ more
--- less
 same
""",
    "dockerfile": """\
# syntax=docker/dockerfile:1
FROM python:3.11-slim AS base
ARG X=1
ENV A=b C="d e"
RUN apt-get update && \\
    apt-get install -y --no-install-recommends \\
    curl \\
    git \\
    make \\
    && rm -rf /var/lib/apt/lists/*
COPY --from=base /a /b
CMD ["python", "-m", "app"]
""",
    "markdown": """\
# Title
Some *emph* and **bold** `code` [link](http://x).
- item
- [x] done
```python
def f():
    return 1
x = 1
y = 2
z = 3
```
> quote
1. one
| a | b |
|---|---|
***
""",
    "text": """\
just some words here
and more words
  indented
""",
}
