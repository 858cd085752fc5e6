"""Units of texts: their bounds in many scripts, and their cost."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagewright.clarify.errors import CustomerError
from sagewright.clarify.texts.units import Unit, divide, merged


def texts(text: str, granularity: str, language: str = "english") -> list[str]:
    return [unit.text for unit in divide(text, granularity, language)]


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Don't pay $3.50 (10%)!", "english", ["Don't", "pay", "$3.50", "(", "10%", ")", "!"]),
        ("an e-mail to me@x.org, 10am ...", "en", ["an", "e-mail", "to", "me@x.org", ",", "10am", "..."]),
        ("L'homme qu'il a vu", "french", ["L'", "homme", "qu'", "il", "a", "vu"]),
        ("我喜欢机器学习。Python很好!", "chinese", [*"我喜欢机器学习。", "Python", "很", "好", "!"]),
        ("東京タワーが好きです。", "ja", ["東京", "タワー", "が", "好", "きです", "。"]),
        ("ภาษาไทย", "thai", ["ภา", "ษา", "ไท", "ย"]),
        ("हिन्दी में।", "hindi", ["हिन्दी", "में", "।"]),
        ("مرحبا بالعالم؟", "arabic", ["مرحبا", "بالعالم", "؟"]),
        ("ok 👍🏽 yes", "xx", ["ok", "👍🏽", "yes"]),
        (" \n\t ", "english", []),
    ],
)  # fmt: skip
def test_tokens(text: str, language: str, expected: list[str]) -> None:
    assert texts(text, "token", language) == expected


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        (
            "Dr. Smith met J. Doe in the U.S. yesterday. It cost 3.5 dollars! Really? \"Yes.\" Then",
            "english",
            ["Dr. Smith met J. Doe in the U.S. yesterday.", "It cost 3.5 dollars!", "Really?", '"Yes."', "Then"],
        ),
        ("Das ist z.B. gut. Und das auch.", "german", ["Das ist z.B. gut.", "Und das auch."]),
        ("我喜欢。你呢？", "chinese", ["我喜欢。", "你呢？"]),
        ("Τι κάνεις; Καλά.", "greek", ["Τι κάνεις;", "Καλά."]),
        ("a; b", "english", ["a; b"]),
        ("สวัสดี ครับ", "thai", ["สวัสดี", "ครับ"]),
        ("a title\n\nA sentence", "english", ["a title", "A sentence"]),
        ("broken\nline goes on. Next", "english", ["broken\nline goes on.", "Next"]),
    ],
)  # fmt: skip
def test_sentences(text: str, language: str, expected: list[str]) -> None:
    assert texts(text, "sentence", language) == expected


def test_paragraphs_have_positions_in_characters() -> None:
    assert divide("  one\ntwo \n \n\n thrée\n\n", "paragraph", "en") == [Unit("one\ntwo", 2), Unit("thrée", 15)]


def test_unknown_granularity() -> None:
    with pytest.raises(CustomerError, match="must be token, sentence or paragraph, not 'word'"):
        divide("a", "word", "en")


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.text(st.one_of(st.characters(), st.sampled_from(" \n.!?'’-。1aé我ก")), max_size=60),
    st.sampled_from(["token", "sentence", "paragraph"]),
    st.sampled_from(["en", "fr", "ja", "th", "el", "xx"]),
)
def test_units_hold_all_characters_but_white_space_in_order(text: str, granularity: str, language: str) -> None:
    units = divide(text, granularity, language)
    position = 0
    for unit in units:
        assert not text[position : unit.start].strip()
        assert unit.text == text[unit.start : unit.end] == unit.text.strip() != ""
        position = unit.end
    assert not text[position:].strip()


@pytest.mark.parametrize("granularity", ["token", "sentence", "paragraph"])
def test_no_text_takes_quadratic_time(granularity: str) -> None:
    """A quadratic pattern would take hours for these."""
    for text in ("a.", "(", "a'", "\n ", "a- ", "้", "1.", "a.)", "😀\u200d", "。", "ー"):
        divide(text * (300_000 // len(text)) + "x", granularity, "fr")
    for repeated in (" ", ".", "1", "\n"):
        divide(repeated * 300_000 + "x", granularity, "th")


def test_neighbours_are_merged_beyond_the_limit() -> None:
    text = "a b c d e f g"
    found = merged(text, divide(text, "token", "en"), 3)
    assert found == [Unit("a b c", 0), Unit("d e f", 6), Unit("g", 12)]
    assert merged(text, found, 3) is found
