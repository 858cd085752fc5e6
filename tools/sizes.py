"""Checks the sizes that keep the code readable: lines, parameters, modules a folder, and public class names that stand once."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
MAX_FILE = 500
MAX_FUNCTION = 60
MAX_PARAMETERS = 7  # six and self
OPTIONS = ("src/sagewright/cli/*/*.py",)  # there, options of a command
MAX_MODULES = 20
SOURCES = ROOT / "src" / "sagewright"
VAGUE = {"utils", "util", "helpers", "common", "core", "misc"}


def faults(path: Path) -> Iterator[str]:
    text = path.read_text()
    where = path.relative_to(ROOT)
    if text.count("\n") > MAX_FILE:
        yield f"{where}: {text.count(chr(10))} lines, at most {MAX_FILE}"
    if path.stem in VAGUE:
        yield f"{where}: a room without a purpose by its name"
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        length = (node.end_lineno or node.lineno) - node.lineno + 1
        if length > MAX_FUNCTION:
            yield f"{where}:{node.lineno} {node.name}: {length} lines, at most {MAX_FUNCTION}"
        parameters = len(node.args.posonlyargs) + len(node.args.args) + len(node.args.kwonlyargs)
        if parameters > MAX_PARAMETERS and not any(map(where.match, OPTIONS)):
            yield f"{where}:{node.lineno} {node.name}: {parameters} parameters, at most {MAX_PARAMETERS}"


def crowded() -> Iterator[str]:
    for folder in sorted(path.parent for path in SOURCES.rglob("__init__.py")):
        count, name = len(list(folder.glob("*.py"))) - 1, str(folder.relative_to(SOURCES))
        if count > MAX_MODULES:
            yield f"{name}: {count} modules beside its __init__, at most {MAX_MODULES}"


def repeated_classes() -> Iterator[str]:
    """Public classes of one name in several files, but for those of algorithms."""
    places: dict[str, set[str]] = {}
    for path in SOURCES.rglob("*.py"):
        where = str(path.relative_to(SOURCES))
        if not where.startswith("algorithms/"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    places.setdefault(node.name, set()).add(where)
    for name, files in sorted(places.items()):
        if len(files) > 1:
            yield f"class {name} stands in {', '.join(sorted(files))}"


def main() -> int:
    found = [
        fault
        for folder in ("src", "packages", "tests", "tools", "bench", "examples")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for fault in faults(path)
    ]
    found += [*crowded(), *repeated_classes()]
    print("\n".join(found) or "sizes hold")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
