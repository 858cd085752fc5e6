"""The source of several modules as one file: imports hoisted, and top-level names kept apart."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
OWN = "sagewright.wrangler."
BASE = ("errors", "types", "operators.budget", "operators.step")
"""Modules that each program carries, whose names stay as they are."""


@dataclass(frozen=True)
class SourceModule:
    """`name` below sagewright.wrangler; `needs`: the other modules of ours that it imports from."""

    name: str
    text: str
    tree: ast.Module

    @property
    def prefix(self) -> str:
        return self.name.rpartition(".")[2]

    @property
    def needs(self) -> tuple[str, ...]:
        found = [node.module for node in self.tree.body if isinstance(node, ast.ImportFrom) and node.module]
        return tuple(one.removeprefix(OWN) for one in found if one.startswith(OWN))


def read(name: str) -> SourceModule:
    text = (ROOT / Path(*name.split("."))).with_suffix(".py").read_text(encoding="utf-8")
    return SourceModule(name, text, ast.parse(text))


def inlined(names: Iterable[str]) -> tuple[list[str], list[str]]:
    """Returns the import lines and the bodies of modules and of those that they need, each after its needs."""
    ordered: dict[str, SourceModule] = {}

    def add(name: str) -> None:
        if name not in ordered:
            module = read(name)
            for other in module.needs:
                add(other)
            ordered[name] = module

    for name in (*BASE, *names):
        add(name)
    imports = {line for module in ordered.values() for line in _imports(module)}
    return sorted(imports, key=lambda line: (line.startswith("from"), line)), [_body(one) for one in ordered.values()]


def _imports(module: SourceModule) -> Iterable[str]:
    for node in module.tree.body:
        if isinstance(node, ast.Import):
            yield from (ast.unparse(ast.Import([one])) for one in node.names)
        elif (
            isinstance(node, ast.ImportFrom) and node.module != "__future__" and not (node.module or "").startswith(OWN)
        ):
            yield from (ast.unparse(ast.ImportFrom(node.module, [one], 0)) for one in node.names)


def _body(module: SourceModule) -> str:
    """Returns a module without its imports; its docstring becomes a comment."""
    lines = module.text.splitlines(keepends=True)
    dropped: list[ast.stmt] = [node for node in module.tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    docstring = ast.get_docstring(module.tree) or ""
    if docstring:
        dropped.append(module.tree.body[0])
    for node in dropped:
        for number in range(node.lineno - 1, node.end_lineno or node.lineno):
            lines[number] = ""
    own = () if module.name in BASE else _hidden(module.tree)
    renamed = {
        name: f"_{module.prefix}{name}" if name.startswith("_") else f"{module.prefix.upper()}_{name}" for name in own
    }
    comment = "".join(f"# {line}".rstrip() + "\n" for line in docstring.splitlines())
    return f"{comment}\n{_renamed(''.join(lines), renamed).strip()}\n"


def _hidden(tree: ast.Module) -> set[str]:
    """Returns the top-level names that other modules may have too: private ones and constants."""
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names.update(one.id for one in node.targets if isinstance(one, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return {name for name in names if name.startswith("_") or name.isupper()}


def _renamed(text: str, names: dict[str, str]) -> str:
    if not names:
        return text
    words = re.compile(r"(?<![\w.'\"])(?:" + "|".join(map(re.escape, sorted(names, key=len, reverse=True))) + r")\b")
    edits: list[tuple[tuple[int, int], tuple[int, int], str]] = []
    before = ""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NAME and token.string in names and before != ".":
            edits.append((token.start, token.end, names[token.string]))
        elif token.type == tokenize.STRING and token.string[:1] in "fF" and token.start[0] == token.end[0]:
            changed = words.sub(lambda match: names[match[0]], token.string)
            edits.append((token.start, token.end, changed))
        before = token.string
    lines = text.splitlines(keepends=True)
    for (row, start), (_, end), new in reversed(edits):
        line = lines[row - 1]
        lines[row - 1] = line[:start] + new + line[end:]
    return "".join(lines)
