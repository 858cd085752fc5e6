"""The agent's S3 client: uses the job's credentials and endpoint, and retries while the server is away."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar

import botocore.config
import botocore.exceptions
import botocore.session
from s3transfer.manager import TransferManager

from sagewright.agent.disk import Disk
from sagewright.agent.hostfile import HostFile
from sagewright.agent.smallput import LARGEST_BYTES, put_small
from sagewright.jobfiles.descriptors import write_all
from sagewright.jobfiles.jobfile import JobFile
from sagewright.jobfiles.walking import WalkEntry
from sagewright.model.aws.s3_clients import s3_session
from sagewright.model.aws.s3_uris import read_s3_uri

T = TypeVar("T")
_AWAY = (
    botocore.exceptions.EndpointConnectionError,
    botocore.exceptions.ConnectionClosedError,
    botocore.exceptions.ConnectTimeoutError,
    botocore.exceptions.ReadTimeoutError,
    botocore.exceptions.ResponseStreamingError,
    botocore.exceptions.ProxyConnectionError,
    botocore.exceptions.IncompleteReadError,
)
_LONGEST_WAIT_S = 2.0
CONNECTIONS = 16
_SMALL_BYTES = 8 << 20
_LONGEST_KEY = 1024
_MOST_READ = 512 << 20


class S3Failed(Exception):
    """S3 refused a request; `code` is S3's own (NoSuchBucket, AccessDenied, 404), the message describes the request."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class FoundObject:
    """An object of a listing; size in bytes."""

    key: str
    size: int


@cache
def _session() -> botocore.session.Session:
    return s3_session()


def preload() -> None:
    """Reads the service model and the endpoint rules once, before agents are forked: a client then takes 2 ms instead of 100."""
    _client("http://127.0.0.1:1", "us-east-1", ("x", "x", "x"))


def _client(endpoint: str, region: str, credentials: tuple[str, str, str]) -> Any:
    access_key, secret, token = credentials
    config = botocore.config.Config(
        s3={"addressing_style": "path"}, retries={"mode": "standard", "total_max_attempts": 3},
        max_pool_connections=CONNECTIONS, connect_timeout=10, read_timeout=60, proxies={},
    )  # fmt: skip
    return _session().create_client(
        "s3", region_name=region, endpoint_url=endpoint, config=config,
        aws_access_key_id=access_key, aws_secret_access_key=secret, aws_session_token=token or None,
    )  # fmt: skip


def parse_uri(uri: str) -> tuple[str, str]:
    """Returns bucket and key. Raises ValueError."""
    place = read_s3_uri(uri)
    return place.bucket, place.key


def key_fault(prefix: str, entry: WalkEntry) -> str | None:
    """Returns why a file cannot be an object below `prefix`, or None."""
    if len(prefix.encode()) + 1 + entry.path_bytes > _LONGEST_KEY:
        return f"their keys would be longer than {_LONGEST_KEY} bytes"
    try:
        entry.path.encode()
    except UnicodeEncodeError:
        return "their names are not UTF-8, as keys of S3 are"
    return None


class JobS3:
    """Safe to use from many threads. `check` is called between retries and raises to give up.

    Every method raises S3Failed if S3 refuses.
    """

    def __init__(self, host: HostFile, check: Callable[[], None]) -> None:
        self._objects = host.objects
        key = host.brief.kms_key
        self._encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key} if key else {}
        self._disk = Disk(host.directory, host.disk_stop_mb)
        self._made: Any = None
        self._any = (
            False  # True once anything was sent: one small object needs no client, several are better sent by one
        )
        self._check = check

    @property
    def _client(self) -> Any:
        if self._made is None:
            own = self._objects.credentials
            credentials = (own.access_key_id, own.secret_access_key, own.session_token)
            self._made = _client(self._objects.endpoint, self._objects.region, credentials)
        return self._made

    def list(self, bucket: str, prefix: str) -> Iterator[FoundObject]:
        """Yields all objects whose key starts with `prefix`, in key order."""
        token: dict[str, str] = {}
        while True:
            ask = partial(self._client.list_objects_v2, Bucket=bucket, Prefix=prefix, **token)
            self._check()
            page = self._patiently(ask, f"list s3://{bucket}/{prefix}")
            yield from (FoundObject(item["Key"], item["Size"]) for item in page.get("Contents", []))
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def read(self, bucket: str, key: str) -> bytes:
        """Returns a whole object in memory: for manifests."""

        def get() -> bytes:
            answer = self._client.get_object(Bucket=bucket, Key=key)
            if answer["ContentLength"] > _MOST_READ:
                answer["Body"].close()
                raise S3Failed(
                    "", f"s3://{bucket}/{key} has more than the {_MOST_READ >> 20} MiB that are read at once"
                )
            return bytes(answer["Body"].read())

        return self._patiently(get, f"read s3://{bucket}/{key}")

    def read_range(self, bucket: str, key: str, span: slice, etag: str = "") -> tuple[bytes, str]:
        """Returns the bytes of `span`, which starts inside the object, and the ETag, which must equal `etag` if that is given."""

        def get() -> tuple[bytes, str]:
            condition = {"IfMatch": etag} if etag else {}
            requested = f"bytes={span.start}-{span.stop - 1}"
            answer = self._client.get_object(Bucket=bucket, Key=key, Range=requested, **condition)
            return bytes(answer["Body"].read()), str(answer.get("ETag", ""))

        return self._patiently(get, f"read s3://{bucket}/{key}")

    def stream(self, bucket: str, key: str) -> tuple[int, Iterator[bytes]]:
        """Returns the size of an object, and its bytes in pieces, which resume after a lost connection.

        Raises S3Failed if the object was replaced in the meantime.
        """
        first = self._get(bucket, key)
        return int(first["ContentLength"]), self._pieces(bucket, key, first)

    def _get(self, bucket: str, key: str, **requested: str) -> dict[str, Any]:
        get = partial(self._client.get_object, Bucket=bucket, Key=key, **requested)
        answer: dict[str, Any] = self._patiently(get, f"read s3://{bucket}/{key}")
        return answer

    def _pieces(self, bucket: str, key: str, answer: dict[str, Any]) -> Iterator[bytes]:
        start, size, etag = 0, int(answer["ContentLength"]), str(answer.get("ETag", ""))
        while start < size:
            body = answer["Body"]
            try:
                while piece := body.read(1 << 20):
                    start += len(piece)
                    yield piece
            except _AWAY:
                self._check()
                time.sleep(_LONGEST_WAIT_S / 20)
            finally:
                body.close()
            if start < size:
                answer = self._get(bucket, key, Range=f"bytes={start}-", IfMatch=etag)

    def download(self, bucket: str, key: str, target: Path) -> None:
        """Downloads an object. Also raises OSError if the file cannot be written, including DiskFull."""
        with target.open("wb", buffering=0) as file:
            self.download_into(bucket, key, file.fileno())

    def download_into(self, bucket: str, key: str, file: int) -> None:
        """Downloads into an open file, from its beginning. Raises as `download` does."""

        def get() -> None:
            os.ftruncate(file, 0)
            os.lseek(file, 0, os.SEEK_SET)
            body = self._client.get_object(Bucket=bucket, Key=key)["Body"]
            while piece := body.read(1 << 20):
                self._check()
                self._disk.spend(len(piece))
                write_all(file, piece)

        self._patiently(get, f"read s3://{bucket}/{key}")

    def upload(self, file: JobFile, bucket: str, key: str) -> None:
        """Uploads a file, in parts if it is large."""
        first, self._any = not self._any, True
        if (
            first
            and file.size <= LARGEST_BYTES
            and put_small(self._objects, bucket, key, file.read(), self._encryption)
        ):
            return

        def put() -> None:
            file.seek(0)
            if file.size < _SMALL_BYTES:
                self._client.put_object(Bucket=bucket, Key=key, Body=file, **self._encryption)
                return
            with TransferManager(self._client) as transfers:
                transfers.upload(file, bucket, key, extra_args=self._encryption).result()

        self._patiently(put, f"write s3://{bucket}/{key}")

    def delete(self, bucket: str, key: str) -> None:
        self._patiently(partial(self._client.delete_object, Bucket=bucket, Key=key), f"delete s3://{bucket}/{key}")

    def _patiently(self, act: Callable[[], T], what: str) -> T:
        wait, began = 0.1, time.monotonic()
        while True:
            try:
                return act()
            except _AWAY as error:
                self._check()
                self._give_up(began, what, str(error))
                time.sleep(wait)
                wait = min(2 * wait, _LONGEST_WAIT_S)
            except (
                botocore.exceptions.HTTPClientError
            ) as error:  # botocore's name for any exception raised while a body is read
                self._check()
                raise S3Failed("", f"cannot {what}: {error}") from error
            except botocore.exceptions.ClientError as error:
                answer = error.response
                if answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 400) >= 500:
                    self._check()
                    self._give_up(began, what, str(error))
                    time.sleep(wait)
                    wait = min(2 * wait, _LONGEST_WAIT_S)
                    continue
                detail = answer.get("Error", {})
                code = str(detail.get("Code", ""))
                raise S3Failed(code, f"cannot {what}: {code}: {detail.get('Message', '')}") from error

    def _give_up(self, began: float, what: str, reason: str) -> None:
        patience_s = self._objects.patience_s
        if patience_s is not None and time.monotonic() - began > patience_s:
            answer = f"the object store did not answer for {patience_s:g} s: {reason}"
            raise S3Failed("ServiceUnavailable", f"cannot {what}: {answer}")
