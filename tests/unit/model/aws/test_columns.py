from __future__ import annotations

import pytest

from sagewright.model.aws.columns import Columns


def test_columns_are_a_sequence_of_structures() -> None:
    items = Columns(3, {"Key": ["a", "b", "c"], "Size": [1, None, 0]}, {"Owner": "o", "Class": None})
    assert list(items) == [
        {"Key": "a", "Size": 1, "Owner": "o"},
        {"Key": "b", "Owner": "o"},
        {"Key": "c", "Size": 0, "Owner": "o"},
    ]
    assert items[1:] == [items[1], items[2]]
    assert items[-1]["Key"] == "c"
    assert len(items) == 3
    with pytest.raises(IndexError):
        items[3]
    assert not Columns(0, {}, {"Owner": "o"})


def test_columns_have_one_length() -> None:
    with pytest.raises(ValueError, match="different lengths"):
        Columns(2, {"Key": ["a"]}, {})
