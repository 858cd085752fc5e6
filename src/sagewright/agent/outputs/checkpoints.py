"""Checkpoints: downloaded from S3 at the start; the process's writes and removals are then mirrored to S3.

Source: AWS's developer guide, "Checkpoints in Amazon SageMaker AI".
"""

from __future__ import annotations

from collections.abc import Callable

from sagewright.agent.causes import cause
from sagewright.agent.errors import ClientError
from sagewright.agent.hostfile import HostFile
from sagewright.agent.optml import OptMl
from sagewright.agent.outputs.archives import DeliveryContext
from sagewright.agent.outputs.checkpoint_keys import file_paths
from sagewright.agent.outputs.mirror import DirectorySync, Synced
from sagewright.agent.parallel import attended, for_each
from sagewright.agent.s3 import CONNECTIONS, JobS3, S3Failed, parse_uri
from sagewright.jobfiles.directory import JobDirectory


class CheckpointMirror:
    """The checkpoints of one host; does nothing if the job has none. Objects that appear in S3 while it runs are not downloaded."""

    def __init__(self, host: HostFile, ml: OptMl, delivery: DeliveryContext) -> None:
        self._config = host.brief.checkpoints
        self._host, self._ml, self._delivery = host, ml, delivery
        self._sync: DirectorySync | None = None

    def fetch(self, check: Callable[[], None], claim: Callable[[int], None]) -> None:
        """Downloads the checkpoints from S3. `claim` is called with the number of bytes before the download. Raises ClientError."""
        if not self._config:
            return
        try:
            bucket, key = parse_uri(self._config.uri)
        except ValueError as error:
            raise ClientError(f"CheckpointConfig: {error}.") from error
        prefix = key.rstrip("/") + "/" if key.strip("/") else ""
        what = Synced("Checkpoints", self._ml.beneath(self._config.path), bucket, prefix, mirrored=True)
        sync = DirectorySync(self._host, self._ml, self._delivery, what)
        self._sync = sync
        s3 = JobS3(self._host, check)
        try:
            with JobDirectory.at(self._ml.root) as ml, ml.make(what.local) as local:
                found = attended(lambda: list(s3.list(bucket, prefix)), check)
                paths = file_paths(bucket, prefix, [one.key for one in found])
                claim(sum(one.size for one in found if one.key in paths))

                def fetch(key: str) -> None:
                    _download(s3, (bucket, key), local, paths[key])

                for_each(paths, fetch, check, CONNECTIONS)
        except (S3Failed, OSError) as error:
            raise ClientError(f"Data download failed:{cause(error)}") from error
        sync.take_as_sent()

    def start(self) -> None:
        if self._sync is not None:
            self._sync.start()

    def finish(self) -> None:
        """Uploads the last changes; the process has ended. Raises ClientError, and the exceptions of `delivery.check`."""
        if self._sync is not None:
            self._sync.finish()


def _download(s3: JobS3, bucket_and_key: tuple[str, str], local: JobDirectory, path: str) -> None:
    bucket, key = bucket_and_key
    try:
        with local.writing(path) as file:
            s3.download_into(bucket, key, file)
    except (NotADirectoryError, IsADirectoryError) as error:
        raise ClientError(
            f"Data download failed:s3://{bucket}/{key} cannot be a file of the checkpoints' directory: {error.strerror}"
        ) from error
