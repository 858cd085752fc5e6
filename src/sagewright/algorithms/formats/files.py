"""Selects the data files of a channel's folder.

Source: the contract's xgboost.md: folders at most 3 deep; hidden files (`.` or `_` first, such as `_SUCCESS`) are not data.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

DEEPEST = 3


def data_files(directory: Path) -> list[Path]:
    """Non-empty data files below `directory`, sorted; links are followed. A missing directory has none."""
    found: list[Path] = []
    if directory.is_file():
        found.append(directory)
    elif directory.is_dir():
        _collect(directory, 1, found)
    return [path for path in sorted(found) if path.stat().st_size > 0]


def _collect(directory: Path, depth: int, found: list[Path]) -> None:
    if depth > DEEPEST:
        logging.warning("The depth of folder %s exceeds the limit %d: files in it are left out.", directory, DEEPEST)
        return
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.name.startswith((".", "_")):
                continue
            if entry.is_dir():
                _collect(Path(entry.path), depth + 1, found)
            elif entry.is_file():
                found.append(Path(entry.path))
