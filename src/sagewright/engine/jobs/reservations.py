"""Shares of the machines, by job, in the store: two servers cannot reserve the same CPU, and a restart loses nothing."""

from __future__ import annotations

import math
from collections.abc import Set
from dataclasses import replace
from enum import Enum
from typing import Protocol

from sqlalchemy import Connection

from sagewright.compute.capacity import JobShare, Machines
from sagewright.model.aws.instance_types import Resources
from sagewright.model.clock import now_ms
from sagewright.store.database import Database
from sagewright.store.jobs import queue, reservations
from sagewright.store.jobs.queue import Lease
from sagewright.store.jobs.reservations import Reservation


class Taken(Enum):
    """The result of an attempt to reserve."""

    OURS = "the job has its share here"
    NO_ROOM = "there is not enough left"
    ANOTHERS = "another server has the job, or it is over"
    HELD = "a limit holds the job"


class ShareAdmission(Protocol):
    """Takes part in the transaction that reserves a job's share."""

    def holds(self, connection: Connection) -> bool:
        """True if a limit holds the job."""
        ...

    def note(self, connection: Connection) -> None:
        """Called once the job has its share."""
        ...


class Reservations:
    """Reservations on the machines of one backend, which form one pool named `machine`. Thread-safe."""

    def __init__(self, store: Database, machines: Machines, machine: str) -> None:
        self._store, self.machines, self.machine = store, machines, machine

    @property
    def store(self) -> Database:
        return self._store

    def total(self) -> Resources:
        """Returns what the machines have for jobs."""
        return self.machines.together()

    def share_of(self, instance_type: str, count: int) -> JobShare:
        return self.machines.share_of(instance_type, count)

    def try_reserve(self, job_id: str, share: JobShare, lease: Lease, admission: ShareAdmission | None = None) -> Taken:
        """Reserves the share and acquires the lease for a queued job, or neither. `admission`: what else takes part in the
        transaction."""
        with self._store.write() as connection:
            reservations.exclude(connection, self.machine)
            held = reservations.of_machine(connection, self.machine)
            mine = any(one.job_id == job_id for one in held)
            if not mine and admission is not None and admission.holds(connection):
                return Taken.HELD
            if not mine and not self._fits(share, held, frozenset()):
                return Taken.NO_ROOM
            if not queue.take_in(connection, job_id, lease):
                return Taken.ANOTHERS
            if not mine:
                reservations.put(connection, self._held(job_id, share, held, []))
                if admission is not None:
                    admission.note(connection)
        return Taken.OURS

    def fits_without(self, share: JobShare, job_ids: Set[str]) -> bool:
        """True if `share` would fit after these jobs released what they hold."""
        return self._fits(share, reservations.on(self._store, self.machine), job_ids)

    def has_room(self) -> bool:
        """True if a job of one CPU would still fit."""
        used = sum(one.cpus for one in reservations.on(self._store, self.machine))
        return self.machines.together().cpus - used >= 1

    def force(self, job_id: str, share: JobShare, gpus: list[int]) -> None:
        """Records the share of a job that already runs, whether it is free or not; `gpus`: the numbers of its GPUs, as far as
        known."""
        with self._store.write() as connection:
            reservations.exclude(connection, self.machine)
            held = reservations.of_machine(connection, self.machine)
            reservations.put(connection, self._held(job_id, share, held, gpus))

    def numbered(self, job_id: str, share: JobShare) -> JobShare:
        """Returns `share` with the numbers of the GPUs that the job holds exclusively."""
        if not self.machines.together().gpus:
            return share
        held = reservations.of_job(self._store, job_id)
        return replace(share, gpus=held.gpu_indexes if held else [])

    def machine_of(self, job_id: str) -> str | None:
        """Returns the machine on which a job has a share, if any."""
        held = reservations.of_job(self._store, job_id)
        return held.machine if held else None

    def hand_over(self, old: str, new: str) -> None:
        """Transfers one job's reservation to another job."""
        reservations.hand_over(self._store, old, new)

    def release(self, job_id: str) -> None:
        """Releases the job's reservation, if it has one."""
        with self._store.write() as connection:
            reservations.remove(connection, job_id)

    def held(self) -> list[str]:
        """Returns the jobs that hold a reservation here."""
        return [one.job_id for one in reservations.on(self._store, self.machine)]

    def _held(self, job_id: str, share: JobShare, held: list[Reservation], gpus: list[int]) -> Reservation:
        taken = {gpu for one in held for gpu in one.gpu_indexes if one.job_id != job_id}
        free = [gpu for gpu in range(self.machines.together().gpus) if gpu not in taken]
        total = share.total
        memory_gb, indexes = math.ceil(total.memory_gb), gpus or free[: total.gpus]
        return Reservation(job_id, self.machine, total.cpus, memory_gb, total.gpus, indexes, now_ms())

    def _fits(self, share: JobShare, held: list[Reservation], without: Set[str]) -> bool:
        others = [one for one in held if one.job_id not in without]
        machine, total = self.machines.together(), share.total
        return (
            total.cpus + sum(one.cpus for one in others) <= machine.cpus
            and total.memory_gb + sum(one.memory_gb for one in others) <= machine.memory_gb
            and total.gpus + sum(one.gpus for one in others) <= machine.gpus
        )
