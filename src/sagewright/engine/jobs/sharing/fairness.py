"""Whose job is next: shares of the machine by weight, as a pure function of who holds, who waits and whose turn it was.

The next job is one of those with the highest priority; among them, of the owner whose dominant share, divided by its weight, is
the smallest. A dominant share is the largest fraction that an owner holds of CPUs, memory or GPUs. What is taken counts at once, so
owners take turns.

Where shares are equal, as on a machine that one job fills, the queue's own time decides: a turn lasts as long as the job's dominant
share divided by the weight, and the owner whose last turn ended first is next. An owner that was away gets no credit: its turn
begins with the one that began last. Among equals the oldest job is next. Sources: A. Ghodsi et al., "Dominant Resource Fairness",
NSDI 2011; P. Goyal et al., "Start-time Fair Queuing", SIGCOMM 1996.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from sagewright.model.aws.instance_types import Resources

T = TypeVar("T")
NOTHING = Resources(0, 0, 0)
LEAST_WEIGHT = 1e-9
"""Stands for a weight of 0: such an owner takes what nobody else waits for."""


@dataclass(frozen=True)
class WaitingJob(Generic[T]):
    """A job that waits. `rank`: its priority, negated; `needs`: its share of the machine."""

    job: T
    rank: int
    created_ms: int
    id: str
    needs: Resources


@dataclass(frozen=True)
class Standings:
    """The owners' shares now, their weights (1 by default), the machine, and start and finish of each owner's last turn."""

    held: Mapping[str, Resources]
    weights: Mapping[str, float]
    capacity: Resources
    turns: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def weight(self, owner: str) -> float:
        return max(self.weights.get(owner, 1.0), LEAST_WEIGHT)

    def share(self, owner: str) -> float:
        """Returns the dominant share of an owner by its weight."""
        return self._dominant(self.held.get(owner, NOTHING)) / self.weight(owner)

    def start(self, owner: str) -> float:
        """Returns when an owner's next turn begins."""
        now = max((start for start, _ in self.turns.values()), default=0.0)
        return max(self.turns.get(owner, (now, now))[1], now)

    def after(self, owner: str, needs: Resources) -> Standings:
        """Returns the standings after a job of an owner has got its share."""
        before, start = self.held.get(owner, NOTHING), self.start(owner)
        now = Resources(before.cpus + needs.cpus, before.memory_gb + needs.memory_gb, before.gpus + needs.gpus)
        turn = (start, start + self._dominant(needs) / self.weight(owner))
        return replace(self, held={**self.held, owner: now}, turns={**self.turns, owner: turn})

    def _dominant(self, amount: Resources) -> float:
        whole = self.capacity
        return max(
            amount.cpus / max(whole.cpus, 1),
            amount.memory_gb / max(whole.memory_gb, 1),
            amount.gpus / max(whole.gpus, 1),
        )


def in_turn(lines: Mapping[str, Iterator[WaitingJob[T]]], standings: Standings) -> Iterator[WaitingJob[T]]:
    """Yields the jobs in the order in which they should start. `lines`: by owner, each in the order of rank and age; a line is read
    no further than needed.
    """
    heads: list[tuple[int, float, float, int, str, str, WaitingJob[T]]] = []

    def enter(owner: str) -> None:
        job = next(lines[owner], None)
        if job is not None:
            key = (job.rank, standings.share(owner), standings.start(owner), job.created_ms, job.id, owner, job)
            heapq.heappush(heads, key)

    for owner in lines:
        enter(owner)
    while heads:
        *_, owner, job = heapq.heappop(heads)
        yield job
        standings = standings.after(owner, job.needs)
        enter(owner)


def may_be_passed(waited_ms: int, patience_ms: int, *, fits_without_passers: bool) -> bool:
    """True if later jobs may start before a job that does not fit now.

    They may until it has waited for `patience_ms`, and afterwards as long as it would not fit even without those that have passed
    it. So it waits for the jobs that were there before it, and for those that had passed it by then; no stream of jobs keeps it
    waiting.
    """
    return waited_ms < patience_ms or not fits_without_passers
