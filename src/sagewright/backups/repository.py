"""The folder of backups: one directory a backup, and the bytes of objects and images once for all of them.

repository/
  sagewright-backups.json     format
  blobs/5f/5f3a…, layers/ab/ab…
  backups/20261130T012345Z/   manifest.json, store.sqlite or store.dump, files/
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import weakref
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FORMAT = 1
MARK = "sagewright-backups.json"
MANIFEST = "manifest.json"
STAMP = "%Y%m%dT%H%M%SZ"
UNFINISHED = ".unfinished"


class BackupFailed(RuntimeError):
    """A backup can't be taken, found or restored; the message says why."""


@dataclass(frozen=True)
class BackupManifest:
    """`at`: time of the store's copy; `revision`: of the store's schema; `store`: file and its SHA-256; `blobs`: size of each by
    its name; `layers`: digests of images; `missing`: blobs that were lost before; `master_keys`: ids of the master keys that open
    the store's secrets; `with_keys`: whether the backup contains one."""

    at: str
    version: str
    revision: str
    store: str
    sha256: str
    blobs: dict[str, int] = field(default_factory=dict)
    layers: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    master_keys: list[str] = field(default_factory=list)
    with_keys: bool = True

    @property
    def size(self) -> int:
        return sum(self.blobs.values())


class BackupRepository:
    """The folder at `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def prepare(self) -> None:
        """Makes the folder, or checks that it is one of backups, and removes what was not finished. As long as this object lives,
        no other one can prepare the folder. Raises BackupFailed, OSError.
        """
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (self.root / MARK).exists():
            if any(self.root.iterdir()):
                raise BackupFailed(f"{self.root} contains other files: name a new folder for backups.")
            (self.root / MARK).write_text(json.dumps({"format": FORMAT}) + "\n")
        self.check()
        lock = os.open(self.root / MARK, os.O_RDONLY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, lock)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupFailed(
                f"Another backup into {self.root} is in progress: try again once it has ended."
            ) from None
        for left in self._backups.glob(f"*{UNFINISHED}"):
            shutil.rmtree(left)

    def check(self) -> None:
        """Raises BackupFailed for a folder without backups of a known format."""
        try:
            found = json.loads((self.root / MARK).read_text())
        except (OSError, ValueError):
            raise BackupFailed(f"{self.root} contains no backups.") from None
        if found.get("format") != FORMAT:
            raise BackupFailed(f"{self.root} has the format {found.get('format')}; this release reads {FORMAT}.")

    @property
    def _backups(self) -> Path:
        return self.root / "backups"

    def names(self) -> list[str]:
        """Returns the finished backups, oldest first."""
        found = self._backups.iterdir() if self._backups.exists() else ()
        return sorted(one.name for one in found if (one / MANIFEST).exists())

    def place(self, name: str) -> Path:
        return self._backups / name

    def manifest(self, name: str) -> BackupManifest:
        """Raises BackupFailed."""
        try:
            document: dict[str, Any] = json.loads((self.place(name) / MANIFEST).read_text())
            return BackupManifest(**document)
        except (OSError, ValueError, TypeError) as error:
            raise BackupFailed(f"The backup {name} can't be read: {error}") from None

    def chosen(self, at: str) -> str:
        """Returns the newest backup, or the newest one that is no later than `at`, in ISO 8601. Raises BackupFailed."""
        names = self.names()
        if at:
            limit = _stamp(at)
            names = [name for name in names if name[: len(limit)] <= limit]
        if not names:
            raise BackupFailed(f"{self.root} has no backup{f' of {at} or before' if at else ''}.")
        return names[-1]

    def begin(self, now: datetime) -> Path:
        """Returns a new directory, which counts as a backup once `finish` has renamed it. A second backup within the same
        second gets a number after its time."""
        name = stamp = now.strftime(STAMP)
        number = 1
        while (self._backups / name).exists():
            number += 1
            name = f"{stamp}-{number}"
        made = self._backups / f"{name}{UNFINISHED}"
        made.mkdir(parents=True)
        return made

    def finish(self, begun: Path, manifest: BackupManifest) -> str:
        (begun / MANIFEST).write_text(json.dumps(asdict(manifest)))
        name = begun.name.removesuffix(UNFINISHED)
        begun.rename(self._backups / name)
        return name

    def blob(self, name: str) -> Path:
        return self.root / "blobs" / name[:2] / name

    def layer(self, digest: str) -> Path:
        return self.root / "layers" / digest[7:9] / digest[7:]

    def keep(self, most: int) -> list[str]:
        """Removes all but the newest backups, and the bytes that no other needs; returns the removed ones."""
        removed = self.names()[:-most]
        for name in removed:
            shutil.rmtree(self.place(name))
        left = [self.manifest(name) for name in self.names()]
        needed = {self.blob(one) for each in left for one in each.blobs}
        needed |= {self.layer(one) for each in left for one in each.layers}
        for file in self._bytes():
            if file not in needed:
                file.unlink()
        return removed

    def _bytes(self) -> Iterator[Path]:
        for folder in ("blobs", "layers"):
            yield from (one for one in (self.root / folder).glob("*/*") if one.is_file())


def _stamp(at: str) -> str:
    """Raises BackupFailed for a text that is not a time."""
    try:
        read = datetime.fromisoformat(at.replace("Z", "+00:00"))
    except ValueError:
        raise BackupFailed(f"{at} is not an ISO 8601 time such as 2026-11-30T01:23:45Z.") from None
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC).strftime(STAMP)
