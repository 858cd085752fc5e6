"""`sagewright objects`: maintenance of the embedded store, with or without a running server."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from sagewright.cli.options import DataOption, console, fail, settings_of

if TYPE_CHECKING:
    from sagewright.model.settings import Settings
    from sagewright.objects.bucketstore import BucketStore
    from sagewright.objects.scrub import ScrubReport

app = typer.Typer(help="Maintain the embedded object store.", no_args_is_help=True)
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.command("scrub")
def scrub(data: DataOption = None, json: JsonOption = False) -> None:
    """Check every object against its file and every file against the index; exits with 1 if an object is damaged.

    Changes nothing. It works with and without a running server.
    """
    import orjson

    from sagewright.objects.scrub import Scrub

    settings = settings_of(data=data)
    with _opened(settings) as store, _alone(settings) as alone:
        report = Scrub(store).run(grace_s=0 if alone else _grace_s())
    if json:
        print(orjson.dumps(report.document(), option=orjson.OPT_INDENT_2).decode())  # noqa: T201
    else:
        _show(report)
    if not report.sound:
        raise typer.Exit(1)


@app.command("gc")
def gc(data: DataOption = None) -> None:
    """Remove unneeded files, as a running server does every hour.

    While a server runs, files that were touched within the last hour are kept; otherwise all are removed at once.
    """
    settings = settings_of(data=data)
    with _opened(settings) as store, _alone(settings) as alone:
        removed = store.collect(0, 0) if alone else store.collect()
    console.print(f"{removed} files removed")


@contextmanager
def _opened(settings: Settings) -> Iterator[BucketStore]:
    from sagewright.objects.bucketstore import BucketStore
    from sagewright.store.database import Database

    root = settings.data / "objects"
    if not root.is_dir():
        fail(f"no object store in {settings.data}")
    database = Database(settings.database_url, settings.fsync)
    try:
        yield BucketStore(database, root, settings.fsync, settings.account, settings.region)
    finally:
        database.close()


@contextmanager
def _alone(settings: Settings) -> Iterator[bool]:
    """Yields True if no server runs on the directory; none can start inside the context."""
    with (settings.data / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _grace_s() -> float:
    from sagewright.objects.bucketstore import GRACE_S

    return GRACE_S


def _show(report: ScrubReport) -> None:
    for fault in report.faults:
        part = f" part {fault.part} of upload {fault.upload}" if fault.upload else ""
        named = f" version {fault.version}" if fault.version not in {"", "null"} else ""
        console.print(f"{fault.kind}: s3://{fault.bucket}/{fault.key}{named}{part}: {fault.detail}", markup=False)
    for name in report.orphaned:
        console.print(f"orphaned: {name}", markup=False)
    missing = sum(fault.kind == "missing" for fault in report.faults)
    console.print(
        f"{report.objects} objects and {report.parts} parts, {report.bytes} bytes: {missing} missing, "
        f"{len(report.faults) - missing} corrupt, {len(report.orphaned)} files orphaned"
    )
