"""What the server asks of whichever object store it works with, and how another S3 is named in the settings."""

from __future__ import annotations

import configparser
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from sagewright.model.errors import AwsError
from sagewright.model.settings import BadSetting, Settings
from sagewright.objects.housekeeping import Housekeeper

MOST_READ = 64 << 20
ANY_TYPE = "binary/octet-stream"


@dataclass(frozen=True)
class Access:
    """Where an S3 answers and with whose keys. `patience_s`: how long an agent waits for it; None: as long as it takes."""

    endpoint: str
    region: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)
    patience_s: float | None = None


def too_large(bucket: str, key: str, size: int, most: int) -> AwsError:
    """What `read_bytes` raises for an object that is more than its caller takes."""
    return AwsError("EntityTooLarge", f"s3://{bucket}/{key} has {size} bytes; at most {most} can be read here.", 400)


class ObjectStore(Protocol):
    """Where objects are: the embedded store or another S3. Safe to use from many threads."""

    def exists_any(self, bucket: str, prefix: str) -> bool:
        """Whether an object is under `prefix`. Raises AwsError: NoSuchBucket, ServiceUnavailable."""
        ...

    def list_keys(self, bucket: str, prefix: str) -> Iterator[tuple[str, int]]:
        """(key, size in bytes) of each object under `prefix`, by the keys' UTF-8 bytes. Raises AwsError as above."""
        ...

    def read_bytes(self, bucket: str, key: str, most: int = MOST_READ) -> bytes:
        """All of an object, in memory. Raises AwsError: NoSuchBucket, NoSuchKey, EntityTooLarge for more than `most` bytes."""
        ...

    def content_type(self, bucket: str, key: str) -> str:
        """The media type that an object was put with, ANY_TYPE where it had none. Raises AwsError."""
        ...

    def write_bytes(self, bucket: str, key: str, data: bytes, content_type: str = ANY_TYPE) -> object:
        """Put an object from memory; what it returns is the store's own. Raises AwsError: NoSuchBucket, ServiceUnavailable."""
        ...

    def make_bucket(self, bucket: str) -> None:
        """Nothing where there is one of that name already. Raises AwsError."""
        ...

    def access(self, own: Access) -> Access:
        """How the host of a job reaches the objects; `own` is this server's port with the job's keys."""
        ...

    def housekeeper(self, settings: Settings) -> Housekeeper:
        """What is to be done for the store while the server runs; not yet started."""
        ...


def external_access(settings: Settings) -> Access | None:
    """The S3 that the setting `objects` names; None for the embedded one. Raises BadSetting, which shows no secret."""
    if not settings.objects:
        return None
    url = urlsplit(settings.objects)
    try:
        port = url.port
    except ValueError:
        raise _bad("its port is no number") from None
    if url.scheme not in {"s3", "http", "https"} or not url.hostname:
        raise _bad("it must be s3://HOST:PORT, http://HOST:PORT or https://HOST")
    if url.path.strip("/"):
        raise _bad("it names a server; a bucket or path cannot be given")
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
    """From the URL, else the two settings, else the file."""
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
