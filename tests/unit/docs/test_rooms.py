"""Every package is held by an import contract: a new one can't be forgotten."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
SOURCES = ROOT / "src/sagewright"
ROOMS = {path.parent.name for path in SOURCES.glob("*/__init__.py")}
IN_JOBS = {"toolkit", "algorithms", "serving", "captured", "clarify", "monitor", "wrangler"}
MAY_IMPORT: dict[str, set[str]] = {
    "agent": {"runtimes", "sandbox", "jobfiles", "upstream", "model"} | IN_JOBS,
    "sandbox": {"jobfiles", "model"},
    "jobfiles": set(),
    "door": {"model"},
    "tuning": set(),
    "pipelines": set(),
    "toolkit": {"algorithms", "serving"},
    "algorithms": {"toolkit", "serving"},
    "serving": set(),
    "captured": set(),
    "clarify": {"toolkit", "algorithms", "serving", "captured"},
    "monitor": {"captured"},
    "wrangler": {"clarify", "toolkit", "algorithms", "serving", "captured"},
}
"""The rooms beside the layers, and two among them."""


def _contracts() -> list[dict[str, Any]]:
    contracts: list[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
        "contracts"
    ]
    return contracts


def _rooms(names: list[str]) -> set[str]:
    return {part.strip().removeprefix("sagewright.") for name in names for part in re.split("[:|]", name)}


def _layers(container: str = "sagewright") -> set[str]:
    """Names of all packages and modules in the exhaustive contract of a package."""
    found = [one for one in _contracts() if one["type"] == "layers" and one["containers"] == [container]]
    assert [one["exhaustive"] for one in found] == [True]
    return _rooms(found[0]["layers"])


def _sources_that_may_not_import(module: str) -> set[str]:
    forbidding = [one for one in _contracts() if module in one.get("forbidden_modules", [])]
    return {room for one in forbidding for room in _rooms(one["source_modules"])}


def test_each_room_has_its_place() -> None:
    assert _layers() == ROOMS


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_a_room_beside_the_layers_may_import_what_is_said_and_no_more(room: str) -> None:
    forbidden = {other for other in ROOMS if room in _sources_that_may_not_import(f"sagewright.{other}")}
    assert ROOMS - forbidden - {room} == MAY_IMPORT[room]


def test_no_room_of_the_server_may_import_a_learning_framework() -> None:
    assert ROOMS - _sources_that_may_not_import("torch") == IN_JOBS


def test_ray_is_only_for_what_talks_to_it() -> None:
    assert ROOMS - _sources_that_may_not_import("ray") == {"compute", *IN_JOBS}  # of compute its modules are named


def test_the_page_for_contributors_names_each_room() -> None:
    page = (ROOT / "AGENTS.md").read_text()
    table = page[page.index("## Layers") : page.index("## Sizes")]
    assert [room for room in sorted(ROOMS) if f"`{room}" not in table] == []


def test_the_import_hook_needs_the_standard_library_alone() -> None:
    tree = ast.parse((SOURCES / "door/hook/sitecustomize.py").read_text())
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or ".").partition(".")[0])
    assert imported <= sys.stdlib_module_names
