"""Downloads a source that no input of the job brings."""

from __future__ import annotations

import shutil
from pathlib import Path

MOST_FILES = 100_000


class DownloadError(ValueError):
    """A source that can't be read from S3."""


def download(uri: str, folder: Path) -> Path:
    """Returns a folder with the object or the prefix at `uri`, or the file itself. Raises DownloadError."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    client = boto3.client("s3")
    free, size, count = shutil.disk_usage(folder.parent).free // 2, 0, 0
    try:
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for entry in page.get("Contents", []):
                key = entry["Key"]
                if key.endswith("/") or not _is_inside(key, prefix):
                    continue
                inside = key.rpartition("/")[2] if key == prefix else key.removeprefix(prefix).lstrip("/")
                size, count = size + entry["Size"], count + 1
                if size > free or count > MOST_FILES:
                    raise DownloadError(f"{uri} has more than {free:,} bytes or {MOST_FILES:,} files.")
                target = folder / inside
                if not target.resolve().is_relative_to(folder.resolve()):
                    raise DownloadError(f"The key {key[:200]!r} leads out of its prefix.")
                target.parent.mkdir(parents=True, exist_ok=True)
                client.download_file(bucket, key, str(target))
    except (BotoCoreError, ClientError, OSError) as error:
        raise DownloadError(f"{uri} can't be read: {error}") from error
    if not count:
        raise DownloadError(f"There is no object at {uri}.")
    return folder


def _is_inside(key: str, prefix: str) -> bool:
    """True for the object itself and those of the folder; False for keys that only begin alike."""
    return not prefix or key == prefix or prefix.endswith("/") or key.startswith(f"{prefix}/")
