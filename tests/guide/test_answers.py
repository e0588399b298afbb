"""What the guide says, and what it never fails to say."""

from __future__ import annotations

import pytest

from chatterm.backend.guide import answers as guide_answers
from chatterm.backend.guide import manual_search, manual_words
from chatterm.backend.guide.answers import GuideAnswers
from chatterm.backend.guide.manual_pages import Page, read_pages
from tests.guide.questions import FRESH_QUESTIONS, QUESTIONS

PAGES = read_pages()
ANSWERS = GuideAnswers()
EVERYTHING = [
    *(question for question, _ in QUESTIONS + FRESH_QUESTIONS),
    "hello",
    "",
    "tell me a joke",
    "keys",
]


@pytest.mark.parametrize("question", EVERYTHING)
def test_every_answer_says_that_no_model_is_involved_and_how_to_get_one(question: str) -> None:
    answer = ANSWERS.answer(question)
    assert "o model" in answer
    assert "chatterm --provider ollama --model llama3" in answer
    assert answer.count("\n```") % 2 == 0


def test_an_answer_quotes_the_section_word_for_word_and_names_the_page() -> None:
    answer = ANSWERS.answer("how can I abort an answer while it is being written")
    stopping = next(item for page in PAGES for item in page.sections if item.heading == "Stopping a reply")
    assert answer.startswith(f"## Stopping a reply\n\n{stopping.text}\n\n---\n")
    assert "`/help replies`" in answer


@pytest.mark.parametrize("question", [question for question, _ in QUESTIONS])
def test_an_answer_names_two_or_three_other_sections_that_exist(question: str) -> None:
    answer = ANSWERS.answer(question)
    related = answer.partition("Related, ask by name: ")[2].partition("\n")[0].split(" · ")
    headings = [f"**{item.heading}**" for page in PAGES for item in page.sections]
    quoted = answer.partition("\n")[0].removeprefix("## ")
    assert len(set(related)) in (2, 3) and set(related) <= set(headings)
    assert f"**{quoted}**" not in related


@pytest.mark.parametrize(
    "question", ["hello", "Hi there!", "good morning", "thanks", "what can you do?", "", "\n"]
)
def test_a_greeting_gets_the_first_steps_and_the_topics(question: str) -> None:
    answer = ANSWERS.answer(question)
    assert "## The first steps" in answer
    assert all(f"`{page.topic}`" in answer for page in PAGES)


def test_what_the_manual_does_not_know_gets_the_way_to_a_model_and_the_topics() -> None:
    answer = ANSWERS.answer("what is the capital of France?")
    assert answer.startswith("The manual has nothing on that")
    assert "## Getting a real model" in answer
    assert all(f"`{page.topic}`" in answer for page in PAGES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.topic)
def test_a_topic_asked_for_by_name_lists_its_sections(page: Page) -> None:
    for name in (page.topic, f"/help {page.topic}", f"{page.title.upper()}?"):
        answer = ANSWERS.answer(name)
        assert answer.startswith(f"## {page.title}\n")
        assert all(f"- {item.heading}" in answer for item in page.sections)


def test_a_section_asked_for_by_its_heading_is_quoted() -> None:
    for page in PAGES:
        for section in page.sections:
            assert ANSWERS.answer(f"**{section.heading}**").startswith(
                f"## {section.heading}\n\n{section.text}"
            )


@pytest.mark.parametrize("follow_up", ["and with Ollama?", "what about ollama", "does ollama have it?"])
def test_a_follow_up_is_read_with_the_question_before(follow_up: str) -> None:
    assert ANSWERS.answer(follow_up, "how do I set request parameters").startswith("## Parameters of Ollama")


def test_a_question_of_its_own_is_not_read_with_the_one_before() -> None:
    alone = ANSWERS.answer("which environment variables are read")
    assert ANSWERS.answer("which environment variables are read", "how do I set request parameters") == alone


def test_attachments_are_named_as_left_out() -> None:
    answer = ANSWERS.answer("how do I stop a reply", attachments=["a.png", "b.txt"])
    assert answer.startswith("The guide does not read attachments; left out: a.png, b.txt.\n")


def test_the_manual_is_read_on_first_use_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[int] = []

    def counted() -> tuple[Page, ...]:
        reads.append(1)
        return PAGES

    monkeypatch.setattr(guide_answers, "read_pages", counted)
    answers = GuideAnswers()
    assert not reads
    answers.answer("hello")
    answers.answer("keys")
    assert reads == [1]


def test_of_a_pasted_file_only_the_beginning_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def words_of(text: str) -> list[str]:
        seen.append(text)
        return manual_words.words_of(text)

    answers = GuideAnswers()
    answers.answer("ready")
    for module in (guide_answers, manual_search):
        monkeypatch.setattr(module, "words_of", words_of)
    question = "how can I abort an answer while it is being written"
    pasted = f"\n\n  {question}\n" + "a line of the file\n" * 50_000
    assert "## Stopping a reply" in answers.answer(question + " " * 1_000_000)
    assert answers.answer(pasted) == answers.answer(pasted[:6000])
    answers.answer("and that?", pasted)
    assert max(map(len, seen)) <= 4096
