"""What the schedule of the tests says of files is true of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.schedule import DIVIDED, LAST, SCATTERED, scope

ROOT = Path(__file__).parents[2]


def test_suites_and_divided_files_are_there() -> None:
    assert all((ROOT / "tests" / suite).is_dir() for suite in LAST)
    for file, parts in DIVIDED.items():
        text = (ROOT / file).read_text()
        assert all(f'"{part.strip("[]")}"' in text for part in parts), file


@pytest.mark.parametrize("file", sorted(SCATTERED))
def test_a_scattered_file_starts_no_server_for_all_of_its_tests(file: str) -> None:
    text = (ROOT / file).read_text()
    assert "server_with" not in text
    assert not re.search(r'scope="(module|package)"[^\n]*\n(?:def|async def) \w+\([^)]*server_class', text)


def test_scopes() -> None:
    assert scope("tests/unit/a.py::test_x[1]") == scope("tests/unit/a.py::test_y") == "tests/unit/a.py"
    scattered = "tests/contract/test_clients.py::test_x"
    assert scope(scattered) == scattered
    beside, through = (f"tests/contract/test_inputs.py::test_x[{kind}-1]" for kind in ("beside", "through S3"))
    assert scope(beside) != scope(through)
    assert scope(beside) == scope(beside.replace("test_x", "test_y"))
