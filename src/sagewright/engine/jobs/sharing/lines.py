"""The order in which the queue looks at jobs: the oldest first, or owners by turns where there are several."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Protocol

from sqlalchemy import Connection

from sagewright.engine.jobs import launch_plan
from sagewright.engine.jobs.reservations import Reservations
from sagewright.engine.jobs.sharing.fairness import Standings, WaitingJob, in_turn
from sagewright.model.aws.instance_types import Resources
from sagewright.model.quotas import OwnQuota
from sagewright.store.database import Database
from sagewright.store.jobs import queue, turns, usage
from sagewright.store.jobs.jobs import Job
from sagewright.store.quotas import Limits

PIECE = 8
MOST_HELD = 16
"""Maximum number of an owner's jobs held by a limit that one pass examines: the rest of its line waits too."""


class QueueLine(Protocol):
    """Jobs that wait, in order."""

    def take(self, size: int) -> list[Job]:
        """Returns at most `size` further jobs; none at the end."""
        ...

    def hold(self, owner: str) -> None:
        """Notes that a limit holds a job of this owner."""
        ...

    def note(self, connection: Connection, job: Job, needs: Resources) -> None:
        """Notes that a job gets its share, in the transaction that gives it."""
        ...


class OldestFirst:
    """First come, first served: where all jobs belong to one owner, and none has a priority or a limit."""

    def __init__(self, store: Database, spot: bool, apart: Sequence[str]) -> None:
        self._store, self._spot, self._apart = store, spot, apart
        self._seen: set[str] = set()
        self._ended = False

    def take(self, size: int) -> list[Job]:
        if self._ended:
            return []
        found = queue.queued(self._store, size + len(self._seen), spot=self._spot, apart=self._apart)
        batch = [job for job in found if job.id not in self._seen]
        self._ended = len(batch) < size
        self._seen.update(job.id for job in batch)
        return batch

    def hold(self, owner: str) -> None:
        """Does nothing: without limits nothing is held."""

    def note(self, connection: Connection, job: Job, needs: Resources) -> None:
        """Does nothing: there are no turns."""


class ByTurns:
    """Owners by turns, by what they hold and their weights; see engine.jobs.sharing.fairness."""

    def __init__(
        self, reservations: Reservations, limits: Limits, owners: Sequence[str], spot: bool, apart: Sequence[str]
    ) -> None:
        self._reservations, self._spot, self._apart = reservations, spot, apart
        self._held: Counter[str] = Counter()
        lines = {owner: self._line(owner) for owner in owners}
        self._standings = _standings(reservations, limits)
        self._jobs = in_turn(lines, self._standings)

    def take(self, size: int) -> list[Job]:
        return [one.job for one in islice(self._jobs, min(size, PIECE))]

    def hold(self, owner: str) -> None:
        self._held[owner] += 1

    def note(self, connection: Connection, job: Job, needs: Resources) -> None:
        self._standings = self._standings.after(job.owner, needs)
        turns.put_turn(connection, self._reservations.machine, job.owner, self._standings.turns[job.owner])

    def _line(self, owner: str) -> Iterator[WaitingJob[Job]]:
        after: Job | None = None
        while self._held[owner] < MOST_HELD:
            found = queue.line_of(self._reservations.store, owner, after, PIECE, spot=self._spot, apart=self._apart)
            for job in found:
                if self._held[owner] >= MOST_HELD:
                    return
                share = launch_plan.share_of(self._reservations, launch_plan.demand_of(job))
                yield WaitingJob(job, job.rank, job.created_ms, job.id, share.total)
            if len(found) < PIECE:
                return
            after = found[-1]


def _standings(reservations: Reservations, limits: Limits) -> Standings:
    held: dict[str, Resources] = {}
    for one in usage.held_on(reservations.store, reservations.machine):
        before = held.get(one.owner, Resources(0, 0, 0))
        held[one.owner] = Resources(before.cpus + one.cpus, before.memory_gb + one.memory_gb, before.gpus + one.gpus)
    weights = {subject: value for (subject, code), value in limits.items() if code == OwnQuota.WEIGHT}
    last = turns.turns_of(reservations.store, reservations.machine)
    return Standings(held, weights, reservations.total(), last)
