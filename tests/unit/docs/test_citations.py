"""Paths and modules that pages cite exist, so that a move can't leave them behind."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SOURCES = ROOT / "src/sagewright"
PAGES = sorted([ROOT / "README.md", ROOT / "AGENTS.md", ROOT / "DESIGN.md", *(ROOT / "docs").rglob("*.md")])
PATH = re.compile(r"`((?:[\w.-]+/)+[\w-]+\.py)\b")
SAVED = re.compile(r"^```python\n# ([\w./-]+\.py)$", re.MULTILINE)
MODULE = re.compile(r"`((?:engine|services|store|front|wire|kinds|pipelines|sandbox)(?:\.[a-z_]+)+)")
SUFFIXES = {"sqlite"}
BASES = (ROOT, SOURCES, SOURCES / "algorithms", ROOT / "examples")


def _page_id(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=_page_id)
def test_cited_paths_exist(page: Path) -> None:
    """Files that a page itself has its reader save are not cited."""
    cited = set(PATH.findall(page.read_text())) - set(SAVED.findall(page.read_text()))
    assert sorted(path for path in cited if not any((base / path).exists() for base in BASES)) == []


@pytest.mark.parametrize("page", PAGES, ids=_page_id)
def test_cited_modules_exist(page: Path) -> None:
    """The first parts of a dotted name are packages; the one after them is a module, or a name in the package's `__init__`."""
    faults = []
    for name in set(MODULE.findall(page.read_text())):
        place, parts = SOURCES, name.split(".")
        while parts and (place / parts[0]).is_dir():
            place = place / parts.pop(0)
        if (
            parts
            and parts[0] not in SUFFIXES
            and not (place / f"{parts[0]}.py").exists()
            and parts[0] not in (place / "__init__.py").read_text()
        ):
            faults.append(name)
    assert sorted(faults) == []
