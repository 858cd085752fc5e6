"""Trains one model on several hosts with XGBoost's collective: the members, and their sums."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sagewright.algorithms import rendezvous
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.job import Job
from sagewright.algorithms.xgboost.library import xgb

RESOLVE_S = 900.0


@dataclass(frozen=True)
class Member:
    """This host's rank among those that train: rank 0 saves the model."""

    rank: int = 0
    size: int = 1

    def total(self, values: np.ndarray) -> np.ndarray:
        """Returns the sum over all members of a float64 array, in its shape."""
        if self.size == 1:
            return values
        return xgb.collective.allreduce(values, xgb.collective.Op.SUM).reshape(values.shape)

    def from_first(self, value: Any) -> Any:
        """Returns the value that rank 0 passed; the others' values are ignored."""
        return value if self.size == 1 else xgb.collective.broadcast(value, 0)


def membership(job: Job, has_data: bool) -> contextlib.AbstractContextManager[Member | None]:
    """Joins the hosts that have data; yields None on a host that is left out. Raises UserError when none has data."""
    nobody = f"No data in training channel path {job.channel_path('train')} of any host"
    return joined(Host(job.name, job.hosts, job.current_host), has_data, nobody)


@dataclass(frozen=True)
class Host:
    """One of the hosts of a job."""

    job: str
    hosts: tuple[str, ...]
    name: str


@contextlib.contextmanager
def joined(here: Host, has_data: bool, nobody: str) -> Iterator[Member | None]:
    """Joins the hosts' memberships, as `membership` does; `nobody` is the message for the case that no host has data."""
    trackers: list[Any] = []

    def start(told: Mapping[str, Any]) -> dict[str, Any]:
        members = [host for host in here.hosts if told[host]]
        if len(members) < 2:
            return {"members": members, "arguments": {}}
        own = rendezvous.address(here.hosts[0], time.monotonic() + RESOLVE_S)
        trackers.append(xgb.tracker.RabitTracker(n_workers=len(members), host_ip=own, sortby="task"))
        trackers[0].start()
        return {"members": members, "arguments": trackers[0].worker_args()}

    answer = rendezvous.gather(here.job, here.hosts, here.name, has_data, start)
    members = answer["members"]
    if not members:
        raise UserError(nobody)
    if here.name not in members:
        yield None
    elif len(members) == 1:
        yield Member()
    else:
        rank = members.index(here.name)
        logging.info("Host %s is number %d of %d in training.", here.name, rank, len(members))
        with xgb.collective.CommunicatorContext(**answer["arguments"], dmlc_task_id=f"{rank:05d}"):
            yield Member(rank, len(members))
    for tracker in trackers:
        _wait(tracker)


def _wait(tracker: Any) -> None:
    """Waits until the other members are done with the tracker, in a thread, so that a signal still ends the process."""
    waiter = threading.Thread(target=tracker.wait_for, daemon=True)
    waiter.start()
    while waiter.is_alive():
        waiter.join(0.2)
