"""A PostgreSQL server of the tests' own."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, NullPool, create_engine, text

from sagewright.store.database import Database

MOST_GROWN = 8 * 2**20
"""Bytes by which a store may have grown that is used again: what is deleted still takes its room."""
_SIGNATURE = """
SELECT count(*), max(c.xmin::text::bigint), (SELECT count(*) FROM pg_proc), (SELECT count(*) FROM pg_trigger)
FROM pg_class c WHERE relnamespace = 'public'::regnamespace"""
_OTHERS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
_TABLES = "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
_FILL = "INSERT INTO {table} SELECT * FROM json_populate_recordset(NULL::{table}, (:rows)::json)"
_SEQUENCES = """
SELECT quote_ident(sequencename), coalesce(last_value, start_value), last_value IS NOT NULL FROM pg_sequences
WHERE schemaname = 'public'"""


def find_binaries() -> Path | None:
    """Where initdb and pg_ctl are."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).parent if on_path else None


@dataclass
class Postgres:
    """A server that is reached by a socket in its directory."""

    directory: Path
    binaries: Path
    as_user: list[str] = field(default_factory=list)
    template: str = "migrated"
    spare: list[str] = field(default_factory=list)
    first: dict[str, str] = field(default_factory=dict)
    """By the name of a table the rows that an empty store has there, as JSON."""
    sequences: list[tuple[str, int, bool]] = field(default_factory=list)
    signature: tuple[Any, ...] = ()
    size: int = 0

    def start(self) -> None:
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            self.as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
            shutil.chown(self.directory, "postgres", "postgres")
        data = str(self.directory / "data")
        self._run(["initdb", "-D", data, "-U", "test", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C.UTF-8"])
        options = f"-k {self.directory} -c listen_addresses= -c fsync=off -c max_connections=200"
        self._run(["pg_ctl", "-D", data, "-w", "-l", str(self.directory / "log"), "-o", options, "start"])

    def stop(self) -> None:
        self._run(["pg_ctl", "-D", str(self.directory / "data"), "-m", "immediate", "stop"])

    def _run(self, command: list[str]) -> None:
        argv = [*self.as_user, str(self.binaries / command[0]), *command[1:]]
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, cwd=self.directory)

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://test@/{database}?host={self.directory}"

    def new_database(self) -> str:
        """The URL of a database without tables."""
        name = f"t{uuid.uuid4().hex}"
        self._execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def new_store(self) -> str:
        """The URL of an empty database with the newest schema: one that was given back, or a copy of one that was migrated once."""
        if self.spare:
            return self.spare.pop()
        if not self.signature:
            self._execute(f"CREATE DATABASE {self.template}")
            Database(self.url(self.template)).close()
            with self._admin(self.template) as connection:
                for table in connection.execute(text(_TABLES)).scalars().all():
                    rows = connection.execute(text(f"SELECT json_agg(t)::text FROM {table} t")).scalar_one()
                    self.first[table] = rows or "[]"
                self.sequences = [(name, value, used) for name, value, used in connection.execute(text(_SEQUENCES))]
                self.signature, self.size = self._signature(connection), self._size(connection)
        name = f"t{uuid.uuid4().hex}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {self.template}")
        return self.url(name)

    def give_back(self, url: str) -> None:
        """As `drop`, for what `new_store` gave: it is emptied, to be given again, unless a test left it unlike what it was."""
        used = self.others(url)
        with self._admin(_name(url)) as connection:
            as_new = self._signature(connection) == self.signature and not used
            if as_new and self._size(connection) - self.size <= MOST_GROWN:
                emptied = "; ".join(f"DELETE FROM {table}" for table in self.first)
                connection.execute(text(f"SET session_replication_role = replica; {emptied}"))  # whoever refers to whom
                for name, value, used in self.sequences:
                    connection.execute(text(f"SELECT setval('{name}', {value}, {used})"))
                for table, rows in self.first.items():
                    if rows != "[]":
                        connection.execute(text(_FILL.format(table=table)), {"rows": rows})
                self.spare.append(url)
                return
        self.drop(url)

    def others(self, url: str) -> int:
        """How many are connected to it."""
        with self._admin(_name(url)) as connection:
            found: int = connection.execute(text(_OTHERS)).scalar_one()
            return found

    def drop(self, url: str) -> None:
        """Delete a database; its connections are closed."""
        self._execute(f"DROP DATABASE {_name(url)} WITH (FORCE)")

    def _signature(self, connection: Connection) -> tuple[Any, ...]:
        """Of the schema: another once anything of it was made, changed or removed."""
        return tuple(connection.execute(text(_SIGNATURE)).one())

    def _size(self, connection: Connection) -> int:
        found: int = connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
        return found

    def _execute(self, statement: str) -> None:
        with self._admin("postgres") as connection:
            connection.execute(text(statement))

    @contextmanager
    def _admin(self, database: str) -> Iterator[Connection]:
        engine = create_engine(self.url(database), isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            yield connection


def _name(url: str) -> str:
    return url.partition("@/")[2].partition("?")[0]
