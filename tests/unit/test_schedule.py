"""The schedule's statements about files of tests are true."""

from __future__ import annotations

import os
import re
import subprocess
import sys
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


SAMPLED = """
import pytest
@pytest.mark.sampled(2)
@pytest.mark.parametrize("case", range(20))
def test_case(case): pass
@pytest.mark.sampled(1, of="pair")
def test_one(): pass
@pytest.mark.sampled(1, of="pair")
def test_other(): pass
def test_always(): pass
"""


def names(place: Path, *options: str, seed: str = "1") -> set[str]:
    """The tests that are run."""
    arguments = [sys.executable, "-m", "pytest", "-p", "tests.schedule", "--collect-only", "-q", *options]
    environ = {
        **os.environ,
        "SAGEWRIGHT_TEST_SAMPLE": seed,
        "PYTHONPATH": str(ROOT),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    done = subprocess.run(arguments, capture_output=True, text=True, env=environ, cwd=place, check=True)
    return {line.partition("::")[2] for line in done.stdout.splitlines() if "::" in line}


def test_samples(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_cases.py").write_text(SAMPLED)
    one, other = names(tmp_path, seed="1"), names(tmp_path, seed="2")
    assert one != other
    assert all(len(drawn) == 4 and "test_always" in drawn for drawn in (one, other))
    assert len(names(tmp_path, "--soak", "-m", "soak")) == 22
    assert len(names(tmp_path, seed="all")) == 23
    assert names(tmp_path, "-k", "case and 7") == {"test_case[7]", "test_case[17]"}
    assert names(tmp_path, "tests/test_cases.py::test_case[7]") == {"test_case[7]"}


def test_scopes() -> None:
    assert scope("tests/unit/a.py::test_x[1]") == scope("tests/unit/a.py::test_y") == "tests/unit/a.py"
    scattered = "tests/contract/server/test_clients.py::test_x"
    assert scope(scattered) == scattered
    beside, through = (f"tests/contract/jobs/test_inputs.py::test_x[{kind}-1]" for kind in ("beside", "through S3"))
    assert scope(beside) != scope(through)
    assert scope(beside) == scope(beside.replace("test_x", "test_y"))


PACKED = """
import os, pytest
@pytest.mark.parametrize("case", [b"\\x1f\\x8b" + os.urandom(20), b"text", b"\\xff\\xfe"])
def test_case(case): pass
"""


def test_each_process_gives_a_case_the_same_name(tmp_path: Path) -> None:
    """Those of pytest-xdist run nothing at all where the names differ."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_cases.py").write_text(PACKED)
    assert names(tmp_path) == {"test_case[22 bytes]", "test_case[text]", "test_case[2 bytes]"}
