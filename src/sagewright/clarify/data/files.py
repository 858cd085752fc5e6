"""The files of a data set: of an input of the job, or below an S3 URI."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sagewright.clarify.errors import CustomerError

MAX_FILES = 100_000
MAX_NAME = 100
_URI = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?", re.DOTALL)


def files_below(folder: Path) -> list[Path]:
    """Returns the regular files below `folder` that have content, by name. Ignores names that begin with a dot or an underscore,
    which Spark and editors write next to data. Raises CustomerError."""
    found = []
    for path in _walk(folder):
        if not path.name.startswith((".", "_")) and path.is_file() and not path.is_symlink() and path.stat().st_size:
            found.append(path)
            if len(found) > MAX_FILES:
                raise CustomerError(f"The data set has more than {MAX_FILES:,} files.")
    return sorted(found)


def _walk(folder: Path) -> Iterator[Path]:
    return iter(()) if not folder.is_dir() else folder.rglob("*")


def parse_uri(uri: str) -> tuple[str, str]:
    """Returns the bucket and the key of an S3 URI. Raises CustomerError."""
    match = _URI.fullmatch(uri)
    if match is None:
        raise CustomerError(f"'{uri[:200]}' is not an S3 URI (s3://bucket/key).")
    return match[1], match[2] or ""


def download(uri: str) -> list[Path]:
    """Copies the object, or the objects below the prefix, into a temporary directory. Raises CustomerError."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    bucket, key = parse_uri(uri)
    client = boto3.client("s3")
    target = Path(tempfile.mkdtemp(prefix="clarify-data-"))
    paths: list[Path] = []
    try:
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key):
            for found in page.get("Contents", ()):
                within = found["Key"] == key or found["Key"].startswith(
                    key if not key or key.endswith("/") else f"{key}/"
                )
                if not within or not found["Size"]:
                    continue
                if len(paths) == MAX_FILES:
                    raise CustomerError(f"'{uri}' has more than {MAX_FILES:,} objects.")
                path = target / f"{len(paths):08d}" / file_name(found["Key"])  # the number keeps the order
                path.parent.mkdir()
                client.download_file(bucket, found["Key"], str(path))
                paths.append(path)
    except (ClientError, BotoCoreError) as error:
        raise CustomerError(f"Unable to read {uri}. {error}") from None
    if not paths:
        raise CustomerError(f"No S3 objects found under S3 URL {uri}.")
    return paths


def file_name(key: str) -> str:
    """Returns a file's name for a key, which may be no path: its last part, with other than plain characters replaced."""
    last = re.sub(r"[^A-Za-z0-9._-]", "_", key.rpartition("/")[2])[-MAX_NAME:]
    return last if last.strip(".") else "object"
