from __future__ import annotations

import tracemalloc

import pytest

from sagewright.model import documents
from sagewright.model.documents import MOST_DEPTH, is_deeper, read_json
from sagewright.model.secrecy import equal


@pytest.mark.parametrize(
    "text", ["", "x", "NaN", "[Infinity]", "[" * 100_000, "\ud800", '{"a":' * 2000 + "1" + "}" * 2000]
)
def test_what_is_no_document(text: str) -> None:
    with pytest.raises(ValueError):
        read_json(text)


def test_depth() -> None:
    just = "[" * MOST_DEPTH + "]" * MOST_DEPTH
    assert not is_deeper(read_json(just), MOST_DEPTH)
    for deeper in (f"[{just}]", '{"a":' * (MOST_DEPTH + 1) + "1" + "}" * (MOST_DEPTH + 1)):
        with pytest.raises(ValueError, match="nested"):
            read_json(deeper)
    assert len(read_json(f"[{','.join(['[]'] * 500)}]")) == 500


def test_any_text_can_be_compared() -> None:
    assert equal("abc", "abc")
    for sent in ("", "ab", "abé", "\ud800", "abc\x00"):
        assert not equal("abc", sent)


def test_the_most_memory() -> None:
    assert len(read_json("[" + ",".join(["[]"] * 1_000_000) + "]")) == 1_000_000
    with pytest.raises(ValueError, match=f"bytes in memory; the limit is {96 << 20}"):
        read_json("[" + ",".join(["[]"] * 1_200_000) + "]")


@pytest.mark.parametrize("value", ["[]", '{"a":1}', '[",",[]]'])
def test_values_that_take_too_much_memory_are_refused_before_they_are_made(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "MOST_MEMORY", documents.MOST_MEMORY // 16)  # what is traced takes 20 times as long
    text = "[" + ",".join([value] * 75_000) + "]"
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="bytes in memory; the limit is"):
            read_json(text)
        assert tracemalloc.get_traced_memory()[1] < 5 * len(text)
    finally:
        tracemalloc.stop()


def test_brackets_in_texts_are_no_values() -> None:
    text = '[{,\\"' * 1_000_000
    assert read_json(f'["{text}"]') == [text.replace("\\", "")]
