"""Samples of sources: as many of S3's first objects as needed, kept on disk, and read by the engine's own reader.

A sample of the first rows reads no more of CSV and JSON Lines than it needs; any other method reads whole objects, up
to MOST_BYTES.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sagewright.wrangler.errors import StepError
from sagewright.wrangler.flows import Node
from sagewright.wrangler.sampling import FIRST, sampling_of

MOST_ROWS = 100_000
MOST_BYTES = 2 * 1024**3
FIRST_BYTES = 32 * 1024**2
"""Bytes of a text object of which a sample of its first rows reads at most, at first."""
MOST_OBJECTS = 1000
FRESH_S = 20.0
"""Time for which a listing counts."""
LINES = ("csv", "jsonl")
PACKED = (".gz", ".bz2", ".zip", ".xz", ".zst", ".snappy")


@dataclass(frozen=True)
class S3Object:
    key: str
    size: int
    tag: str


@dataclass(frozen=True)
class SourceFiles:
    """`folder` contains the files under their keys; `mark` changes with the objects; `whole`: all bytes are there."""

    folder: Path
    mark: str
    whole: bool
    count: int


class Samples:
    """Files of sources, in a folder of this process."""

    def __init__(self, client: Any = None) -> None:
        self._client = client
        self._kept = Path(tempfile.mkdtemp(prefix="samples-"))
        self.scratch = self._kept / "scratch"
        self.scratch.mkdir()
        self._names: dict[Path, str] = {}
        self._listings: dict[str, tuple[float, list[S3Object]]] = {}
        self._lock = threading.Lock()

    def origin(self, _node: Node, path: Path) -> str:
        """Returns the URI of the object in a local file."""
        return self._names.get(path, path.name)

    def files(self, node: Node) -> SourceFiles:
        """Returns the files of a source. Raises StepError."""
        place = place_of(node)
        uri, content = str(place.get("s3Uri") or ""), str(place.get("s3ContentType") or "csv").lower()
        split = urlsplit(uri)
        if split.scheme != "s3" or not split.netloc:
            raise StepError(
                node.node_id, node.operator, f"Previews read sources in S3, and this one is {uri or node.operator!r}."
            )
        with self._lock:
            objects = self._listed(node, split.netloc, split.path.lstrip("/"), bool(place.get("s3DirIncludesNested")))
        firsts = content in LINES and sampling_of(node).method == FIRST
        mark = hashlib.sha256(repr((uri, content, firsts, objects)).encode()).hexdigest()[:24]
        folder = self._kept / mark
        parts = [
            self._fetched(node, split.netloc, one, folder / safe_name(number, one.key), firsts)
            for number, one in enumerate(self._needed(node, objects, firsts))
        ]
        return SourceFiles(folder, mark, all(parts), len(objects))

    def _needed(self, node: Node, objects: list[S3Object], firsts: bool) -> Iterator[S3Object]:
        """Yields the objects to read: for first rows only enough for FIRST_BYTES. Raises StepError for too many bytes."""
        total, whole = 0, 0
        for one in objects:
            total += one.size
            whole += 0 if _is_part(one, firsts) else one.size
            if whole > MOST_BYTES:
                way = "uncompress it" if firsts else "sample its first rows"
                reason = (
                    f"The sample would read more than {MOST_BYTES // 1024**2:,} MiB: {way}, or run the flow as a job."
                )
                raise StepError(node.node_id, node.operator, reason)
            yield one
            if firsts and total >= FIRST_BYTES:
                return

    def _listed(self, node: Node, bucket: str, prefix: str, nested: bool) -> list[S3Object]:
        at, kept = self._listings.get(f"{bucket}/{prefix}/{nested}", (0.0, []))
        if time.monotonic() - at < FRESH_S:
            return kept
        found: list[S3Object] = []
        try:
            pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            for page in pages:
                found += [S3Object(one["Key"], one["Size"], one["ETag"]) for one in page.get("Contents", [])]
                if len(found) > MOST_OBJECTS * 10:
                    break
        except Exception as error:
            raise StepError(node.node_id, node.operator, f"s3://{bucket}/{prefix} can't be listed: {error}") from None
        there = [one for one in found if _belongs(one, prefix, nested)]
        found = [one for one in there if one.size][:MOST_OBJECTS]
        if not found:
            what = "has no bytes" if len(there) == 1 else "has only empty objects" if there else ""
            reason = f"s3://{bucket}/{prefix} {what}." if what else f"There is no object at s3://{bucket}/{prefix}."
            raise StepError(node.node_id, node.operator, reason)
        self._listings[f"{bucket}/{prefix}/{nested}"] = (time.monotonic(), found)
        return found

    def _fetched(self, node: Node, bucket: str, one: S3Object, path: Path, firsts: bool) -> bool:
        """Returns True if the whole object is there."""
        self._names[path] = f"s3://{bucket}/{one.key}"
        part = _is_part(one, firsts)
        if path.exists():
            return not part
        path.parent.mkdir(parents=True, exist_ok=True)
        ranged = {"Range": f"bytes=0-{FIRST_BYTES - 1}"} if part else {}
        begun = path.with_name(f".{os.getpid()}-{path.name}")
        try:
            body = self.client.get_object(Bucket=bucket, Key=one.key, **ranged)["Body"]
            with begun.open("wb") as out:
                for piece in body.iter_chunks(1024 * 1024):
                    out.write(piece)
                if part:
                    _cut_at_line(out)
            begun.rename(path)
        except Exception as error:
            begun.unlink(missing_ok=True)
            raise StepError(node.node_id, node.operator, f"s3://{bucket}/{one.key} can't be read: {error}") from None
        return not part

    @property
    def client(self) -> Any:
        if self._client is None:
            import boto3

            self._client = boto3.client("s3")
        return self._client


def place_of(node: Node) -> Mapping[str, Any]:
    """Returns where a source's data is."""
    definition = node.parameters.get("dataset_definition")
    place = definition.get("s3ExecutionContext") if isinstance(definition, Mapping) else None
    return place if isinstance(place, Mapping) else {}


def safe_name(number: int, key: str) -> str:
    """Returns the name of an object's file: its number in the listing, which keeps the order, and the last part of its key."""
    last = key.rpartition("/")[2] or "object"
    return f"{number:06d}-{last.encode()[-100:].decode(errors='ignore')}"


def _is_part(one: S3Object, firsts: bool) -> bool:
    """Returns True if the first rows need only the beginning of the object; a compressed one is read whole."""
    return firsts and one.size > FIRST_BYTES and not one.key.endswith(PACKED)


def _belongs(one: S3Object, prefix: str, nested: bool) -> bool:
    """Returns True for an object of a source, False for a folder's mark or another object whose key only begins alike."""
    rest = one.key[len(prefix) :]
    if one.key.endswith("/") or one.key.rpartition("/")[2].startswith(("_", ".")):
        return False
    if rest and prefix and not prefix.endswith("/") and not rest.startswith("/"):
        return False
    return nested or "/" not in rest.strip("/")


def _cut_at_line(out: Any) -> None:
    """Drops the broken line at the end of a part."""
    length = out.tell()
    back = min(length, 4 * 1024 * 1024)
    out.flush()
    with Path(out.name).open("rb") as read:
        read.seek(length - back)
        at = read.read().rfind(b"\n")
    if at >= 0:
        out.truncate(length - back + at + 1)
