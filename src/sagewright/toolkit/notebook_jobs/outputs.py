"""The notebook that a job has written, read from its archive."""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from dataclasses import dataclass
from typing import Any, BinaryIO

MOST_ARCHIVE, MOST_NOTEBOOK = 512 << 20, 256 << 20
"""Bytes of an archive, and of the notebook in it."""
MOST_MEMBERS = 10_000
MOST_LISTED = 50


class NoOutput(LookupError):
    """The job has written no notebook that can be read; the message says why."""


@dataclass(frozen=True)
class ArchiveLimits:
    """Bytes of the archive once unpacked, and of the notebook."""

    unpacked: int = 2 << 30
    notebook: int = MOST_NOTEBOOK


@dataclass(frozen=True)
class JobOutput:
    """The notebook, and names and sizes of the other files, the first MOST_LISTED."""

    notebook: bytes
    files: tuple[tuple[str, int], ...]


class _Unpacked(io.RawIOBase):
    """Decompresses at most `most` bytes, so that a small archive can't cost much time."""

    def __init__(self, archive: BinaryIO, most: int) -> None:
        self._file, self._left, self._most = gzip.GzipFile(fileobj=archive), most, most

    def read(self, size: int = -1, /) -> bytes:
        data = self._file.read(min(size if size >= 0 else self._left + 1, self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            raise NoOutput(f"The archive has more than {self._most} bytes once it is unpacked.")
        return data


def archive_uri(job: dict[str, Any]) -> str:
    """Returns the URI of the archive with a job's output. The driver writes the notebook also if a cell has failed."""
    return f"{job['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{job['TrainingJobName']}/output/output.tar.gz"


def output_in(archive: BinaryIO, name: str, limits: ArchiveLimits) -> JobOutput:
    """Returns the notebook `name` in an archive, and what else is there. Raises NoOutput."""
    notebook: bytes | None = None
    files: list[tuple[str, int]] = []
    try:
        with tarfile.open(fileobj=_Unpacked(archive, limits.unpacked), mode="r|") as tar:
            for number, member in enumerate(tar):
                if number >= MOST_MEMBERS:
                    raise NoOutput(f"The archive has more than {MOST_MEMBERS} files.")
                if not member.isfile():
                    continue
                if notebook is None and member.name.rpartition("/")[2] == name:
                    notebook = _content(tar, member, limits.notebook)
                elif len(files) < MOST_LISTED:
                    files.append((member.name, member.size))
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise NoOutput(f"The archive can't be read: {error}") from None
    if notebook is None:
        raise NoOutput(f"The archive has no {name}.")
    return JobOutput(notebook, tuple(files))


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo, most: int) -> bytes:
    if member.size > most:
        raise NoOutput(f"The notebook has {member.size} bytes: at most {most} are read.")
    file = tar.extractfile(member)
    return file.read() if file else b""


def read_output(s3: Any, job: dict[str, Any]) -> bytes:
    """Returns a job's output notebook by a client of S3. Raises NoOutput, and botocore's ClientError."""
    bucket, _, key = archive_uri(job).removeprefix("s3://").partition("/")
    try:
        found = s3.get_object(Bucket=bucket, Key=key)
    except s3.exceptions.NoSuchKey:
        reason = job.get("FailureReason") or f"it is {job['TrainingJobStatus']}"
        raise NoOutput(f"The job {job['TrainingJobName']} has written no output: {reason}") from None
    if found["ContentLength"] > MOST_ARCHIVE:
        raise NoOutput(f"The archive has {found['ContentLength']} bytes: at most {MOST_ARCHIVE} are read.")
    name = job["Environment"]["SM_OUTPUT_NOTEBOOK_NAME"]
    return output_in(io.BytesIO(found["Body"].read()), name, ArchiveLimits()).notebook
