"""Sources that the oldest Python of a job must be able to read."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[1] / "src"
FILES = sorted(SOURCES.rglob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SOURCES)))
def test_a_module_is_read_by_python_3_8(file: Path) -> None:
    tree = ast.parse(file.read_text(), feature_version=(3, 8))
    annotated = any(isinstance(node, (ast.AnnAssign, ast.arg)) and node.annotation for node in ast.walk(tree))
    lazily = any(isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in tree.body)
    assert lazily or not annotated, "annotations are evaluated, and 3.8 knows no list[int]"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SOURCES)))
def test_a_module_needs_pytorch_and_nothing_else(file: Path) -> None:
    own = {"torch", "smdistributed"}
    for node in ast.walk(ast.parse(file.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for name in names:
            root = name.partition(".")[0]
            assert root in own or _is_standard(root), name


def _is_standard(name: str) -> bool:
    import sys

    return name in sys.stdlib_module_names
