"""Restores a backup into a new data directory."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from sagewright.backups.repository import BackupFailed, BackupManifest, BackupRepository
from sagewright.backups.stores import digest_of, restore_store
from sagewright.model.settings import Settings
from sagewright.store.sealing.master_keys import NAME, MasterKeyFault, master_key_source


def restore_backup(settings: Settings, repository: BackupRepository, at: str = "") -> tuple[str, BackupManifest]:
    """Fills the data directory of the settings, which must be new. `at`: see `BackupRepository.chosen`.

    Returns the name and the manifest of the restored backup. Raises BackupFailed, OSError.
    """
    repository.check()
    name = repository.chosen(at)
    manifest, source, data = repository.manifest(name), repository.place(name), settings.data
    if data.exists() and any(data.iterdir()):
        raise BackupFailed(f"{data} is not empty: restore into a new directory.")
    store = source / manifest.store
    if digest_of(store) != manifest.sha256:
        raise BackupFailed(f"The backup {name} is damaged: {manifest.store} differs from its checksum.")
    damaged = [blob for blob, size in manifest.blobs.items() if _size(repository.blob(blob)) != size]
    if damaged:
        raise BackupFailed(
            f"The backup {name} is damaged: {len(damaged)} objects lack their bytes, such as {damaged[0]}."
        )
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    (data / "objects" / "blobs").mkdir(mode=0o700, parents=True)
    for blob in manifest.blobs:
        _place(repository.blob(blob), data / "objects" / "blobs" / blob[:2] / blob)
    for digest in manifest.layers:
        if repository.layer(digest).exists():
            _place(repository.layer(digest), data / "registry" / "sha256" / digest[7:9] / digest[7:])
    shutil.copytree(source / "files", data, symlinks=True, dirs_exist_ok=True)
    restore_store(store, settings.database_url)
    os.sync()
    return name, manifest


def missing_master_key(settings: Settings, manifest: BackupManifest) -> str:
    """Returns a sentence on the master key that the restored directory lacks, "" if it has what it needs."""
    if not manifest.master_keys:
        return ""
    source = master_key_source(settings)
    try:
        held = {one.id for one in source.read()}
    except MasterKeyFault as fault:
        return fault.message
    if held & set(manifest.master_keys):
        return ""
    needed = " or ".join(manifest.master_keys)
    reason = f"{source.place} holds {', '.join(sorted(held))}" if held else "the backup does not hold it"
    return (
        f"The store needs the master key {needed}; {reason}. Before it starts, put the key into {settings.data / NAME}, or name "
        "its file: SAGEWRIGHT_MASTER_KEY_FILE."
    )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return -1


def _place(source: Path, target: Path) -> None:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o600)
