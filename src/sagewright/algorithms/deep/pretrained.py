"""Where pretrained weights come from, without a network beyond our own server: the job's channel, what `sagewright weights add`
has kept, a folder of torch's. Never from elsewhere.

Files are torch's (`.pth`, read with weights_only, so that nothing in them is run) or safetensors.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import pickle
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.job import Job

PREFIX = "sagewright-weights"
"""In the bucket of the account: where `sagewright weights add` keeps files, by their names."""
CHANNEL = "model"


@dataclass(frozen=True)
class Wanted:
    """Weights of `network` as torchvision names their files: the first of `names` that is found counts."""

    network: str
    names: tuple[str, ...]


def find(job: Job, wanted: Wanted, environment: Mapping[str, str] = os.environ) -> dict[str, torch.Tensor]:
    """The tensors of the first file that is found, by torch's names. Raises UserError where there is none, or it can't be read."""
    looked = []
    for place in _places(job, environment):
        looked.append(str(place))
        for name in wanted.names:
            if (place / name).is_file():
                return _told(place / name)
    with _kept(wanted.names, environment) as (path, where):
        if path is not None:
            return _told(path)
        looked.append(where)
    raise UserError(
        f"There are no pretrained weights of {wanted.network} here: looked for {' or '.join(wanted.names)} in {', '.join(looked)}. "
        "Nothing is downloaded, and there is no JumpStart catalogue here: get the file and run "
        f"`sagewright weights add {wanted.names[0]}`, or train without use_pretrained_model."
    )


def read(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a file of torch's or safetensors. Raises UserError."""
    try:
        found = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, ValueError, OSError, EOFError, LookupError) as error:
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{path.name} is no file of weights alone: {text[:200]}") from error
    if not isinstance(found, Mapping) or not all(isinstance(each, torch.Tensor) for each in found.values()):
        raise UserError(f"{path.name} is no file of weights alone: it must hold tensors by their names")
    return {str(name): tensor for name, tensor in found.items()}


def _told(path: Path) -> dict[str, torch.Tensor]:
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    logging.info("Pretrained weights: %s, sha256 %s", path.name, digest)
    return read(path)


def _places(job: Job, environment: Mapping[str, str]) -> Sequence[Path]:
    home = Path(environment.get("TORCH_HOME") or Path(environment.get("HOME") or "/root") / ".cache" / "torch")
    return [job.channel_path(CHANNEL), home / "hub" / "checkpoints"]


@contextlib.contextmanager
def _kept(names: Sequence[str], environment: Mapping[str, str]) -> Iterator[tuple[Path | None, str]]:
    """The file that the account's bucket keeps, for as long as it is read, and where that is."""
    where = f"s3://sagemaker-REGION-ACCOUNT/{PREFIX}"
    if not any(name.startswith("AWS_") for name in environment):
        yield None, where
        return
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    with tempfile.TemporaryDirectory() as folder:
        try:
            account = boto3.client("sts").get_caller_identity()["Account"]
            client = boto3.client("s3")
            bucket = f"sagemaker-{client.meta.region_name}-{account}"
            where = f"s3://{bucket}/{PREFIX}"
            for name in names:
                path = Path(folder) / name
                try:
                    client.download_file(bucket, f"{PREFIX}/{name}", str(path))
                except ClientError as error:
                    logging.debug("%s/%s: %s", where, name, error)
                    continue
                yield path, where
                return
        except (BotoCoreError, ClientError) as error:
            where = f"{where} ({error})"
        yield None, where
