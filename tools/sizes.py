"""Holds the sizes that keep the code readable: lines a file and a function, parameters a function."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
MAX_FILE = 500
MAX_FUNCTION = 60
MAX_PARAMETERS = 7  # six and self
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
        if parameters > MAX_PARAMETERS:
            yield f"{where}:{node.lineno} {node.name}: {parameters} parameters, at most {MAX_PARAMETERS}"


def main() -> int:
    found = [
        fault
        for folder in ("src", "packages", "tests", "tools", "bench", "examples")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for fault in faults(path)
    ]
    print("\n".join(found) or "sizes hold")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
