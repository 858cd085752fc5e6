"""The job as the algorithm sees it: the only class that knows the paths of /opt/ml.

Source: the contract's training.md, section 3 (container contract).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sagewright.algorithms.errors import PlatformError, UserError
from sagewright.algorithms.formats import files
from sagewright.algorithms.schema.channels import ChannelInput

ROOT_VARIABLE = "SAGEWRIGHT_ML_ROOT"
STANDARD_ROOT = "/opt/ml"


@dataclass(frozen=True)
class Job:
    """One host's view of a training job. `channels` are the validated channels; `hosts` are sorted by rank; `image_version` is the
    version in the tag of the job's image (`1.7-1`), or empty."""

    root: Path
    name: str
    hyperparameters: Mapping[str, str]
    channel_configurations: Mapping[str, Mapping[str, str]]
    current_host: str
    hosts: tuple[str, ...]
    checkpoint_directory: Path | None
    channels: Mapping[str, ChannelInput] = field(default_factory=dict)
    image_version: str = ""

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> Job:
        """The job described under /opt/ml/input/config. Raises PlatformError if that is unreadable."""
        root = Path(environment.get(ROOT_VARIABLE, STANDARD_ROOT))
        configuration = root / "input" / "config"
        resources = _read_json(configuration / "resourceconfig.json", default={})
        host = resources.get("current_host", "algo-1")
        hosts = resources.get("hosts") or [host]
        checkpoints = _read_json(configuration / "checkpointconfig.json", default=None)
        return cls(
            root=root,
            name=environment.get("TRAINING_JOB_NAME", ""),
            hyperparameters=_read_json(configuration / "hyperparameters.json"),
            channel_configurations=_read_json(configuration / "inputdataconfig.json"),
            current_host=host,
            hosts=tuple(sorted(hosts, key=_rank)),
            checkpoint_directory=_checkpoint_directory(root, checkpoints),
        )

    @property
    def model_directory(self) -> Path:
        return self.root / "model"

    @property
    def output_data_directory(self) -> Path:
        return self.root / "output" / "data"

    @property
    def failure_file(self) -> Path:
        return self.root / "output" / "failure"

    def channel_path(self, name: str) -> Path:
        """The folder of a File-mode channel."""
        return self.root / "input" / "data" / name

    def channel_files(self, name: str, epoch: int = 0) -> list[Path]:
        """The data files of a channel in a stable order; in Pipe mode, the pipe of an epoch. Raises UserError if it is missing."""
        if self.channels[name].mode == "Pipe":
            pipe = self.root / "input" / "data" / f"{name}_{epoch}"
            if not pipe.exists():
                raise UserError(f"Pipe path {pipe} does not exist!")
            return [pipe]
        return files.data_files(self.channel_path(name))


def _read_json(path: Path, **default: Any) -> Any:
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        if "default" in default:
            return default["default"]
        raise PlatformError(f"{path} is missing") from None
    except ValueError as error:
        raise PlatformError(f"{path} is not JSON", caused_by=error) from error


def _checkpoint_directory(root: Path, configuration: Mapping[str, str] | None) -> Path | None:
    if configuration is None:
        return None
    path = Path(configuration.get("LocalPath") or f"{STANDARD_ROOT}/checkpoints")
    return root / path.relative_to(STANDARD_ROOT) if path.is_relative_to(STANDARD_ROOT) else path


def _rank(host: str) -> tuple[str, int, str]:
    """Sorts algo-10 after algo-2."""
    stem, _, number = host.rpartition("-")
    return (stem, int(number), host) if number.isdecimal() else (host, 0, host)
