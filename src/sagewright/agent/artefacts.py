"""What a job leaves: model/ and output/data, as archives or as they are, to OutputDataConfig.S3OutputPath."""

from __future__ import annotations

import errno
import tarfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sagewright.agent.errors import ClientError
from sagewright.agent.hostfile import HostFile
from sagewright.agent.optml import OptMl
from sagewright.agent.s3 import CONNECTIONS, JobS3, S3Failed, parse_uri

_COMPRESSION = 1  # models are mostly noise to gzip: higher levels cost seconds and save little


def upload_artefacts(host: HostFile, ml: OptMl, s3: JobS3) -> None:
    """`<S3OutputPath>/<job>/output/model.tar.gz`, and `output.tar.gz` if output/data holds anything.

    An empty model still gives an archive. Raises ClientError.
    """
    config = host.request["OutputDataConfig"]
    try:
        bucket, prefix = parse_uri(config["S3OutputPath"])
        base = "/".join(part for part in (prefix.rstrip("/"), host.job_name, "output") if part)
        if config.get("CompressionType") == "NONE":
            _upload_tree(ml.model, f"{base}/model", _Target(bucket, s3))
            _upload_tree(ml.output_data, f"{base}/output", _Target(bucket, s3))
            return
        _upload_archive(ml.model, host.directory / "model.tar.gz", f"{base}/model.tar.gz", _Target(bucket, s3))
        if any(ml.output_data.iterdir()):
            _upload_archive(
                ml.output_data, host.directory / "output.tar.gz", f"{base}/output.tar.gz", _Target(bucket, s3)
            )
    except (S3Failed, ValueError, OSError) as error:
        raise ClientError(f"Artifact upload failed:{_cause(error)}") from error


class _Target:
    def __init__(self, bucket: str, s3: JobS3) -> None:
        self.bucket = bucket
        self.s3 = s3


def _cause(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "Insufficient disk space"
    return str(error)


def _upload_archive(directory: Path, archive: Path, key: str, target: _Target) -> None:
    try:
        pack(directory, archive, compressed=True)
        target.s3.upload(archive, target.bucket, key)
    finally:
        archive.unlink(missing_ok=True)


def _upload_tree(directory: Path, prefix: str, target: _Target) -> None:
    files = [file for file in directory.rglob("*") if file.is_file()]
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        uploads = [
            pool.submit(target.s3.upload, file, target.bucket, f"{prefix}/{file.relative_to(directory)}")
            for file in files
        ]
        for upload in uploads:
            upload.result()


def pack(directory: Path, archive: Path, *, compressed: bool) -> None:
    """A tar of what `directory` holds, members at its root. Sockets, pipes and devices are left out."""
    with archive.open("wb") as raw:
        if compressed:
            with tarfile.open(fileobj=raw, mode="w:gz", compresslevel=_COMPRESSION) as tar:
                _add_all(tar, directory)
        else:
            with tarfile.open(fileobj=raw, mode="w") as tar:
                _add_all(tar, directory)


def _add_all(tar: tarfile.TarFile, directory: Path) -> None:
    for entry in sorted(directory.iterdir()):
        tar.add(entry, entry.name, filter=_regular)


def _regular(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return member if member.isreg() or member.isdir() or member.issym() or member.islnk() else None


def merge(archive: Path, directory: Path) -> None:
    """Unpack another host's part over `directory`: the last writer wins. Raises TarError, OSError."""
    with tarfile.open(archive) as tar:
        tar.extractall(directory, filter=_replacing(directory))  # noqa: S202 - the filter refuses what leads out


def _replacing(directory: Path) -> Callable[[tarfile.TarInfo, str], tarfile.TarInfo | None]:
    def choose(member: tarfile.TarInfo, path: str) -> tarfile.TarInfo | None:
        safe = tarfile.data_filter(member, path)
        old = directory / safe.name
        if not safe.isdir() and (old.is_symlink() or old.is_file()):
            old.unlink()
        return safe

    return choose
