"""The library of jobs: a compiled copy of the parts of `sagewright` that run inside jobs, the packages made only for jobs, and the
door's hook.

It is made once per state of the sources and shared read-only, so that no job compiles or copies anything.
"""

from __future__ import annotations

import compileall
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PARTS = ("toolkit", "algorithms", "serving", "captured", "clarify", "monitor", "wrangler")
HOOK = Path("door") / "hook" / "sitecustomize.py"
"""Imported by every Python of the job, so that AWS SDKs inside reach this server as they do through `sagewright exec`."""


@dataclass(frozen=True)
class Root:
    """`files` keep their path below `directory`, and are below `place` in the library."""

    directory: Path
    place: Path
    files: list[Path]


_known: dict[Path, str] = {}


def preload(package: Path) -> None:
    """Reads the sources of `package` now, for this process and its forks: they stage these sources, matching their code."""
    _known[package] = _state(_roots(package))


def known_library(package: Path, cache: Path) -> Path | None:
    """Returns the directory that `staged_library` would return, if it exists and this process has read the sources; creates
    nothing."""
    known = _known.get(package)
    library = None if known is None else _library(cache, known)
    return library if library is not None and library.is_dir() else None


def staged_library(package: Path, cache: Path) -> Path:
    """Returns the directory for PYTHONPATH. `package`: the installed `sagewright`; `cache`: where copies are kept."""
    known = _known.get(package)
    if known is not None and _library(cache, known).is_dir():
        return _library(cache, known)
    roots = _roots(package)
    library = _library(cache, _state(roots))
    if not library.is_dir():
        _stage(roots, library)
    return library


def _library(cache: Path, state: str) -> Path:
    return cache / f"library-{state}"


def _stage(roots: list[Root], library: Path) -> None:
    library.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".library-", dir=library.parent) as name:
        partial = Path(name) / "library"
        for root in roots:
            for source in root.files:
                target = partial / root.place / source.relative_to(root.directory)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)
        compileall.compile_dir(str(partial), quiet=2)
        try:
            partial.rename(library)
        except OSError:
            if not library.is_dir():  # otherwise another agent was faster
                raise


def _roots(package: Path) -> list[Root]:
    hook = package / HOOK
    own = [package / "__init__.py", *(file for part in PARTS for file in sorted((package / part).rglob("*.py")))]
    others = [Root(directory, Path(), sorted(directory.rglob("*.py"))) for directory in _for_jobs(package)]
    return [Root(hook.parent, Path(), [hook]), Root(package, Path("sagewright"), own), *others]


def _for_jobs(package: Path) -> Iterator[Path]:
    """Yields the packages of the distributions made for jobs: inside an installed `sagewright`, beside `src` in a checkout."""
    installed = package / "packages"
    if installed.is_dir():
        yield from sorted(installed.iterdir())
    else:
        yield from sorted((package.parents[1] / "packages").glob("*/src"))


def _state(roots: list[Root]) -> str:
    digest = hashlib.sha256()
    for source in (file for root in roots for file in root.files):
        status = os.stat(source)  # noqa: PTH116 - many files, and this is on the way to a job's first line
        digest.update(f"{source}:{status.st_mtime_ns}:{status.st_size}\n".encode())
    return digest.hexdigest()[:16]
