"""Copies of the database: SQLite by its online backup, PostgreSQL by pg_dump and pg_restore."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.engine import make_url

from sagewright.backups.repository import BackupFailed

SQLITE, DUMP = "store.sqlite", "store.dump"
TOOL_S = 3600


def copy_store(url: str, to: Path) -> Path:
    """Copies the database of a running server at one moment; its writers do not wait. Returns the file. Raises BackupFailed."""
    if url.startswith("sqlite"):
        return _copy_sqlite(Path(url.removeprefix("sqlite:///")), to / SQLITE)
    _run(["pg_dump", "--format=custom", f"--file={to / DUMP}", _plain(url)])
    return to / DUMP


def _copy_sqlite(source: Path, target: Path) -> Path:
    try:
        original = sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=60)
        with closing(original), closing(sqlite3.connect(target)) as copy:
            original.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        raise BackupFailed(f"The store {source} can't be copied: {error}") from None
    target.chmod(0o600)
    return target


def restore_store(file: Path, url: str) -> None:
    """Fills a new database. Raises BackupFailed."""
    if file.name == SQLITE:
        if not url.startswith("sqlite"):
            raise BackupFailed("This backup is of SQLite; it can't be restored into PostgreSQL.")
        target = Path(url.removeprefix("sqlite:///"))
        shutil.copyfile(file, target)
        target.chmod(0o600)
        return
    if url.startswith("sqlite"):
        raise BackupFailed("This backup is of PostgreSQL: name an empty database with --database.")
    _run(["pg_restore", "--exit-on-error", "--no-owner", f"--dbname={_plain(url)}", str(file)])


@contextmanager
def opened(url: str, file: Path) -> Iterator[Connection]:
    """Yields a connection to the copy in SQLite's file, or to PostgreSQL itself, because its dump can't be queried."""
    engine = create_engine(f"sqlite:///{file}" if file.name == SQLITE else url)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def revision_of(connection: Connection) -> str:
    return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one())


def digest_of(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _plain(url: str) -> str:
    """Returns a URL of SQLAlchemy as PostgreSQL's programs take it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TOOL_S, check=False)
    except FileNotFoundError:
        raise BackupFailed(f"{command[0]} is not installed; it comes with PostgreSQL's client.") from None
    except subprocess.TimeoutExpired:
        raise BackupFailed(f"{command[0]} took more than {TOOL_S} s.") from None
    if done.returncode:
        raise BackupFailed(
            f"{command[0]} failed: {done.stderr.strip().splitlines()[-1] if done.stderr else done.returncode}"
        )
