"""Another S3 in place of the embedded store: its clients use this server's port, agents connect to it directly."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from sagewright.model.clock import to_ms
from sagewright.model.errors import AwsError
from sagewright.model.settings import Settings
from sagewright.objects.access import ANY_TYPE, MOST_READ, Access, too_large
from sagewright.objects.housekeeping import Housekeeper

CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 60

_NO_TAGS = frozenset({"NoSuchKey", "NoSuchVersion", "NoSuchTagSet", "MethodNotAllowed", "404"})


def unavailable(access: Access, error: Exception) -> AwsError:
    """Returns the error for an S3 that does not answer."""
    reason = str(getattr(error, "reason", None) or error).rpartition("object at ")[2].partition(">: ")[2] or str(error)
    return AwsError("ServiceUnavailable", f"The object store at {access.endpoint} does not answer: {reason}", 503)


class ExternalStore:
    """See ObjectStore. Raises only AwsError, with the codes of the other S3. `guarded`: True while jobs must not have its keys,
    which may do everything: they reach it through this server, which decides each request."""

    def __init__(self, access: Access, guarded: Callable[[], bool] = lambda: False) -> None:
        self._access, self._guarded = access, guarded
        import botocore.session  # takes a sixth of a server's imports, and only this store needs it

        self._client: Any = botocore.session.Session().create_client(
            "s3",
            region_name=access.region,
            endpoint_url=access.endpoint,
            aws_access_key_id=access.access_key,
            aws_secret_access_key=access.secret_key,
            config=botocore.config.Config(
                s3={"addressing_style": "path"},
                retries={"mode": "standard", "total_max_attempts": 2},
                connect_timeout=CONNECT_TIMEOUT_S,
                read_timeout=READ_TIMEOUT_S,
                proxies={},
            ),
        )

    def exists_any(self, bucket: str, prefix: str) -> bool:
        with self._described():
            return bool(self._client.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1).get("Contents"))

    @contextlib.contextmanager
    def _described(self) -> Iterator[None]:
        """Converts errors of the other S3, keeping its codes."""
        try:
            yield
        except ClientError as error:
            described, status = error.response["Error"], error.response["ResponseMetadata"]["HTTPStatusCode"]
            raise AwsError(described.get("Code", ""), described.get("Message", ""), status) from error
        except BotoCoreError as error:
            raise unavailable(self._access, error) from error

    def list_keys(self, bucket: str, prefix: str) -> Iterator[tuple[str, int]]:
        token: dict[str, str] = {}
        while True:
            with self._described():
                page = self._client.list_objects_v2(Bucket=bucket, Prefix=prefix, **token)
            yield from ((found["Key"], found["Size"]) for found in page.get("Contents", ()))
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def read_bytes(self, bucket: str, key: str, most: int = MOST_READ) -> bytes:
        with self._described():
            found = self._client.get_object(Bucket=bucket, Key=key)
            with found["Body"] as body:
                if found["ContentLength"] > most:
                    raise too_large(bucket, key, found["ContentLength"], most)
                return bytes(body.read())

    def content_type(self, bucket: str, key: str) -> str:
        with self._described():
            return str(self._client.head_object(Bucket=bucket, Key=key).get("ContentType", ANY_TYPE))

    def modified_ms(self, bucket: str, key: str) -> int:
        with self._described():
            return int(to_ms(self._client.head_object(Bucket=bucket, Key=key)["LastModified"]))

    def tags(self, bucket: str, key: str, version: str | None) -> dict[str, str]:
        named = {"Bucket": bucket, "Key": key} | ({"VersionId": version} if version else {})
        try:
            with self._described():
                found = self._client.get_object_tagging(**named)["TagSet"]
        except AwsError as error:
            if error.code in _NO_TAGS:
                return {}
            raise
        return {tag["Key"]: tag["Value"] for tag in found}

    def upload_headers(self, bucket: str, key: str, upload_id: str) -> dict[str, Any]:  # noqa: ARG002
        return {}

    def write_bytes(self, bucket: str, key: str, data: bytes, content_type: str = ANY_TYPE) -> None:
        with self._described():
            self._client.put_object(Bucket=bucket, Key=key, Body=data, ContentType=content_type)

    def make_bucket(self, bucket: str) -> None:
        try:
            with self._described():
                self._client.head_bucket(Bucket=bucket)
        except AwsError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            with self._described():
                self._client.create_bucket(Bucket=bucket)

    def access(self, own: Access) -> Access:
        return own if self._guarded() else self._access

    def housekeeper(self, settings: Settings) -> Housekeeper:  # noqa: ARG002
        """Returns no tasks: the other S3 maintains itself."""
        return Housekeeper([], threading.Event())
