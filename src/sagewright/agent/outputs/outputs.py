"""A job's outputs: its directories are uploaded to S3, as archives or as they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from sagewright.agent.causes import cause
from sagewright.agent.errors import ClientError
from sagewright.agent.optml import OptMl
from sagewright.agent.outputs.archives import DeliveryContext, apparent_size, pack
from sagewright.agent.outputs.skipped_files import LeftOut
from sagewright.agent.parallel import attended, for_each
from sagewright.agent.s3 import CONNECTIONS, JobS3, S3Failed, key_fault, parse_uri
from sagewright.jobfiles.directory import JobDirectory
from sagewright.jobfiles.jobfile import JobFile
from sagewright.model.jobs.brief import Output


def upload_outputs(outputs: Iterable[Output], ml: OptMl, s3: JobS3, delivery: DeliveryContext, scratch: Path) -> None:
    """Uploads the outputs. `scratch`: where archives are made. Raises ClientError, and the exceptions of `delivery.check`."""
    try:
        for output in outputs:
            bucket, key = parse_uri(output.uri)
            upload = _Upload(bucket, s3, delivery)
            with _opened(ml, output.place, delivery) as opened:
                if not output.archive:
                    upload.tree(opened, key.rstrip("/"))
                elif output.always or opened.holds_anything():
                    upload.archive(opened, scratch / key.rpartition("/")[2], key)
    except (S3Failed, ValueError, OSError) as error:
        raise ClientError(f"Artifact upload failed:{cause(error)}") from error


class _Opened:
    """An opened directory of the job, or none."""

    def __init__(self, directory: JobDirectory | None, left_out: LeftOut) -> None:
        self.directory, self.left_out = directory, left_out

    def __enter__(self) -> _Opened:
        return self

    def __exit__(self, *_error: object) -> None:
        self.left_out.tell()
        if self.directory is not None:
            self.directory.close()

    def holds_anything(self) -> bool:
        return self.directory is not None and next(self.directory.walk(lambda: None), None) is not None


def _opened(ml: OptMl, path: str, delivery: DeliveryContext) -> _Opened:
    """Opens a directory. Raises ClientError if it contains more than the host could have."""
    directory = ml.directory(path)
    opened = _Opened(directory, LeftOut(f"/opt/ml/{path}", delivery.log))
    if directory is not None:
        try:
            delivery.claim(apparent_size(directory, delivery.check), f"/opt/ml/{path}")
        except BaseException:
            directory.close()
            raise
    return opened


class _Upload:
    def __init__(self, bucket: str, s3: JobS3, delivery: DeliveryContext) -> None:
        self._bucket, self._s3, self._delivery = bucket, s3, delivery

    def archive(self, opened: _Opened, archive: Path, key: str) -> None:
        check = self._delivery.check
        try:
            pack(opened.directory, archive, True, self._delivery, opened.left_out)
            with JobDirectory.at(archive.parent) as place, place.open(archive.name, check) as file:
                attended(lambda: self._s3.upload(file, self._bucket, key), check)
        finally:
            archive.unlink(missing_ok=True)

    def tree(self, opened: _Opened, prefix: str) -> None:
        for_each(self._files(opened, prefix), self._send, self._delivery.check, CONNECTIONS)

    def _send(self, file_and_key: tuple[JobFile, str]) -> None:
        file, key = file_and_key
        with file:
            self._s3.upload(file, self._bucket, key)

    def _files(self, opened: _Opened, prefix: str) -> Iterator[tuple[JobFile, str]]:
        if opened.directory is None:
            return
        for entry in opened.directory.walk(self._delivery.check):
            if entry.is_directory:
                continue
            fault = "only files are uploaded" if not entry.is_file else key_fault(prefix, entry)
            if fault is None:
                yield entry.open(self._delivery.check), f"{prefix}/{entry.path}" if prefix else entry.path
            else:
                opened.left_out.add(fault, entry)
