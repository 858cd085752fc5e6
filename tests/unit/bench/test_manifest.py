"""The arena's data, by its manifest: enough of it played no part in any choice of ours."""

from __future__ import annotations

import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

BOUTS = Path(__file__).parents[3] / "bench" / "algorithms" / "bouts"
SETS = tomllib.loads((BOUTS / "manifest.toml").read_text())
PACKAGED, GENERATED = 5, 3
"""Sets of packages, and generators, that an algorithm is judged on at least."""


@pytest.mark.parametrize("name", sorted(path.stem for path in BOUTS.glob("*.py") if path.stem != "__init__"))
def test_every_algorithm_has_data_that_chose_nothing(name: str) -> None:
    title = name.replace("_", "-")
    judging = [each for each in SETS.values() if title in each["algorithms"] and each["use"] == "judging"]
    assert sum(not each.get("generated", False) for each in judging) >= PACKAGED
    assert sum(each.get("generated", False) for each in judging) >= GENERATED
    text = (BOUTS / f"{name}.py").read_text()
    if "from corpora import" in text:
        text += (BOUTS.parent / "corpora.py").read_text()
    used = [data for data, each in SETS.items() if title in each["algorithms"]]
    assert all(f'"{data}"' in text for data in used)


def test_data_says_what_it_is_for() -> None:
    assert {each["use"] for each in SETS.values()} <= {"judging", "choosing"}
    assert all(each["source"] for each in SETS.values())


def test_what_is_measured_is_an_algorithm() -> None:
    """`make bench-algorithms` takes every module beside it that isn't of its frame for one."""
    frame = re.findall(r'^    "(\w+)",$', (BOUTS.parent / "__main__.py").read_text(), re.MULTILINE)
    modules = [path for path in BOUTS.parent.glob("*.py") if path.stem not in frame]
    assert [path.stem for path in modules if "def contests()" not in path.read_text()] == []


def test_no_module_takes_the_place_of_a_librarys() -> None:
    """The folder of the bench comes first where modules are looked for."""
    tried = {"coverage"}  # by numba, if it is there
    taken = set(packages_distributions()) | sys.stdlib_module_names | tried
    assert [path.stem for path in BOUTS.parent.glob("*.py") if path.stem in taken] == []
