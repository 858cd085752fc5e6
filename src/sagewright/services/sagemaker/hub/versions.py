"""Versions of hub contents: three numbers, and their order."""

from __future__ import annotations

import re

_VERSION = re.compile(r"\d{1,4}\.\d{1,4}\.\d{1,4}")
_FIRST = "1.0.0"
_MOST_PARTS = 9_999


def is_version(text: str) -> bool:
    return _VERSION.fullmatch(text) is not None


def padded(version: str) -> str:
    """Returns a version as text in the order of versions: 1.2.3 is 0001.0002.0003."""
    return ".".join(f"{int(part):04d}" for part in version.split("."))


def next_version(last: str | None) -> str:
    """Returns the version of an import that names none: the first, or one minor version after the last."""
    if last is None:
        return _FIRST
    major, minor, _ = (int(part) for part in last.split("."))
    return f"{major}.{minor + 1}.0" if minor < _MOST_PARTS else f"{major + 1}.0.0"
