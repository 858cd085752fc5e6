"""A fine-tuning job: its channels, its hyperparameters, and the folder of its model."""

from __future__ import annotations

import json
import os
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sagewright_jumpstart.errors import InputError
from sagewright_jumpstart.hyperparameters import Hyperparameters
from sagewright_jumpstart.manifest import Manifest

_ARCHIVE = "model.tar.gz"
_MOST_BYTES = 4 << 30
_MOST_FILES = 10_000


@dataclass(frozen=True)
class FineTuningJob:
    """`training` and `validation`: folders of the channels; `pretrained`: the folder of the model to start from; `model_folder`:
    where the result goes."""

    training: Path
    validation: Path | None
    pretrained: Path
    model_folder: Path
    manifest: Manifest
    hyperparameters: Hyperparameters

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> FineTuningJob:
        """Reads script mode's variables. Raises InputError for a channel that is missing, and for several hosts."""
        hosts = json.loads(environment.get("SM_HOSTS", "[]"))
        if len(hosts) > 1:
            raise InputError(f"instance count: the models of JumpStart train on one instance, not {len(hosts)}")
        training = _channel(environment, "training") or _channel(environment, "train")
        if training is None:
            raise InputError("channel training: the job has none")
        model = _channel(environment, "model")
        if model is None:
            raise InputError("channel model: the job has none; it brings the pretrained model")
        pretrained = unpacked(model)
        manifest = Manifest.read(pretrained)
        given = json.loads(environment.get("SM_HPS", "{}"))
        return cls(
            training,
            _channel(environment, "validation"),
            pretrained,
            Path(environment["SM_MODEL_DIR"]),
            manifest,
            Hyperparameters(manifest.hyperparameters, given),
        )


def unpacked(folder: Path) -> Path:
    """Returns the model's folder: the channel's, or the content of a `model.tar.gz` that an earlier job made. Raises InputError."""
    archive = folder / _ARCHIVE
    if not archive.is_file():
        return folder
    made = Path(tempfile.mkdtemp(prefix="model-"))
    try:
        with tarfile.open(archive, "r:gz") as opened:
            size = count = 0
            for member in opened:
                size, count = size + member.size, count + 1
                if size > _MOST_BYTES or count > _MOST_FILES:
                    raise InputError(f"{_ARCHIVE}: at most {_MOST_BYTES >> 30} GB and {_MOST_FILES} files unpacked")
                opened.extract(member, made, filter="data")
    except (tarfile.TarError, EOFError, OSError) as error:
        raise InputError(f"{_ARCHIVE} of channel model: {error}") from error
    return made


def _channel(environment: Mapping[str, str], name: str) -> Path | None:
    given = environment.get(f"SM_CHANNEL_{name.upper()}")
    return Path(given) if given else None
