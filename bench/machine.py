"""What a run was made on: the machine and the versions, told without its name or any path."""

from __future__ import annotations

import hashlib
import os
import platform
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import peers
import psutil
from server import ROOT

OURS = ("sagewright", "uvicorn", "sqlalchemy", "botocore", "orjson")


def facts() -> list[str]:
    """When, on what, and with which versions; one fact a line."""
    what, versions = setting()
    return [f"{now()} UTC", what, f"load average before: {load()}", versions]


def setting() -> list[str]:
    """The machine, and the versions of what is measured."""
    memory = psutil.virtual_memory().total / 2**30
    cores = len(os.sched_getaffinity(0))
    versions = {name: metadata.version(name) for name in OURS} | peers.versions()
    return [
        f"{_processor()}, {cores} cores, {memory:.0f} GiB, Linux {platform.release().split('-')[0]}",
        f"Python {platform.python_version()}, " + ", ".join(f"{name} {found}" for name, found in versions.items()),
    ]


def now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M}"


def load() -> str:
    """1, 5 and 15 minutes."""
    return ", ".join(f"{value:.1f}" for value in os.getloadavg())


def sources() -> str:
    """A digest of the product's sources: two numbers can be compared only if it is the same."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / "src").rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
