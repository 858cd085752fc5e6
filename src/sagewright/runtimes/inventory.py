"""The environments that a cache has, with their sizes, and their removal."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sagewright.jobfiles.removal import remove_tree
from sagewright.runtimes.environments import LAYERS, MANIFEST, EnvironmentFailed, Environments

_BLOCK = 512
"""Unit of st_blocks."""


@dataclass(frozen=True)
class StoredEnvironment:
    """`size`, `frees`: bytes on disk, and those of them that no other directory has as hard links, as uv's cache may.

    `packages`: number of installed distributions; None for a build that is incomplete, or still runs. `made_s`: seconds since the
    epoch.
    """

    key: str
    python: str
    packages: int | None
    size: int
    frees: int
    made_s: float


def stored_environments(directory: Path) -> list[StoredEnvironment]:
    """Returns the environments in a cache and the layers on top of them, by name; none for a directory that does not exist."""
    bases = [one for one in _folders(directory) if not one.name.startswith(".") and (one / "pyvenv.cfg").exists()]
    return [_environment(place) for place in bases] + [_layer(place) for place in _folders(directory / LAYERS)]


def remove_environment(environments: Environments, key: str) -> None:
    """Removes an environment or a layer, while no job uses it. Raises EnvironmentFailed if it is being built, or stays."""

    def refuse() -> None:
        raise EnvironmentFailed(f"{key} is being built.")

    with environments.locked(key.removeprefix(f"{LAYERS}/"), refuse):
        place = environments.directory / key
        (place / MANIFEST).unlink(
            missing_ok=True
        )  # first, so that an interrupted removal leaves an incomplete environment, which is built again
        if left := remove_tree(place):
            raise EnvironmentFailed(left[0])


def _files(place: Path) -> Iterator[os.stat_result]:
    """Yields the state of each file that is there when it is reached."""
    for folder, _folders, names in os.walk(place):
        for name in names:
            try:
                yield Path(folder, name).lstat()
            except FileNotFoundError:
                continue


def _folders(directory: Path) -> list[Path]:
    try:
        return sorted(one for one in directory.iterdir() if one.is_dir() and not one.is_symlink())
    except FileNotFoundError:
        return []


def _environment(place: Path) -> StoredEnvironment:
    try:
        manifest = json.loads((place / MANIFEST).read_bytes())
        python, packages, made_s = manifest["python"], len(manifest["packages"]), (place / MANIFEST).stat().st_mtime
    except (OSError, ValueError, LookupError):
        python, packages, made_s = "", None, place.stat().st_mtime
    return StoredEnvironment(place.name, python, packages, *_sizes(place), made_s)


def _layer(place: Path) -> StoredEnvironment:
    """A layer gets its name when it is complete."""
    complete = not place.name.startswith(".")
    packages = sum(1 for _one in place.rglob("*.dist-info")) if complete else None
    return StoredEnvironment(f"{LAYERS}/{place.name}", "", packages, *_sizes(place), place.stat().st_mtime)


def _sizes(place: Path) -> tuple[int, int]:
    files: dict[int, tuple[int, int, int]] = {}
    for one in _files(place):
        seen = files.get(one.st_ino, (0, 0, 0))[2]
        files[one.st_ino] = (one.st_blocks * _BLOCK, one.st_nlink, seen + 1)
    whole = sum(each for each, _links, _seen in files.values())
    return whole, sum(each for each, links, seen in files.values() if links <= seen)
