"""A model's manifest, `sagewright-model.json`, and the folder with its pretrained weights."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NAME = "sagewright-model.json"


class WeightsMissing(RuntimeError):
    """The pretrained weights are not here, or are not the catalogue's."""


@dataclass(frozen=True)
class PackagedWeights:
    """Weights inside an installed package: `files` maps paths in `folder` of `module` to their sha256."""

    module: str
    folder: str
    files: Mapping[str, str]


@dataclass(frozen=True)
class Manifest:
    """A model of the catalogue, or one that a job has fine-tuned.

    `settings`: the family's own; `hyperparameters`: declarations of those of its training jobs; `labels`: of a fine-tuned
    classifier, by index. `weights` is None where all files are beside the
    manifest, as after fine-tuning and `sagewright models add`.
    """

    id: str
    version: str
    task: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    weights: PackagedWeights | None = None
    hyperparameters: Sequence[Mapping[str, Any]] = ()

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Reads the manifest in `folder`. Raises WeightsMissing if there is none."""
        try:
            found = json.loads((folder / NAME).read_bytes())
        except FileNotFoundError as error:
            raise WeightsMissing(f"{folder} has no {NAME}: it is no model of JumpStart's") from error
        weights = found.get("weights")
        return cls(
            found["id"],
            found["version"],
            found["task"],
            found.get("settings", {}),
            tuple(found.get("labels", ())),
            PackagedWeights(**weights) if weights else None,
            tuple(found.get("hyperparameters", ())),
        )

    def write(self, folder: Path) -> None:
        """Writes the manifest of a model whose files are all in `folder`."""
        document = {
            "id": self.id,
            "version": self.version,
            "task": self.task,
            "settings": dict(self.settings),
            "labels": list(self.labels),
            "hyperparameters": [dict(each) for each in self.hyperparameters],
        }
        (folder / NAME).write_text(json.dumps(document, indent=2))

    def weights_folder(self, folder: Path) -> Path:
        """Returns where the weights are: in the model's own folder, or in the package that the manifest names. Raises
        WeightsMissing if the package lacks a file or has another."""
        if self.weights is None:
            return folder
        found = importlib.util.find_spec(self.weights.module)
        if found is None or not found.submodule_search_locations:
            raise WeightsMissing(f"the package {self.weights.module} with the weights of {self.id} is not installed")
        place = Path(found.submodule_search_locations[0]) / self.weights.folder
        for name, expected in self.weights.files.items():
            _check(place / name, expected)
        return place


def _check(file: Path, expected: str) -> None:
    """Raises WeightsMissing."""
    if not file.is_file():
        raise WeightsMissing(f"the weights {file.name} are not in {file.parent}")
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest != expected:
        raise WeightsMissing(f"{file.name} has the sha256 {digest}, the catalogue's is {expected}")
