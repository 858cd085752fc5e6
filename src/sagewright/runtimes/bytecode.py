"""Python bytecode of an environment's packages: bytecode for identical files in another environment is linked, and only the rest is
compiled, except for packages' own tests.

uv links a package's files from its cache, so that one file on the disk is in every environment of the package. Where uv had to copy
them, no file is identical, and everything is compiled.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

KEPT = "__pycache__"
_SELDOM = r"((pip|setuptools|wheel)/|(.*/)?tests?/)"
"""Rarely imported files are compiled on import: a third of all."""
_TAG = f".{sys.implementation.cache_tag}.pyc"


def compile_packages(place: Path, others: Iterable[Path]) -> None:
    """Provides bytecode for everything in `place`, a directory of packages. `others`: such directories for the same Python."""
    siblings = [other for other in others if other != place]
    for directory, names, files in os.walk(place):
        if KEPT in names:
            names.remove(KEPT)
        sources = [name for name in files if name.endswith(".py")]
        for sibling in siblings if sources else ():
            _link(Path(directory), sibling / os.path.relpath(directory, place), sources)
    python = place.parents[2] / "bin" / "python"
    options = ["-q", "-j", "0", "-x", f"^{re.escape(str(place))}/{_SELDOM}", "--invalidation-mode", "timestamp"]
    command = [str(python), "-m", "compileall", *options, str(place)]
    # files that do not compile are not modules: templates, and examples for other Pythons
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", check=False)


def _link(directory: Path, other: Path, sources: Iterable[str]) -> None:
    """Links the bytecode in `other` of files of `directory`."""
    if not (other / KEPT).is_dir():
        return
    (directory / KEPT).mkdir(exist_ok=True)
    for name in sources:
        compiled = name.removesuffix(".py") + _TAG
        try:
            if (directory / name).samefile(other / name):
                (directory / KEPT / compiled).hardlink_to(other / KEPT / compiled)
        except (FileNotFoundError, FileExistsError):
            continue
