"""Trees too deep for pytest, which deletes old directories by recursion, go with their test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sagewright.jobfiles.removal import remove_tree


@pytest.fixture(autouse=True)
def tidy(tmp_path: Path) -> Iterator[None]:
    yield
    assert remove_tree(tmp_path) == []
