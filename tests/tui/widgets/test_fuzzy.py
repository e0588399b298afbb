"""The search: what matches, what comes first, and how long it may take."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chatterm.tui.widgets.fuzzy import FuzzyIndex
from tests.cpu_time import within

NAMES = ["gpt-4.1 openai", "llama3 ollama", "codellama:7b ollama", "Llama-3.1-70B groq", "mistral ollama"]


def found(query: str) -> list[str]:
    return [NAMES[index] for index in FuzzyIndex(NAMES).search(query)]


def test_order() -> None:
    assert found("llama") == [NAMES[1], NAMES[3], NAMES[4], NAMES[2]]
    assert found("70b") == [NAMES[3]]
    assert found("l31") == [NAMES[3]]
    assert found("ollama mist") == [NAMES[4]]
    assert found("LLAMA 3 70") == [NAMES[3]]
    assert found("zzz") == []
    assert found("  ") == NAMES


def test_letters_that_mean_something_to_expressions_are_letters() -> None:
    index = FuzzyIndex(["a.b*c", "a-b", "[x]^\\"])
    assert index.search(".*") == [0]
    assert index.search("^") == [2]
    assert index.search("a-b") == [1]


def is_subsequence(word: str, name: str) -> bool:
    letters = iter(name)
    return all(letter in letters for letter in word)


@given(st.lists(st.text("abAB \n-", max_size=8), max_size=12), st.text("ab -", max_size=4))
def test_matches_are_the_names_that_have_every_words_letters_in_order(names: list[str], query: str) -> None:
    expected = [
        index
        for index, name in enumerate(names)
        if all(is_subsequence(word, name.lower().replace("\n", " ")) for word in query.split())
    ]
    assert sorted(FuzzyIndex(names).search(query)) == expected


def test_50_000_names() -> None:
    names = [
        f"family{number % 37}-{number}-instruct:{number % 70}b provider{number % 9}"
        for number in range(50_000)
    ]
    index = FuzzyIndex(names)
    for query in ("f", "family3 70b", "qqqqqq", "a" * 60):
        assert within(0.3, lambda query=query: index.search(query)) is None, query
