from __future__ import annotations

import pytest

from sagewright.agent.channels import relative_key


@pytest.mark.parametrize(
    ("key", "prefix", "path"),
    [
        ("data/train/a.csv", "data/train", "a.csv"),
        ("data/train/a.csv", "data/train/", "a.csv"),
        ("data/train/x/a.csv", "data/train", "x/a.csv"),
        ("data/train.csv", "data/train.csv", "train.csv"),
        ("data/train-1.csv", "data/train", "train-1.csv"),
        ("a.csv", "", "a.csv"),
        ("x/a.csv", "", "x/a.csv"),
        ("/odd/a.csv", "/odd", "a.csv"),
    ],
)
def test_the_path_of_a_key_in_its_channel(key: str, prefix: str, path: str) -> None:
    assert relative_key(key, prefix) == path
