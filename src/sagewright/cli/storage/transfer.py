"""Files between folders and S3, with their progress on a terminal."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagewright.cli.output import gigabytes


class BadTransfer(Exception):
    """A copy that is refused; the message says why."""


@dataclass(frozen=True)
class S3Place:
    """A bucket and a key, or a prefix of keys."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, uri: str) -> S3Place:
        """Raises BadTransfer."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        if not uri.startswith("s3://") or not bucket:
            raise BadTransfer(f"{uri} is not an S3 URI such as s3://bucket/folder/.")
        return cls(bucket, key)

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    def below(self, name: str) -> S3Place:
        """Returns the place of `name` in this folder."""
        return S3Place(self.bucket, f"{self.key.rstrip('/')}/{name}" if self.key.rstrip("/") else name)


class TransferProgress:
    """One line on a terminal's standard error, rewritten as bytes move; nothing elsewhere. Safe to use from many threads."""

    def __init__(self, verb: str) -> None:
        self._verb, self._lock = verb, threading.Lock()
        self.files = self.bytes = 0
        self._live = sys.stderr.isatty()

    def moved(self, count: int) -> None:
        with self._lock:
            self.bytes += count
            self._show()

    def done(self) -> None:
        with self._lock:
            self.files += 1
            self._show()

    def _show(self) -> None:
        if self._live:
            print(f"\r\x1b[K{self._verb}: {self.files} files, {gigabytes(self.bytes)}", end="", file=sys.stderr)  # noqa: T201

    def close(self) -> None:
        if self._live:
            print("\r\x1b[K", end="", file=sys.stderr)  # noqa: T201


def local_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yields the relative name, with slashes, and path of each regular file; links to folders are not followed."""
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(place) / name
            if path.is_file():
                yield path.relative_to(folder).as_posix(), path


def objects_below(s3: Any, place: S3Place) -> Iterator[dict[str, Any]]:
    """Yields the objects whose keys begin with the prefix. Raises botocore's ClientError."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=place.bucket, Prefix=place.key):
        yield from page.get("Contents", [])


def local_path(folder: Path, name: str) -> Path:
    """Returns the path of a key's remainder below a folder. Raises BadTransfer for one that would leave it."""
    parts = name.split("/")
    if "\0" in name or any(part in {"", ".", ".."} for part in parts):
        raise BadTransfer(f"The key {name!r} has no path below {folder}; copy it by itself, to a file.")
    path = folder.joinpath(*parts)
    if not path.resolve().is_relative_to(folder.resolve()):
        raise BadTransfer(f"{path} leads out of {folder} through a link.")
    return path


def upload(s3: Any, path: Path, target: S3Place, progress: TransferProgress) -> None:
    s3.upload_file(str(path), target.bucket, target.key, Callback=progress.moved)
    progress.done()


def download(s3: Any, source: S3Place, path: Path, progress: TransferProgress) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    s3.download_file(source.bucket, source.key, str(path), Callback=progress.moved)
    progress.done()


def upload_tree(s3: Any, folder: Path, target: S3Place) -> TransferProgress:
    """Uploads a folder's files; returns what was moved. Raises BadTransfer for a folder without files."""
    progress = TransferProgress("uploaded")
    try:
        for name, path in local_files(folder):
            upload(s3, path, target.below(name), progress)
    finally:
        progress.close()
    if not progress.files:
        raise BadTransfer(f"{folder} has no files.")
    return progress
