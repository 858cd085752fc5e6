"""What the numbers were measured on."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path


def facts(peers: tuple[str, ...]) -> Iterator[str]:
    versions = ", ".join(f"{each} {metadata.version(each)}" for each in ("numpy", "scipy", *peers))
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    yield f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {_processor()}, load average {load}"
    yield f"Python {platform.python_version()}, {versions}"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
