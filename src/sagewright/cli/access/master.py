"""`sagewright keys rotate-master`: another master key for the secrets in the store. It works on the store itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sagewright.cli.options import FAILURE, DataOption, fail, settings_of
from sagewright.cli.output import write
from sagewright.model.errors import AwsError
from sagewright.model.settings import Settings

if TYPE_CHECKING:
    from sagewright.store.database import Database


def rotate_master(
    data: DataOption = None,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to",
            help="File for the new key; it is created if it doesn't exist. Configure the server to use it afterwards.",
        ),
    ] = None,
    finish: Annotated[
        bool, typer.Option("--finish", help="Lock out all former master keys, once every server has the new one.")
    ] = False,
) -> None:
    """Replace the master key that opens the store's secrets, while its servers run or not. They need no restart."""
    from sagewright.store.sealing import data_keys
    from sagewright.store.sealing.master_keys import MasterKeySource, master_key_source

    settings = settings_of(data=data)
    source = master_key_source(settings)
    target = MasterKeySource(to.expanduser().absolute()) if to else None
    with _opened(settings) as store:
        if finish:
            gone = data_keys.finish(store.engine, source)
            write(f"Only the master key in {source.place} opens the store; locked out: {', '.join(gone) or 'none'}.")
            return
        new = data_keys.rotate(store.engine, source, shared=not store.embedded, to=target)
    write(f"The master key {new.id} is in {(target or source).place}.")
    if target or not store.embedded:
        write(
            "The former key still opens the store. Give the new one to every server, then: sagewright keys rotate-master --finish"
        )


@contextmanager
def _opened(settings: Settings) -> Iterator[Database]:
    """Yields the store, which must exist in this release's form; ends the command with the reason if not."""
    from sqlalchemy import create_engine
    from sqlalchemy.exc import DBAPIError

    from sagewright.server.startfaults import start_fault
    from sagewright.store import migrate
    from sagewright.store.database import Database

    if not settings.database and not (settings.data / "store.sqlite").exists():
        fail(f"{settings.data} contains no store: start a server on it first.", FAILURE)
    try:
        engine = create_engine(settings.database_url)
        if migrate.current(engine) != migrate.HEAD:
            fail(
                f"The store of {settings.data} has the format of another release: start its server with this release first.",
                FAILURE,
            )
        engine.dispose()
        store = Database(settings.database_url, settings.fsync)
        try:
            yield store
        finally:
            store.close()
    except AwsError as error:
        fail(error.message, FAILURE)
    except (OSError, DBAPIError) as error:
        fail(start_fault(error, settings) or str(error), FAILURE)
