"""Versions of hub contents."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sagewright.services.sagemaker.hub.versions import is_version, next_version, padded

parts = st.integers(0, 9999)
numbers = st.tuples(parts, parts, parts)


@given(numbers, numbers)
def test_padded_versions_have_the_order_of_their_numbers(
    one: tuple[int, int, int], other: tuple[int, int, int]
) -> None:
    texts = [".".join(map(str, each)) for each in (one, other)]
    assert all(map(is_version, texts))
    assert (padded(texts[0]) < padded(texts[1])) is (one < other)


@given(numbers.filter(lambda each: each[0] < 9999))
def test_the_next_version_is_later(one: tuple[int, int, int]) -> None:
    text = ".".join(map(str, one))
    assert padded(next_version(text)) > padded(text)


def test_the_first_version() -> None:
    assert next_version(None) == "1.0.0"
