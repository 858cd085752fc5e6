"""The notebook that a job has written, read from its archive."""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO

MOST_ARCHIVE, MOST_NOTEBOOK = 512 << 20, 256 << 20
"""Bytes of an archive, and of the notebook in it."""
MOST_MEMBERS = 10_000
MOST_LISTED = 50
MOST_NAME = 1024
MOST_HEADERS = 4 << 20
"""Bytes of all extended headers, which have long names and further attributes of files."""
_PIECE = 1 << 20
_PAX = frozenset({tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE})
_EXTENDED = _PAX | {tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK}


class NoOutput(LookupError):
    """The job has written no notebook that can be read; the message says why."""


@dataclass(frozen=True)
class ArchiveLimits:
    """Maximum bytes of the unpacked archive, and of the notebook."""

    unpacked: int = 2 << 30
    notebook: int = MOST_NOTEBOOK


@dataclass(frozen=True)
class JobOutput:
    """The notebook, and names and sizes of the other files, the first MOST_LISTED."""

    notebook: bytes
    files: tuple[tuple[str, int], ...]


class _Unpacked:
    """Decompresses at most `most` bytes, so that a small archive can't cost much time. Raises NoOutput beyond them."""

    def __init__(self, archive: BinaryIO, most: int) -> None:
        self._file, self._most, self.position = gzip.GzipFile(fileobj=archive), most, 0

    def exactly(self, size: int) -> bytes:
        """Returns the next `size` bytes. Raises EOFError if the archive ends before."""
        self.position += size
        if self.position > self._most:
            raise NoOutput(f"The archive has more than {self._most} bytes once it is unpacked.")
        data = self._file.read(size)
        if len(data) < size:
            raise EOFError("it ends early")
        return data

    def skip(self, size: int) -> None:
        for begin in range(0, size, _PIECE):
            self.exactly(min(_PIECE, size - begin))


def archive_uri(job: dict[str, Any]) -> str:
    """Returns the URI of the archive with a job's output. The driver writes the notebook also if a cell has failed."""
    return f"{job['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{job['TrainingJobName']}/output/output.tar.gz"


def output_in(archive: BinaryIO, name: str, limits: ArchiveLimits) -> JobOutput:
    """Returns the notebook `name` in an archive, and the other files. Raises NoOutput."""
    notebook: bytes | None = None
    files: list[tuple[str, int]] = []
    try:
        for file in _files(_Unpacked(archive, limits.unpacked)):
            if notebook is None and file.name.rpartition("/")[2] == name:
                if file.size > limits.notebook:
                    raise NoOutput(f"The notebook has {file.size} bytes: at most {limits.notebook} are read.")
                notebook = file.read()
            elif len(files) < MOST_LISTED:
                files.append((file.name[:MOST_NAME], file.size))
    except (tarfile.TarError, OSError, EOFError, zlib.error, ValueError) as error:
        raise NoOutput(f"The archive can't be read: {error}") from None
    if notebook is None:
        raise NoOutput(f"The archive has no {name}.")
    return JobOutput(notebook, tuple(files))


@dataclass(frozen=True)
class _ArchivedFile:
    name: str
    size: int
    read: Callable[[], bytes]


def _files(archive: _Unpacked) -> Iterator[_ArchivedFile]:
    """Yields the regular files of a tar archive. Raises NoOutput, TarError and ValueError.

    The module tarfile reads extended headers and maps of sparse files of any size into objects: 60 MiB take it many seconds.
    Source: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Header Block"; GNU tar's manual, "Basic Tar Format".
    """
    extended: dict[str, str] = {}
    room, members = MOST_HEADERS, 0
    while (block := archive.exactly(tarfile.BLOCKSIZE)).strip(b"\0"):
        header = tarfile.TarInfo.frombuf(block, "utf-8", "replace")
        if header.type in _EXTENDED:
            room -= tarfile.BLOCKSIZE + header.size
            if room < 0 or header.size < 0:
                raise NoOutput(f"The archive has more than {MOST_HEADERS} bytes of extended headers.")
            extended |= _records(header.type, archive.exactly(header.size))
            archive.skip(-header.size % tarfile.BLOCKSIZE)
            continue
        if header.type == tarfile.GNUTYPE_SPARSE or any(one.startswith("GNU.sparse.") for one in extended):
            raise NoOutput("The archive has sparse files, which are not read.")
        members += 1
        if members > MOST_MEMBERS:
            raise NoOutput(f"The archive has more than {MOST_MEMBERS} files.")
        if header.isreg():
            size = int(extended.get("size", header.size))
            if size < 0:
                raise ValueError("a size in it is negative")
            end = archive.position + size + -size % tarfile.BLOCKSIZE
            yield _ArchivedFile(extended.get("path", header.name), size, partial(archive.exactly, size))
            archive.skip(end - archive.position)
        extended = {}


def _records(kind: bytes, body: bytes) -> dict[str, str]:
    """Returns the records of an extended header that concern the next file. Raises ValueError."""
    if kind == tarfile.GNUTYPE_LONGNAME:
        return {"path": body.rstrip(b"\0").decode("utf-8", "replace")}
    records, at = {}, 0
    while kind in _PAX and at < len(body):
        length = int(body[at : body.index(b" ", at)])
        if length <= 0:
            raise ValueError("a record of a pax header has no length")
        name, _, value = body[at : at + length].partition(b" ")[2].rstrip(b"\n").partition(b"=")
        records[name.decode("utf-8", "replace")] = value.decode("utf-8", "replace")
        at += length
    return records


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
