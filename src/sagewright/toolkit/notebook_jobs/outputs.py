"""The notebook that a job has written, read from its archive."""

from __future__ import annotations

import io
import tarfile
from typing import Any, BinaryIO

MOST_ARCHIVE, MOST_NOTEBOOK = 512 << 20, 256 << 20
"""Bytes of an archive, and of the notebook in it."""
MOST_MEMBERS = 10_000


class NoOutput(LookupError):
    """The job has written no notebook that can be read; the message says why."""


def archive_uri(job: dict[str, Any]) -> str:
    """Returns the URI of the archive with a job's output. The driver writes the notebook also if a cell has failed."""
    return f"{job['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{job['TrainingJobName']}/output/output.tar.gz"


def notebook_in(archive: BinaryIO, name: str) -> bytes:
    """Returns the notebook `name` in an archive. Raises NoOutput."""
    try:
        with tarfile.open(fileobj=archive, mode="r|gz") as tar:
            for number, member in enumerate(tar):
                if number >= MOST_MEMBERS:
                    raise NoOutput(f"The archive has more than {MOST_MEMBERS} files.")
                if member.isfile() and member.name.rpartition("/")[2] == name:
                    if member.size > MOST_NOTEBOOK:
                        raise NoOutput(f"The notebook has {member.size} bytes: at most {MOST_NOTEBOOK} are read.")
                    file = tar.extractfile(member)
                    return file.read() if file else b""
    except (tarfile.TarError, OSError, EOFError) as error:
        raise NoOutput(f"The archive can't be read: {error}") from None
    raise NoOutput(f"The archive has no {name}.")


def read_output(s3: Any, job: dict[str, Any]) -> bytes:
    """Returns a job's output notebook by a client of S3. Raises NoOutput, and botocore's ClientError."""
    bucket, _, key = archive_uri(job).removeprefix("s3://").partition("/")
    found = s3.get_object(Bucket=bucket, Key=key)
    if found["ContentLength"] > MOST_ARCHIVE:
        raise NoOutput(f"The archive has {found['ContentLength']} bytes: at most {MOST_ARCHIVE} are read.")
    return notebook_in(io.BytesIO(found["Body"].read()), job["Environment"]["SM_OUTPUT_NOTEBOOK_NAME"])
