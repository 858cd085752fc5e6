"""The number of jobs above their list."""

from __future__ import annotations

import pytest

from sagewright.studio.pages.develop import jobs


@pytest.mark.parametrize(
    ("count", "hits", "shown"),
    [
        (0, {"Value": 0, "Relation": "EqualTo"}, "0"),
        (7, {"Value": 7, "Relation": "EqualTo"}, "7"),
        (100_000, {"Value": 1000, "Relation": "GreaterThanOrEqualTo"}, "100,000"),
        (0, {"Value": 1000, "Relation": "GreaterThanOrEqualTo"}, "1,000+"),
    ],
)
def test_a_number_that_is_not_known_is_a_least_number(count: int, hits: dict[str, object], shown: str) -> None:
    assert jobs._total(count, hits) == shown
