"""`sagewright backup` and `sagewright restore`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from sagewright.cli.options import FAILURE, DataOption, fail, settings_of
from sagewright.cli.output import (
    Format,
    JsonOption,
    OutputColumn,
    OutputOption,
    chosen,
    gigabytes,
    print_json,
    print_rows,
    write,
)

Folder = Annotated[Path, typer.Argument(help="Folder of the backups.", metavar="DIR")]


def backup(
    folder: Folder,
    data: DataOption = None,
    keep: Annotated[
        int | None, typer.Option("--keep", min=1, help="Afterwards, remove all but the newest N backups.", metavar="N")
    ] = None,
    without_master_key: Annotated[
        bool,
        typer.Option(
            "--without-master-key", help="Leave out the keys that open the store's secrets; keep them elsewhere."
        ),
    ] = False,
    list_: Annotated[bool, typer.Option("--list", help="List the backups of the folder.")] = False,
    output: OutputOption = Format.TABLE,
    json: JsonOption = False,
) -> None:
    """Back up a data directory, while its server runs or not: rows, objects, images, homes of notebooks, keys.

    Bytes that an earlier backup in the folder has are not copied again. The folder contains the master key that opens the
    secrets in the store, unless it is left out or kept outside the data directory: keep it as safe as the data directory.
    """
    from sagewright.backups.repository import BackupFailed, BackupRepository
    from sagewright.backups.taking import take_backup

    repository = BackupRepository(folder)
    try:
        if list_:
            repository.check()
            rows = [{"Name": name, **vars(repository.manifest(name))} for name in repository.names()]
            columns = (
                OutputColumn("name", lambda one: str(one["Name"])),
                OutputColumn("taken", lambda one: str(one["at"])),
                OutputColumn("objects", lambda one: str(len(one["blobs"]))),
                OutputColumn("size", lambda one: gigabytes(sum(one["blobs"].values()))),
                OutputColumn("master key", lambda one: "in it" if one["with_keys"] else "not in it"),
                OutputColumn("version", lambda one: str(one["version"])),
            )
            print_rows(rows, columns, chosen(output, json))
            return
        name, manifest = take_backup(settings_of(data=data), repository, with_keys=not without_master_key)
        removed = repository.keep(keep) if keep else []
    except (BackupFailed, OSError) as error:
        fail(str(error), FAILURE)
    if json:
        print_json({"Name": name, "Objects": len(manifest.blobs), "Missing": manifest.missing, "Removed": removed})
    else:
        contents = f"{len(manifest.blobs)} large objects ({gigabytes(manifest.size)}), {len(manifest.layers)} layers"
        write(f"Backed up to {folder / name}: {contents}.")
        if manifest.master_keys and not manifest.with_keys:
            write(f"The master key {' or '.join(manifest.master_keys)} is not in it: keep a copy elsewhere.")
    if manifest.missing:
        fail(
            f"{len(manifest.missing)} objects had lost their bytes before: sagewright objects scrub names them.",
            FAILURE,
        )


def restore(
    folder: Folder,
    data: DataOption = None,
    at: Annotated[
        str, typer.Option("--at", help="The newest backup up to this time, in ISO 8601.", show_default="the newest")
    ] = "",
    database: Annotated[
        str | None, typer.Option("--database", help="An empty PostgreSQL database, for a backup of one.")
    ] = None,
) -> None:
    """Restore a backup into a new data directory. Jobs that were running when it was taken are lost: they are retried, or fail."""
    from sagewright.backups.repository import BackupFailed, BackupRepository
    from sagewright.backups.restoring import missing_master_key, restore_backup

    settings = settings_of(data=data, database=database)
    try:
        name, manifest = restore_backup(settings, BackupRepository(folder), at)
    except (BackupFailed, OSError) as error:
        fail(str(error), FAILURE)
    write(f"{settings.data} holds {name}, taken at {manifest.at}.")
    if sentence := missing_master_key(settings, manifest):
        write(sentence)
    print(f"Start it: sagewright up --data {settings.data}", file=sys.stderr)  # noqa: T201
