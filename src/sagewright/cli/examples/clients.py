"""Pythons that have an SDK and the packages that the examples' data needs: this one, or an environment that is built once."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from sagewright.cli.examples.catalogue import requirements
from sagewright.model.settings import Settings
from sagewright.runtimes.environments import Environments


def python_of(sdk: str, settings: Settings, say: Callable[[str], None]) -> Path:
    """Returns the interpreter for the examples of an SDK. Raises EnvironmentFailed."""
    needed = requirements(sdk)
    if all(_holds_here(one) for one in needed):
        return Path(sys.executable)
    digest = hashlib.sha256("\n".join(needed).encode()).hexdigest()[:8]
    environments = Environments(settings.environments_dir, settings.framework_versions)
    made = environments.with_packages(f"examples-sdk-{sdk}-{digest}", needed, say)
    return made.path / "bin" / "python"


def _holds_here(requirement: str) -> bool:
    read = Requirement(requirement)
    try:
        return read.specifier.contains(metadata.version(read.name), prereleases=True)
    except metadata.PackageNotFoundError:
        return False
