"""Runs a suite of tests unless it passed before with the same files: `unchanged.py SUITE COMMAND...`.

Hashes all that decides how a suite ends: its tests and settings, the packages of `sagewright` that they reach, and the versions in
its environment. `.cache/passed` remembers a suite that passed for a week, since some tests draw at random. SAGEWRIGHT_TEST_ALL=1
runs it in any case.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
PASSED = Path(".cache") / "passed"
KEPT_S = 7 * 24 * 3600
ALL = "SAGEWRIGHT_TEST_ALL"
MADE = {"__pycache__", ".pytest_cache", ".mypy_cache", ".hypothesis"}
NAMED = re.compile(r"\bsagewright[./](\w+)")


@dataclass(frozen=True)
class Suite:
    """`files`: what it runs and how, files and folders. `starts`: parts of sagewright that it uses without an import."""

    files: tuple[str, ...]
    environment: str
    starts: tuple[str, ...] = ()


COMMON = ("Makefile", "uv.lock", "tests/schedule.py", "tools/unchanged.py", "tools/environment.py", "tools/jobenv.ini")
SERVER = tuple(
    f"tests/{name}.py" for name in ("conftest", "forkedserver", "postgres", "serverforks", "warm", "warmclient")
)
SUITES = {
    "jobenv": Suite(
        (*COMMON, "tests/jobenv", "tests/examples.py", "tools/jobenv.txt", "bench/algorithms", "packages"),
        ".cache/jobenv",
        ("algorithms", "serving", "toolkit", "door/hook"),
    ),
    "clarify": Suite(
        (
            "Makefile",
            "uv.lock",
            "tools/unchanged.py",
            "tools/environment.py",
            "tools/clarify.ini",
            "tools/clarify.txt",
            "tests/clarify",
        ),
        ".cache/clarify",
        ("captured", "clarify", "monitor"),
    ),
    "wrangler": Suite(
        (
            "Makefile",
            "uv.lock",
            "tools/unchanged.py",
            "tools/environment.py",
            "tools/wrangler.ini",
            "tools/wrangler.txt",
            "tests/wrangler",
        ),
        ".cache/wrangler",
        ("wrangler",),
    ),
    "packages": Suite(
        (*COMMON, "packages", "tests/jobenv", "pyproject.toml"), ".cache/packages", ("algorithms", "serving", "toolkit")
    ),
    "ray": Suite((*COMMON, "tests/conformance", *SERVER, "pyproject.toml"), ".cache/ray", ("cli",)),
}


def files(paths: Iterable[Path]) -> Iterator[Path]:
    """Yields the files and those below the folders, in order, but for what a run of them makes."""
    for path in sorted(paths):
        if path.is_dir():
            if path.name not in MADE:
                yield from files(path.iterdir())
        elif path.suffix != ".pyc" and path.exists():
            yield path


@functools.cache
def named(source: str) -> frozenset[str]:
    """The packages of sagewright that a module imports, or names in a string: programs for other processes do."""
    if "sagewright" not in source:
        return frozenset()
    tree = ast.parse(source)
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(match for name in node.names for match in NAMED.findall(name.name))
        elif isinstance(node, ast.ImportFrom) and not node.level:
            if node.module == "sagewright":
                found.update(name.name for name in node.names)
            found.update(NAMED.findall(node.module or ""))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            found.update(NAMED.findall(node.value))
    return frozenset(found)


def reached(suite: Suite, root: Path) -> list[Path]:
    """Returns the packages of sagewright that a suite may run, each as a whole, in order."""
    source = root / "src" / "sagewright"
    tests = files(root / name for name in suite.files if name.startswith(("tests", "packages", "bench")))
    new = {source / name for name in suite.starts}
    new |= {source / name for path in tests if path.suffix == ".py" for name in named(path.read_text())}
    reach: set[Path] = set()
    while new:
        reach |= new
        modules = [path for path in files(new) if path.suffix == ".py"]
        new = {source / name for path in modules for name in named(path.read_text())} - reach
    return sorted(path for path in reach if path.exists())


def versions(environment: Path) -> list[str]:
    """The names of the distributions in an environment, and in those that its .pth files add."""
    found: list[str] = []
    for packages in sorted(environment.glob("lib/python3*/site-packages")):
        added = [Path(line) for file in packages.glob("*.pth") for line in file.read_text().splitlines()]
        for place in (packages, *added):
            found += sorted(one.name for one in place.glob("*.dist-info"))
    return found


def digest(suite: Suite, root: Path) -> str:
    """Returns a hash of what decides how a suite ends."""
    said = hashlib.sha256("\0".join([platform.platform(), sys.version, *versions(root / suite.environment)]).encode())
    for path in files([*(root / name for name in suite.files), *reached(suite, root)]):
        said.update(f"\0{path.relative_to(root)}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return said.hexdigest()


def is_dry(flags: str) -> bool:
    """True if make was asked to run nothing (-n, -q or -t): it runs lines that call make even then."""
    letters = flags.partition(" ")[0]
    return not letters.startswith("-") and "=" not in letters and bool(set("nqt") & set(letters))


def run(name: str, command: list[str], root: Path = ROOT) -> int:
    """Returns the exit status of the command, or 0 if the suite passed with the same files before.

    Its output is printed at once when it has ended: other tests write to the terminal meanwhile.
    """
    if is_dry(os.environ.get("MAKEFLAGS", "")):
        return subprocess.run(command, check=False, cwd=root, close_fds=False).returncode
    place, suite = root / PASSED, SUITES[name]
    before = digest(suite, root)
    kept = place / f"{name}-{before}"
    if kept.exists() and time.time() - kept.stat().st_mtime < KEPT_S and not os.environ.get(ALL):
        print(f"{name}: nothing that it reaches has changed since it passed; {ALL}=1 runs it", flush=True)
        return 0
    print(f"{name}: runs, and says at its end how that went", flush=True)
    is_new = not versions(root / suite.environment)
    with tempfile.TemporaryFile() as output:  # descriptors stay open: make's jobserver is one
        status = subprocess.run(
            command, check=False, cwd=root, stdout=output, stderr=output, close_fds=False
        ).returncode
        output.seek(0)
        shutil.copyfileobj(output, sys.stdout.buffer)
        sys.stdout.flush()
    after = digest(suite, root)
    if status == 0 and (after == before or is_new):
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{name}-{after}").touch()
    return status


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], sys.argv[2:]))
