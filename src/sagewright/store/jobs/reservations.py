"""Reservations of the machines: a row per job, so that servers that share a store never place two jobs on one CPU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, bindparam, delete, insert, select, text, update

from sagewright.store.among import among
from sagewright.store.database import Database
from sagewright.store.prepared import PreparedStatement
from sagewright.store.schema.reservations import reservations


@dataclass(frozen=True)
class Reservation:
    """`machine`: the machine's name; `gpu_indexes`: numbers of the reserved GPUs; `placed_ms`: when it was made."""

    job_id: str
    machine: str
    cpus: int
    memory_gb: int
    gpus: int
    gpu_indexes: list[int] = field(default_factory=list)
    placed_ms: int = 0


_HELD = select(*[reservations.c[name] for name in Reservation.__dataclass_fields__])
_OF_JOB = PreparedStatement(_HELD.where(reservations.c.job_id == bindparam("job")))
_OF_MACHINE = _HELD.where(reservations.c.machine == bindparam("machine"))
_INSERT = insert(reservations)
_REMOVE = PreparedStatement(delete(reservations).where(reservations.c.job_id == bindparam("job")))
_REMOVE_ALL = PreparedStatement(delete(reservations).where(among(reservations.c.job_id, "jobs")))
_HAND_OVER = update(reservations).where(reservations.c.job_id == bindparam("old")).values(job_id=bindparam("new"))
_EXCLUDE = text("SELECT pg_advisory_xact_lock(hashtext(:machine))")


def exclude(connection: Connection, machine: str) -> None:
    """Blocks other reservations on the machine until this transaction ends. (SQLite has one writer at a time.)"""
    if connection.dialect.name == "postgresql":
        connection.execute(_EXCLUDE, {"machine": machine})


def of_machine(connection: Connection, machine: str) -> list[Reservation]:
    return [Reservation(*row) for row in connection.execute(_OF_MACHINE, {"machine": machine})]


def on(store: Database, machine: str) -> list[Reservation]:
    """`of_machine` in a separate transaction."""
    with store.read() as connection:
        return of_machine(connection, machine)


def of_job(store: Database, job_id: str) -> Reservation | None:
    with store.read() as connection:
        row = _OF_JOB.first(connection, {"job": job_id})
    return Reservation(*row) if row else None


def put(connection: Connection, held: Reservation) -> None:
    """Stores a reservation in place of the job's earlier one, if any."""
    remove(connection, held.job_id)
    connection.execute(_INSERT, vars(held))


def remove(connection: Connection, job_id: str) -> None:
    _REMOVE.run(connection, {"job": job_id})


def remove_all(connection: Connection, job_ids: Sequence[str]) -> None:
    """`remove` for several jobs."""
    _REMOVE_ALL.run(connection, {"jobs": job_ids})


def hand_over(store: Database, old: str, new: str) -> None:
    """Transfers one job's reservation to another job."""
    with store.write() as connection:
        connection.execute(_HAND_OVER, {"old": old, "new": new})
