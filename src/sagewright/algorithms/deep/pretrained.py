"""Sources of pretrained weights: the job's channel, a folder of torch's, and the files kept by `sagewright weights add`. The
network is used only if the setting `weights_from_network` names a source.

Files are torch's (`.pth`, read with weights_only, so that no code in them runs) or safetensors.
"""

from __future__ import annotations

import hashlib
import logging
import os
import pickle
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from sagewright.algorithms.deep import downloads
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.job import Job

PREFIX = "sagewright-weights"
"""The prefix in the account's bucket under which `sagewright weights add` keeps files, by their names."""
CHANNEL = "model"
FROM_NETWORK = "SAGEWRIGHT_WEIGHTS_FROM_NETWORK"
"""The setting, as the agent passes it to the job."""


@dataclass(frozen=True)
class PretrainedWeights:
    """Weights of `network` under torchvision's file names: the first of `names` that is found is used."""

    network: str
    names: tuple[str, ...]


def find(job: Job, weights: PretrainedWeights, environment: Mapping[str, str] = os.environ) -> dict[str, torch.Tensor]:
    """The tensors of the first file that is found, by torch's names. Raises UserError if there is none, or if it can't be read."""
    looked = []
    for place in _places(job, environment):
        looked.append(str(place))
        for name in weights.names:
            if (place / name).is_file():
                return _told(place / name)
    kept, source = _Kept(environment), environment.get(FROM_NETWORK, "")
    with tempfile.TemporaryDirectory() as folder:
        if (path := kept.fetch(weights.names, Path(folder))) is not None:
            return _told(path)
        looked.append(kept.where)
        if source:
            looked.append(source)
            if (path := downloads.fetch(source, weights.names, Path(folder))) is not None:
                kept.keep(path)
                return _told(path)
    raise UserError(
        f"No pretrained weights for {weights.network} were found: looked for {' or '.join(weights.names)} in {', '.join(looked)}. "
        f"{'' if source else 'Nothing is downloaded (setting weights_from_network). '}"
        f"Get the file and run `sagewright weights add {weights.names[0]}`, or train without use_pretrained_model."
    )


def read(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a torch or safetensors file. Raises UserError."""
    try:
        found = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, ValueError, OSError, EOFError, LookupError) as error:
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{path.name} is not a plain file of weights: {text[:200]}") from error
    if not isinstance(found, Mapping) or not all(isinstance(each, torch.Tensor) for each in found.values()):
        raise UserError(f"{path.name} is not a plain file of weights: it must map names to tensors")
    return {str(name): tensor for name, tensor in found.items()}


def _told(path: Path) -> dict[str, torch.Tensor]:
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    logging.info("Pretrained weights: %s, sha256 %s", path.name, digest)
    return read(path)


def _places(job: Job, environment: Mapping[str, str]) -> Sequence[Path]:
    home = Path(environment.get("TORCH_HOME") or Path(environment.get("HOME") or "/root") / ".cache" / "torch")
    return [job.channel_path(CHANNEL), home / "hub" / "checkpoints"]


class _Kept:
    """The weights kept in the account's bucket. `where` describes the location and any error with it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.where, self._bucket = f"s3://sagemaker-REGION-ACCOUNT/{PREFIX}", ""
        self._client: Any = None
        if any(name.startswith("AWS_") for name in environment):
            self._find()

    def _find(self) -> None:
        import boto3
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            account = boto3.client("sts").get_caller_identity()["Account"]
            client = boto3.client("s3")
        except (BotoCoreError, ClientError) as error:
            self.where = f"{self.where} ({error})"
            return
        self._client, self._bucket = client, f"sagemaker-{client.meta.region_name}-{account}"
        self.where = f"s3://{self._bucket}/{PREFIX}"

    def fetch(self, names: Sequence[str], folder: Path) -> Path | None:
        """The first of the files that exists, in `folder`."""
        for name in names:
            place = folder / name
            if self._tried(partial(self._download, place)):
                return place
        return None

    def _download(self, place: Path, client: Any) -> None:
        client.download_file(self._bucket, _key(place.name), str(place))

    def keep(self, path: Path) -> None:
        """Keeps the file for later jobs, as `sagewright weights add` does; failures are ignored."""
        with path.open("rb") as stream:
            about = {"Metadata": {"sha256": hashlib.file_digest(stream, "sha256").hexdigest()}}
        if self._tried(lambda client: client.upload_file(str(path), self._bucket, _key(path.name), ExtraArgs=about)):
            logging.info("%s is kept in %s.", path.name, self.where)

    def _tried(self, ask: Callable[[Any], Any]) -> bool:
        if self._client is None:
            return False
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            ask(self._client)
        except (Boto3Error, BotoCoreError, ClientError) as error:
            logging.debug("%s: %s", self.where, error)
            return False
        return True


def _key(name: str) -> str:
    return f"{PREFIX}/{name}"
