"""Refuses a list of phrases in docstrings, comments, pages and fragments, and docstrings that begin with "What" or "Of"."""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCES = ("src", "packages", "tools")
TESTS = ("tests",)
"""Only docstrings are checked here: reading the comments of all tests would take as long as everything else."""
PAGES = ("README.md", "AGENTS.md", "DESIGN.md", "docs", "changelog.d")
GENERATED = {"conformance.md", "s3-conformance.md"}
"""Pages whose rows are names of tests."""
BEGINNINGS = re.compile(r"(What|Of|Tells (?:whether|an?|by))\b")
PHRASES = re.compile(
    r"\b("
    r"(is|are|was|were|be|been) told(?! apart| from)|tells? of|whoever|who asks?|for who\b|"
    r"as AWS has it|held against|has a look|have .{1,30} looked at|"
    r"nobody has|nobody knows|somebody|(?<!there )(is|are) no [A-Z]\w+|of one's own|"
    r"at AWS|kept and told|is had|can't be had|in so many words|who has asked|(is|are) wanted for|for ever|"
    r"(is|are) held against|what is made|told again|"
    r"in a (process|session|module|terminal|file|thread|folder) of (its|their) own|the standard library alone|made up for|"
    r"some \d+|lies (beside|at the)"
    r")\b"
)


def docstrings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """The line and text of each docstring, those of attributes included."""
    for node in ast.walk(tree):
        for statement in node.body if isinstance(getattr(node, "body", None), list) else ():
            value = statement.value if isinstance(statement, ast.Expr) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield statement.lineno, value.value


def faults_of_code(path: Path, comments: bool) -> Iterator[str]:
    text = path.read_text()
    where = path.relative_to(ROOT)
    for line, doc in docstrings(ast.parse(text)):
        if found := BEGINNINGS.match(doc.strip()):
            yield f'{where}:{line} a docstring begins with "{found[1]}"'
        for found in PHRASES.finditer(doc):
            yield f'{where}:{line} "{found[0]}"'
    for token in tokenize.generate_tokens(io.StringIO(text).readline) if comments else ():
        if token.type == tokenize.COMMENT and (found := PHRASES.search(token.string)):
            yield f'{where}:{token.start[0]} "{found[0]}"'


def faults_of_page(path: Path) -> Iterator[str]:
    fenced = False
    for number, line in enumerate(path.read_text().splitlines(), 1):
        fenced ^= line.lstrip().startswith("```")
        if not fenced and (found := PHRASES.search(line)):
            yield f'{path.relative_to(ROOT)}:{number} "{found[0]}"'


def main() -> int:
    code = {path: folder in SOURCES for folder in SOURCES + TESTS for path in sorted((ROOT / folder).rglob("*.py"))}
    named = [ROOT / name for name in PAGES]
    pages = [page for path in named for page in ([*path.rglob("*.md")] if path.is_dir() else [path])]
    pages = sorted(page for page in pages if page.name not in GENERATED)
    found = [fault for path, comments in code.items() for fault in faults_of_code(path, comments)]
    found += [fault for path in pages for fault in faults_of_page(path)]
    print("\n".join(found) or "prose holds")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
