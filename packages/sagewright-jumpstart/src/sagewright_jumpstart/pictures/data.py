"""Pictures of the channels: one folder a class."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from sagewright_jumpstart.decoding import open_picture
from sagewright_jumpstart.errors import InputError
from sagewright_jumpstart.pictures.network import PictureNetwork

_MOST_CLASSES = 10_000
_MOST_BYTES = 64 << 20
_KEPT_BYTES = 1 << 30


@dataclass(frozen=True)
class PictureFiles:
    files: list[Path]
    labels: list[int]

    def __len__(self) -> int:
        return len(self.files)


def class_names(folder: Path) -> tuple[str, ...]:
    """Raises InputError unless there are two folders or more."""
    names = sorted(each.name for each in folder.iterdir() if each.is_dir() and not each.name.startswith("."))
    if not 2 <= len(names) <= _MOST_CLASSES:
        raise InputError(f"channel {folder.name}: one folder a class, 2 to {_MOST_CLASSES} of them, not {len(names)}")
    return tuple(names)


def picture_files(folder: Path, names: Sequence[str]) -> PictureFiles:
    """Raises InputError for a class without pictures."""
    made = PictureFiles([], [])
    for label, name in enumerate(names):
        place = folder / name
        found = (
            sorted(each for each in place.iterdir() if each.is_file() and not each.name.startswith("."))
            if place.is_dir()
            else []
        )
        if not found:
            raise InputError(f"channel {folder.name}: the folder {name} has no pictures")
        made.files.extend(found)
        made.labels.extend([label] * len(found))
    return made


def divide(data: PictureFiles, share: float, seed: int) -> tuple[PictureFiles, PictureFiles]:
    """Returns pictures for training and for validation, with each class's share in both."""
    generator = random.Random(seed)  # noqa: S311 - it shuffles
    kept, held = PictureFiles([], []), PictureFiles([], [])
    for label in sorted(set(data.labels)):
        files = [file for file, found in zip(data.files, data.labels, strict=True) if found == label]
        generator.shuffle(files)
        count = min(len(files) - 1, round(len(files) * share))
        for made, part in ((held, files[:count]), (kept, files[count:])):
            made.files.extend(part)
            made.labels.extend([label] * len(part))
    return kept, held


class PictureStore:
    """Pictures scaled to one size; they are kept in memory if all of them fit into 1 GiB, else read again each time."""

    def __init__(self, data: PictureFiles, network: PictureNetwork) -> None:
        self._data, self._network = data, network
        self.labels = torch.tensor(data.labels, dtype=torch.long)
        one = 3 * (network.side + 32) ** 2
        self._kept: dict[int, torch.Tensor] | None = {} if one * len(data) <= _KEPT_BYTES else None

    def __len__(self) -> int:
        return len(self._data)

    def pictures(self, rows: Sequence[int]) -> torch.Tensor:
        """Raises InputError for a file that is not a picture."""
        return torch.stack([self._picture(row) for row in rows])

    def _picture(self, row: int) -> torch.Tensor:
        if self._kept is not None and row in self._kept:
            return self._kept[row]
        file = self._data.files[row]
        what = f"{file.parent.name}/{file.name}"
        if file.stat().st_size > _MOST_BYTES:
            raise InputError(f"{what}: at most {_MOST_BYTES} bytes, not {file.stat().st_size}")
        made = self._network.whole(open_picture(file.read_bytes(), what, self._network.side + 32))
        if self._kept is not None:
            self._kept[row] = made
        return made
