"""A PostgreSQL server of the tests' own."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import create_engine, text

from sagewright.store.database import Database

TEMPLATE = "migrated"


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
    has_template: bool = False

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
        """The URL of a database with the newest schema: a copy of one that was migrated once."""
        if not self.has_template:
            self._execute(f"CREATE DATABASE {TEMPLATE}")
            Database(self.url(TEMPLATE)).close()
            self.has_template = True
        name = f"t{uuid.uuid4().hex}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        return self.url(name)

    def drop(self, url: str) -> None:
        """Delete a database; its connections are closed."""
        name = url.partition("@/")[2].partition("?")[0]
        self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        admin = create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(text(statement))
        admin.dispose()
