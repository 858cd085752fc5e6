"""File locations of objects, for agents that run beside the embedded object store.

Such an agent returns the contents of the proof file, which only a process of this machine (or one that mounts its data directory)
running as the server's user can read. It then receives the paths of the files that hold the objects.
"""

from __future__ import annotations

import hmac
import secrets
from pathlib import Path
from typing import Any

from sagewright.model.settings import Settings
from sagewright.objects.bucketstore import BucketStore

PAGE = 5000


class NotBeside(Exception):
    """The agent has not proved that it can read the object store's files."""


def proof_file(settings: Settings) -> Path:
    """Returns the file that an agent has to read; creates it if missing."""
    path = settings.data / "objects" / "proof"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        own = path.with_name(f"proof-{secrets.token_hex(8)}")
        own.touch(mode=0o600)
        own.write_text(secrets.token_hex(32))
        own.rename(path)
    return path


def look_up(settings: Settings, objects: BucketStore, requested: dict[str, Any]) -> dict[str, Any]:
    """Answers `{"proof", "bucket", "prefix", "after"}` with `{"found": [[key, size, file] …], "next": key or null}`, a page of the
    objects under a prefix; and `{"proof", "names": [[bucket, key] …]}` with `{"found": [[size, file] …]}`.

    Raises NotBeside, KeyError and TypeError for a malformed request, AwsError for a missing bucket or key.
    """
    if not hmac.compare_digest(str(requested["proof"]).encode(), proof_file(settings).read_bytes()):
        raise NotBeside
    if "names" in requested:
        versions = [objects.contents.find(bucket, key) for bucket, key in requested["names"]]
        return {"found": [[version.size, str(objects.there(version))] for version in versions]}
    rows = objects.listing.locate(requested["bucket"], requested["prefix"], requested["after"], PAGE)
    files = objects.files([blob for _, _, blob in rows])
    found = [[key, size, file] for (key, size, _), file in zip(rows, files, strict=True)]
    return {"found": found, "next": rows[-1][0] if len(rows) == PAGE else None}
