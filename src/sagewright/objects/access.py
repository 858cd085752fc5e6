"""The interface between the server and its object store, and the settings of another S3."""

from __future__ import annotations

import configparser
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from sagewright.model.errors import AwsError
from sagewright.model.settings import BadSetting, Settings
from sagewright.objects.housekeeping import Housekeeper

MOST_READ = 64 << 20
ANY_TYPE = "binary/octet-stream"


@dataclass(frozen=True)
class Access:
    """Endpoint and keys of an S3. `patience_s`: how long an agent waits for it; None: without limit."""

    endpoint: str
    region: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)
    patience_s: float | None = None


def too_large(bucket: str, key: str, size: int, most: int) -> AwsError:
    """Returns the error that `read_bytes` raises for an object larger than its caller accepts."""
    return AwsError("EntityTooLarge", f"s3://{bucket}/{key} has {size} bytes; at most {most} can be read.", 400)


class ObjectStore(Protocol):
    """An object store: the embedded one or another S3. Thread-safe."""

    def exists_any(self, bucket: str, prefix: str) -> bool:
        """Returns True if there is an object under `prefix`. Raises AwsError: NoSuchBucket, ServiceUnavailable."""
        ...

    def list_keys(self, bucket: str, prefix: str) -> Iterator[tuple[str, int]]:
        """Yields (key, size in bytes) of each object under `prefix`, by the keys' UTF-8 bytes. Raises AwsError as above."""
        ...

    def read_bytes(self, bucket: str, key: str, most: int = MOST_READ) -> bytes:
        """Returns a whole object. Raises AwsError: NoSuchBucket, NoSuchKey, EntityTooLarge for more than `most` bytes."""
        ...

    def content_type(self, bucket: str, key: str) -> str:
        """Returns the media type of an object, ANY_TYPE if it was put without one. Raises AwsError."""
        ...

    def modified_ms(self, bucket: str, key: str) -> int:
        """Returns when an object was put; another S3 knows the second. Raises AwsError: NoSuchBucket, NoSuchKey (or 404)."""
        ...

    def tags(self, bucket: str, key: str, version: str | None) -> dict[str, str]:
        """Returns the tags of an object; none if there is no such object or version. Raises AwsError: NoSuchBucket,
        ServiceUnavailable."""
        ...

    def upload_headers(self, bucket: str, key: str, upload_id: str) -> dict[str, Any]:
        """Returns the headers that a multipart upload began with; none if there is no such upload. Another S3 does not say them."""
        ...

    def write_bytes(self, bucket: str, key: str, data: bytes, content_type: str = ANY_TYPE) -> object:
        """Puts an object from memory; the return value depends on the store. Raises AwsError: NoSuchBucket, ServiceUnavailable."""
        ...

    def make_bucket(self, bucket: str) -> None:
        """Creates a bucket unless one of that name exists. Raises AwsError."""
        ...

    def access(self, own: Access) -> Access:
        """Returns the access of a job's host to the objects; `own` is this server's port with the job's keys."""
        ...

    def housekeeper(self, settings: Settings) -> Housekeeper:
        """Returns the store's periodic tasks, not yet started."""
        ...


def external_access(settings: Settings) -> Access | None:
    """Returns the S3 in the setting `objects`; None for the embedded one. Raises BadSetting, whose message shows no secret."""
    if not settings.objects:
        return None
    url = urlsplit(settings.objects)
    try:
        port = url.port
    except ValueError:
        raise _bad("its port is not a number") from None
    if url.scheme not in {"s3", "http", "https"} or not url.hostname:
        raise _bad("it must be s3://HOST:PORT, http://HOST:PORT or https://HOST")
    if url.path.strip("/"):
        raise _bad("it names a server, so it can't contain a bucket or path")
    options = {name: values[-1] for name, values in parse_qs(url.query).items()}
    if unknown := sorted(set(options) - {"tls", "region"}):
        raise _bad(f"it has the option {unknown[0]}; there are tls and region")
    tls = url.scheme == "https" or options.get("tls", "0").lower() in {"1", "true", "yes"}
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    access_key, secret_key = _keys(settings, url)
    return Access(
        endpoint=f"{'https' if tls else 'http'}://{host}" + (f":{port}" if port else ""),
        region=options.get("region") or settings.region,
        access_key=access_key,
        secret_key=secret_key,
        patience_s=settings.objects_patience_s,
    )


def _keys(settings: Settings, url: SplitResult) -> tuple[str, str]:
    """Returns the keys from the URL, else from the two settings, else from the file."""
    if url.username and url.password:
        return unquote(url.username), unquote(url.password)
    if settings.objects_access_key and settings.objects_secret_key:
        return settings.objects_access_key, settings.objects_secret_key
    if not settings.objects_credentials:
        raise _bad("it needs keys: in the URL, in objects_access_key and objects_secret_key, or in objects_credentials")
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(settings.objects_credentials)
        section = parser["default"]
        return section["aws_access_key_id"], section["aws_secret_access_key"]
    except (configparser.Error, KeyError, UnicodeDecodeError):
        raise BadSetting(
            f"objects_credentials={settings.objects_credentials!r}: "
            "must be a file with aws_access_key_id and aws_secret_access_key under [default]"
        ) from None


def _bad(reason: str) -> BadSetting:
    return BadSetting(f"objects: {reason}")
