from __future__ import annotations

import pytest

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
