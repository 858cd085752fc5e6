"""Outputs of a transform: an object for each input object, and a list of them if requested."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sagewright.agent.causes import cause
from sagewright.agent.disk import Disk
from sagewright.agent.errors import ClientError
from sagewright.agent.inputs.channels import ChannelMember
from sagewright.agent.s3 import JobS3, S3Failed, parse_uri
from sagewright.jobfiles.directory import JobDirectory
from sagewright.model.jobs.brief import DataListing, Transform

_ENDING = ".out"


@dataclass(frozen=True)
class OutputPrefix:
    """A prefix in S3, without a trailing slash."""

    bucket: str
    prefix: str

    def key(self, path: str) -> str:
        return f"{self.prefix}/{path}" if self.prefix else path

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}/" if self.prefix else f"s3://{self.bucket}/"


class TransformOutput:
    """Destination of outputs: a file for each object in `scratch`, then an object in S3. `kept`: the paths of uploaded ones."""

    def __init__(self, s3: JobS3, place: OutputPrefix, scratch: Path, check: Callable[[], None]) -> None:
        self._s3, self.place, self._scratch, self._check = s3, place, scratch, check
        self.kept: list[str] = []
        scratch.mkdir(exist_ok=True)
        self.disk = Disk(scratch)

    def file(self, number: int) -> Path:
        return self._scratch / str(number)

    def upload(self, number: int, path: str) -> None:
        """Uploads an output. Raises ClientError."""
        self._send(str(number), self.place, path + _ENDING)
        self.kept.append(path + _ENDING)

    def put(self, place: OutputPrefix, path: str, content: bytes) -> None:
        """Uploads content. Raises ClientError."""
        (self._scratch / "told").write_bytes(content)
        self._send("told", place, path)

    def _send(self, name: str, place: OutputPrefix, path: str) -> None:
        try:
            with JobDirectory.at(self._scratch) as scratch, scratch.open(name, self._check) as file:
                self._s3.upload(file, place.bucket, place.key(path))
        except (S3Failed, OSError) as error:
            raise ClientError(f"Artifact upload failed:{cause(error)}") from error


def capture(transform: Transform, target: TransformOutput, chosen: Sequence[ChannelMember]) -> None:
    """Records the input and output objects, as manifests of this hour. Raises ClientError.

    The prefix of an input is the job's S3Uri as it was given: one that names an object is followed by an empty name.
    Source: AWS's developer guide, "Capture data from batch transform job", and files that AWS's example notebooks show.
    """
    if not target.kept:
        return
    bucket, prefix = parse_uri(transform.capture)
    place = OutputPrefix(bucket, prefix.rstrip("/"))
    kept = {path.removesuffix(_ENDING) for path in target.kept}
    given = [member for member in chosen if member.path in kept]
    first = given[0]
    source = first.stored.uri.removesuffix(first.path)
    if transform.data.listing == DataListing.PREFIX:
        source = transform.data.uri
    name = f"{time.strftime('%Y/%m/%d/%H', time.gmtime())}/{uuid.uuid4()}.json"
    for part, whence, paths in (
        ("input", source, [member.stored.uri.removeprefix(source) for member in given]),
        ("output", target.place.uri, list(target.kept)),
    ):
        target.put(place, f"{part}/{name}", json.dumps([{"prefix": whence}, *paths]).encode())
