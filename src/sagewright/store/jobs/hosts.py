"""The hosts of a job: their agents' credentials, phases and ends."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from sagewright.model.clock import now_ms
from sagewright.store.database import Database
from sagewright.store.prepared import PreparedStatement
from sagewright.store.schema.jobs import hosts

PLACED, LAUNCHED, DOWNLOADING, RUNNING, EXITED, UPLOADING, FINISHED, LOST, RETIRED = (
    "Placed",  # has a row; its agent may not have been started
    "Launched",  # its agent was started
    "Downloading",
    "Running",
    "Exited",  # the user's process ended
    "Uploading",
    "Finished",  # the agent is done
    "Lost",  # the agent vanished or reported an internal fault
    "Retired",  # of an attempt that is over, while the job goes on
)


@dataclass(frozen=True)
class Host:
    id: str
    job_id: str
    attempt: int
    name: str
    token_hash: str
    log_stream: str
    handle: dict[str, Any] | None
    phase: str
    report_seq: int
    seen_ms: int
    exit_code: int | None
    cause: str | None
    failure: str | None
    message: str | None
    gate: str | None = None

    @property
    def over(self) -> bool:
        return self.phase in {FINISHED, LOST}

    @property
    def exited(self) -> bool:
        return self.exit_code is not None or self.over


_HOSTS = select(*[hosts.c[name] for name in Host.__dataclass_fields__])
_OF_ALL_ATTEMPTS = _HOSTS.where(hosts.c.job_id == bindparam("job")).order_by(hosts.c.attempt, hosts.c.name)
_OF_JOB = PreparedStatement(_OF_ALL_ATTEMPTS.where(hosts.c.phase != RETIRED))
_RETIRE = update(hosts).where(hosts.c.job_id == bindparam("job")).values(phase=RETIRED)
_FORGET = delete(hosts).where(hosts.c.job_id == bindparam("job"), hosts.c.phase != bindparam("retired"))
_BY_ID = _HOSTS.where(hosts.c.id == bindparam("host_id"))
_LOCKED = _BY_ID.with_for_update()
_INSERT = insert(hosts)
_UPDATE_IN = update(hosts).where(hosts.c.id == bindparam("host_id"), hosts.c.phase == bindparam("from"))
_UPDATE = update(hosts).where(hosts.c.id == bindparam("host_id"))  # plus the columns that it is executed with


def hash_token(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def token_matches(host: Host, token: str) -> bool:
    return hmac.compare_digest(host.token_hash, hash_token(token))


def create(store: Database, rows: list[dict[str, Any]]) -> None:
    """Inserts hosts (id, job_id, attempt, name, token_hash, log_stream) in the phase Placed."""
    now = now_ms()
    with store.write() as connection:
        connection.execute(_INSERT, [{"phase": PLACED, "seen_ms": now, "report_seq": 0, **row} for row in rows])


def set_handles(store: Database, handles: dict[str, dict[str, Any]]) -> None:
    """Stores, by host id, how the backend finds the launched hosts."""
    with store.write() as connection:
        for host_id, handle in handles.items():
            connection.execute(_UPDATE, {"host_id": host_id, "handle": handle})
            connection.execute(_UPDATE_IN, {"host_id": host_id, "from": PLACED, "phase": LAUNCHED})


def forget(connection: Connection, job_id: str) -> None:
    """Deletes the hosts of the current attempt, which then does not count."""
    connection.execute(_FORGET, {"job": job_id, "retired": RETIRED})


def of_job(store: Database, job_id: str) -> list[Host]:
    """Returns the hosts of the current attempt, by name; none while the job is queued (again)."""
    with store.read() as connection:
        rows = [Host(*row) for row in _OF_JOB.all(connection, {"job": job_id})]
    return sorted(rows, key=lambda host: int(host.name.rsplit("-", 1)[-1]))


def of_all_attempts(store: Database, job_id: str) -> list[Host]:
    """Returns every host that the job ever had, oldest attempt first."""
    with store.read() as connection:
        return [Host(*row) for row in connection.execute(_OF_ALL_ATTEMPTS, {"job": job_id})]


def retire(connection: Connection, job_id: str) -> None:
    """Ends the attempt: later reports of its agents are rejected, and the job has no hosts."""
    connection.execute(_RETIRE, {"job": job_id})


def find(store: Database, host_id: str) -> Host | None:
    with store.read() as connection:
        return _host(connection.execute(_BY_ID, {"host_id": host_id}).first())


def lock(connection: Connection, host_id: str) -> Host | None:
    """Returns the host's row, locked against other transactions until this one ends."""
    return _host(connection.execute(_LOCKED, {"host_id": host_id}).first())


def change(connection: Connection, host_id: str, values: dict[str, Any]) -> None:
    connection.execute(_UPDATE, {"host_id": host_id, **values})


def mark(store: Database, host_id: str, values: dict[str, Any]) -> None:
    with store.write() as connection:
        change(connection, host_id, values)


def finish(store: Database, host_id: str) -> bool:
    """Marks a host whose process has ended as finished; returns False if it was over already."""
    with store.write() as connection:
        return bool(connection.execute(_UPDATE_IN, {"host_id": host_id, "from": EXITED, "phase": FINISHED}).rowcount)


def _host(row: Sequence[Any] | None) -> Host | None:
    return Host(*row) if row else None
