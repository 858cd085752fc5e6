"""What jobs may import of ours: a compiled copy of `sagewright.toolkit` and `sagewright.algorithms`, and the door's hook.

It is made once for each state of the sources and shared read-only, so that no job compiles or copies anything.
"""

from __future__ import annotations

import compileall
import hashlib
import os
import shutil
import tempfile
from pathlib import Path

PARTS = ("toolkit", "algorithms")
NAMES = Path("toolkit") / "names"
"""Packages that users' scripts import by names of AWS's own."""
HOOK = Path("door") / "hook" / "sitecustomize.py"
"""Imported by every Python of the job: AWS SDKs inside reach this server as they do through `sagewright exec`."""


def staged_library(package: Path, cache: Path) -> Path:
    """The directory to put on PYTHONPATH. `package`: the installed `sagewright`; `cache`: where copies are kept."""
    sources = [
        package / HOOK,
        package / "__init__.py",
        *(file for part in PARTS for file in sorted((package / part).rglob("*.py"))),
    ]
    library = cache / f"library-{_state(sources)}"
    if library.is_dir():
        return library
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".library-", dir=cache) as name:
        partial = Path(name) / "library"
        for source in sources:
            target = partial / _place(source.relative_to(package))
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
        compileall.compile_dir(str(partial), quiet=2)
        try:
            partial.rename(library)
        except OSError:
            if not library.is_dir():  # else another agent was quicker
                raise
    return library


def _place(source: Path) -> Path:
    if source == HOOK:
        return Path(HOOK.name)
    return source.relative_to(NAMES) if source.is_relative_to(NAMES) else Path("sagewright") / source


def _state(sources: list[Path]) -> str:
    digest = hashlib.sha256()
    for source in sources:
        status = os.stat(source)  # noqa: PTH116 - many files, and this is on the way to a job's first line
        digest.update(f"{source}:{status.st_mtime_ns}:{status.st_size}\n".encode())
    return digest.hexdigest()[:16]
