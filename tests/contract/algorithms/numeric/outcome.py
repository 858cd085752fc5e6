"""Shared by the programs here: the model archive of a trained estimator, and the line that the test reads."""

from __future__ import annotations

import io
import json
import sys
import tarfile
from pathlib import Path
from typing import Any

import boto3

sys.path.append(str(Path(__file__).parents[4] / "src"))  # for the algorithms' own readers of model files


def archive(estimator: Any) -> dict[str, bytes]:
    """The files of `model.tar.gz` by name."""
    bucket, _, key = estimator.model_data.removeprefix("s3://").partition("/")
    content = boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(content)) as packed:
        found = {member.name.removeprefix("./"): packed.extractfile(member) for member in packed if member.isfile()}
        return {name: stream.read() for name, stream in found.items() if stream is not None}


def arrays(content: bytes) -> Any:
    """The MXNet arrays of a model file: a list, or a dict by name."""
    from sagewright.algorithms.firstparty import ndarray

    return ndarray.decode(content)


def tell(estimator: Any, **found: Any) -> None:
    """Print what the test checks: the job's name, the archive's files, and whatever the program found out."""
    document = {"job": estimator.latest_training_job.name, "files": sorted(archive(estimator)), **found}
    print("OUTCOME", json.dumps(document))
