"""The limits that hold a job in the queue: of what the account, its owner or its role may use of the machines at once.

They hold a job instead of refusing it, since what they limit is released when other jobs end.
"""

from __future__ import annotations

import math

from sqlalchemy import Connection

from sagewright.compute.capacity import JobShare
from sagewright.model.quotas import IN_QUEUE, OwnQuota, own_quota, shown_subject
from sagewright.store import quotas
from sagewright.store.database import Database
from sagewright.store.jobs import usage
from sagewright.store.jobs.jobs import Job
from sagewright.store.jobs.usage import SharesHeld, held_amount
from sagewright.store.quotas import Limits


class Allowances:
    """The queue's limits of one account."""

    def __init__(self, store: Database, account: str) -> None:
        self._store, self._account = store, account

    def limits(self) -> Limits:
        """Returns all limits of the account, also those that are not the queue's."""
        return quotas.limits_of(self._store, self._account)

    def exist(self) -> bool:
        return any(code in IN_QUEUE for _, code in self.limits())

    def reason(self, job: Job, share: JobShare) -> str:
        """Returns why a limit holds a job that waits, "" if none does."""
        if not self.exist():
            return ""
        with self._store.read() as connection:
            return _reason(connection, self._account, job, share)

    def holds(self, connection: Connection, job: Job, share: JobShare) -> bool:
        """True if a limit holds a job, inside the transaction that would reserve its share. Until that ends, no other server can
        decide on the account's limits."""
        if not self.exist():
            return False
        usage.exclude(connection, self._account)
        return bool(_reason(connection, self._account, job, share))


def _reason(connection: Connection, account: str, job: Job, share: JobShare) -> str:
    held = usage.held_in(connection, account, but=job.id)
    limits = quotas.limits_in(connection, account)
    for subject in dict.fromkeys(("", job.owner, f"role/{job.role}")):
        for code in IN_QUEUE:
            most = limits.get((subject, code.value))
            if most is not None and (reason := _exceeded(held, job, share, (subject, code, most))):
                return reason
    return ""


def _exceeded(held: list[SharesHeld], job: Job, share: JobShare, limit: tuple[str, OwnQuota, float]) -> str:
    """Returns the sentence about one limit, "" if the job fits in it."""
    subject, code, most = limit
    needed = _needed(job, share)[code]
    used = sum(held_amount(one, code) for one in held if one.belongs_to(subject))
    if not needed or used + needed <= most:
        return ""
    quota = own_quota(code)
    whose = f"the limit of {shown_subject(subject)}"
    words = "jobs running at once" if code is OwnQuota.JOBS else quota.unit + _OF.get(code, "")
    if needed > most:
        return f"{whose} is {most:g} {words}, and this job needs {needed:g}: it can't start before the limit is raised"
    needs = "" if code is OwnQuota.JOBS else f", and this job needs {needed:g}"
    return f"{whose} is {most:g} {words}, of which {used:g} are in use{needs}"


_OF = {OwnQuota.MEMORY: " of memory", OwnQuota.DISK: " of disk"}


def _needed(job: Job, share: JobShare) -> dict[OwnQuota, float]:
    """Returns what a job would use; one that does not queue, such as an endpoint's, uses, of the limited resources, only GPUs."""
    total, queues = share.total, share.total.cpus > 0
    return {
        OwnQuota.JOBS: int(queues),
        OwnQuota.CPUS: total.cpus,
        OwnQuota.MEMORY: math.ceil(total.memory_gb),
        OwnQuota.GPUS: total.gpus,
        OwnQuota.DISK: job.volume_gb if queues else 0,
    }
