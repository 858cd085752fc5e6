"""Takes a backup while a server may run.

Bytes of objects never change, and stay for some seconds after their deletion. So they are copied first, then the database at one
moment, then the bytes that were written between; objects that were deleted in between are handled by a second round.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from sqlalchemy import Connection, inspect, select

from sagewright.backups.folders import copy_folder
from sagewright.backups.repository import BackupFailed, BackupManifest, BackupRepository
from sagewright.backups.stores import copy_store, digest_of, opened, revision_of
from sagewright.model.settings import Settings
from sagewright.store.schema.data_keys import data_keys
from sagewright.store.schema.ecr import ecr_manifests
from sagewright.store.schema.objects import objects, upload_parts
from sagewright.store.sealing.data_keys import master_key_ids
from sagewright.store.sealing.master_keys import NAME, MasterKeySource

ROUNDS = 3
FILES = ("server-id", "tls", "homes")
"""Files and folders of the data directory that no row describes."""
ADMINS_KEY = "credentials"
"""The same of the admin's key: the server writes it again."""
SMALL = "s"
"""Ids of bytes that are rows begin with it."""


def take_backup(
    settings: Settings, repository: BackupRepository, *, with_keys: bool = True
) -> tuple[str, BackupManifest]:
    """Returns the name and the manifest of a new backup. `with_keys`: it contains the data directory's master key and the
    admin's key.

    Raises BackupFailed, OSError.
    """
    if settings.objects:
        raise BackupFailed(
            "The objects are on another S3, and this backup would contain only rows. Back up the other S3 with its own tools."
        )
    repository.prepare()
    own = MasterKeySource(settings.data / NAME)
    for number in range(1, ROUNDS + 1):
        for blob in _present(settings.data / "objects" / "blobs"):
            _copy(blob, repository.blob(blob.name))
        begun, before = repository.begin(datetime.now(UTC)), own.read()
        store = copy_store(settings.database_url, begun)
        with opened(settings.database_url, store) as connection:
            revision, wanted, layers = revision_of(connection), _blobs(connection), _layers(connection)
            master_keys = _master_keys(connection)
        missing = [name for name in wanted if not _obtained(settings, repository, name)]
        keys = [one for one in (*own.read(), *before) if one.id in master_keys][:1]
        if missing and number < ROUNDS:
            shutil.rmtree(begun)
            continue
        break
    for digest in layers:
        _copy(settings.data / "registry" / "sha256" / digest[7:9] / digest[7:], repository.layer(digest))
    _copy_files(settings.data, begun / "files", (*FILES, ADMINS_KEY) if with_keys else FILES)
    if with_keys and keys:  # a rotation may have replaced the file since the database was copied
        MasterKeySource(begun / "files" / NAME).write(keys)
    kept = {name: repository.blob(name).stat().st_size for name in wanted if name not in set(missing)}
    at = datetime.now(UTC).isoformat(timespec="seconds")
    holds = with_keys and bool(keys)
    manifest = BackupManifest(
        at,
        version("sagewright"),
        revision,
        store.name,
        digest_of(store),
        kept,
        sorted(layers),
        missing,
        master_keys,
        holds,
    )
    _sync(repository.root)
    return repository.finish(begun, manifest), manifest


def _present(root: Path) -> Iterable[Path]:
    return (one for one in root.glob("*/*") if one.is_file()) if root.exists() else ()


def _obtained(settings: Settings, repository: BackupRepository, name: str) -> bool:
    """Copies a blob that has not been copied yet; returns False if it no longer exists."""
    return _copy(settings.data / "objects" / "blobs" / name[:2] / name, repository.blob(name))


def _copy(source: Path, target: Path) -> bool:
    """Copies a file whole, unless its copy has the same size and time: that of an unfinished upload is still written. Returns False
    if the source, and so the copy, does not exist."""
    try:
        now = source.stat()
        if target.exists() and _same(target.stat(), now):
            return True
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f"{target.name}.partial")
        shutil.copyfile(source, partial)
        os.utime(
            partial, ns=(now.st_mtime_ns, now.st_mtime_ns)
        )  # the time before, so that what was written since shows
        partial.rename(target)
    except FileNotFoundError:
        return target.exists()
    return True


def _same(one: os.stat_result, other: os.stat_result) -> bool:
    return (one.st_size, one.st_mtime_ns) == (other.st_size, other.st_mtime_ns)


def _blobs(connection: Connection) -> list[str]:
    found: set[str] = set()
    for column in (objects.c.blob, upload_parts.c.blob):
        found |= {str(one) for one in connection.execute(select(column).distinct()).scalars() if one is not None}
    return sorted(name for name in found if not name.startswith(SMALL))


def _layers(connection: Connection) -> set[str]:
    return {str(digest) for each in connection.execute(select(ecr_manifests.c.layers)).scalars() for digest in each}


def _master_keys(connection: Connection) -> list[str]:
    """Returns the ids of the store's master keys; none for a store of a release that had none."""
    return master_key_ids(connection) if inspect(connection).has_table(data_keys.name) else []


def _copy_files(data: Path, to: Path, names: Iterable[str]) -> None:
    to.mkdir(mode=0o700)
    for name in names:
        source = data / name
        if source.is_dir():
            copy_folder(source, to / name)
        elif source.exists():
            shutil.copy2(source, to / name)


def _sync(root: Path) -> None:
    """Writes the file system of the repository to its disk."""
    handle = os.open(root, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    os.sync()
