"""A PostgreSQL server of the tests' own."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from sagewright.store.database import Database

MOST_GROWN = 8 * 2**20
"""Bytes by which a store may have grown that is used again: what is deleted still takes its room."""
_SIGNATURE = """
SELECT count(*), max(c.xmin::text::bigint), (SELECT count(*) FROM pg_proc), (SELECT count(*) FROM pg_trigger)
FROM pg_class c WHERE relnamespace = 'public'::regnamespace"""
_OTHERS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
_TABLES = "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
_FILL = "INSERT INTO {table} SELECT * FROM json_populate_recordset(NULL::{table}, {rows}::json)"
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
    renewal: str = ""
    """The statements that make a used store an empty one."""
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
                self.renewal = _renewal(connection)
                self.signature, self.size = _signature(connection), _size(connection)
        name = f"t{uuid.uuid4().hex}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {self.template}")
        return self.url(name)

    def give_back(self, url: str) -> None:
        """As `drop`, for what `new_store` gave: it is emptied, to be given again, unless a test left it unlike what it was."""
        with self._admin(_name(url)) as connection:
            as_new = not _others(connection) and _signature(connection) == self.signature
            if as_new and _size(connection) - self.size <= MOST_GROWN:
                connection.execute(self.renewal)
                self.spare.append(url)
                return
        self.drop(url)

    def others(self, url: str) -> int:
        """How many are connected to it."""
        with self._admin(_name(url)) as connection:
            return _others(connection)

    def drop(self, url: str) -> None:
        """Delete a database; its connections are closed."""
        self._execute(f"DROP DATABASE {_name(url)} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        with self._admin("postgres") as connection:
            connection.execute(statement)

    def _admin(self, database: str) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection to be closed by `with`. Not one of SQLAlchemy: that costs several times as much."""
        return psycopg.connect(host=str(self.directory), user="test", dbname=database, autocommit=True)


def _renewal(connection: psycopg.Connection[tuple[Any, ...]]) -> str:
    tables = [name for (name,) in connection.execute(_TABLES)]
    statements = ["SET session_replication_role = replica"]  # whoever refers to whom
    statements += [f"DELETE FROM {table}" for table in tables]
    statements += [
        f"SELECT setval('{name}', {value}, {used})" for name, value, used in connection.execute(_SEQUENCES).fetchall()
    ]
    for table in tables:
        rows = _only(connection, f"SELECT json_agg(t)::text FROM {table} t")
        if rows:
            statements.append(_FILL.format(table=table, rows=sql.Literal(rows).as_string(connection)))
    return "; ".join(statements)


def _signature(connection: psycopg.Connection[tuple[Any, ...]]) -> tuple[Any, ...]:
    """Fingerprint of the schema: it changes when anything is created, changed or removed."""
    return connection.execute(_SIGNATURE).fetchone() or ()


def _size(connection: psycopg.Connection[tuple[Any, ...]]) -> int:
    size: int = _only(connection, "SELECT pg_database_size(current_database())")
    return size


def _others(connection: psycopg.Connection[tuple[Any, ...]]) -> int:
    count: int = _only(connection, _OTHERS)
    return count


def _only(connection: psycopg.Connection[tuple[Any, ...]], statement: str) -> Any:
    row = connection.execute(statement).fetchone()
    return row[0] if row else None


def _name(url: str) -> str:
    return url.partition("@/")[2].partition("?")[0]
