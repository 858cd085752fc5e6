"""The limits that refuse a request: of instances and of endpoints.

A check runs in the transaction that creates what it counts, while no other check of the account can run: requests that arrive
together exceed no limit, and what a killed server has not committed is not counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from sagewright.kinds.base import Demand, Kind
from sagewright.model.errors import ResourceLimitExceeded, ValidationException
from sagewright.model.jobs.state_machines import PROCESSING, TRAINING, TRANSFORM
from sagewright.model.quotas import (
    MOST_PRIORITY,
    PRIORITY,
    QuotaFamily,
    ServiceQuota,
    instance_quota,
    priority_in,
    requester_of,
    shown_subject,
)
from sagewright.services.context import Context
from sagewright.store import quotas
from sagewright.store.jobs import usage
from sagewright.store.jobs.jobs import JobClaim
from sagewright.store.jobs.usage import InstanceClaim
from sagewright.store.quotas import Limits
from sagewright.store.resources import requesters

FAMILIES = {
    TRAINING.kind: QuotaFamily.TRAINING,
    PROCESSING.kind: QuotaFamily.PROCESSING,
    TRANSFORM.kind: QuotaFamily.TRANSFORM,
}
"""Kinds of jobs that AWS's quotas count; spot training jobs have quotas of their own."""
ADVICE = (
    "Please use AWS Service Quotas to request an increase for this quota. If AWS Service Quotas is not available, contact AWS "
    "support to request an increase for this quota."
)
"""AWS's words, on which clients' patterns may rely. `sagewright quotas set` is the support that it names."""


@dataclass(frozen=True)
class LimitCheck:
    """One limit and its use. `used` includes `delta`, what the request adds."""

    quota: ServiceQuota
    subject: str
    most: float
    used: int
    delta: int

    def enforce(self) -> None:
        """Raises ResourceLimitExceeded."""
        if self.used <= self.most:
            return
        level = f"{self.subject.partition('/')[0] or 'account'}-level"
        whose = f" of {shown_subject(self.subject)}" if self.subject else ""
        unit = self.quota.unit
        raise ResourceLimitExceeded(
            f"The {level} service limit '{self.quota.name}'{whose} is {self.most:g} {unit}, with current utilization of "
            f"{self.used - self.delta} {unit} and a request delta of {self.delta} {unit}. {ADVICE}"
        )


def claim_of(context: Context, demand: Demand, pairs: Mapping[str, str]) -> JobClaim:
    """Returns what a job claims, and whose it is. `pairs`: its tags. Raises ValidationException."""
    owner = requester_of(context.principal.arn)
    if context.owner is not None:
        owner = requesters.requester(context.store, context.owner.id) or owner
    role = demand.role_arn.rpartition("/")[2]
    return JobClaim(owner, role, demand.instances, demand.volume_gb * demand.hosts, -_priority(pairs))


def _priority(pairs: Mapping[str, str]) -> int:
    if PRIORITY not in pairs:
        return 0
    found = priority_in(pairs[PRIORITY])
    if found is None:
        raise ValidationException(
            f"The tag {PRIORITY} must be a whole number from -{MOST_PRIORITY} to {MOST_PRIORITY}, got '{pairs[PRIORITY]}'."
        )
    return found


def job_check(context: Context, kind: Kind, claim: JobClaim, *, spot: bool) -> Callable[[Connection], None] | None:
    """Returns the check for a transaction that has inserted a job; None where no limit concerns it."""
    family = _family(kind, spot)
    if family is None or not (limits := _concerning(quotas.limits_of(context.store, context.account), family, claim)):
        return None

    def check(connection: Connection) -> None:
        usage.exclude(connection, context.account)
        current = _concerning(quotas.limits_in(connection, context.account), family, claim)
        of_owner = all(subject == claim.owner for (subject, _), _ in current)
        owner = claim.owner if of_owner else None
        claims = usage.claims_in(connection, context.account, kind.name, spot=spot, owner=owner)
        for (subject, quota), most in current:
            delta = _counted(claim.instances, quota)
            LimitCheck(quota, subject, most, used_of(claims, subject, quota), delta).enforce()

    return check if limits else None


def foresee(context: Context, kind: Kind, claim: JobClaim, *, spot: bool) -> None:
    """Refuses what would create jobs beyond a limit from the beginning, such as a tuning job; each job is checked again. Raises
    ResourceLimitExceeded."""
    family = _family(kind, spot)
    if family is None or not (limits := _concerning(quotas.limits_of(context.store, context.account), family, claim)):
        return
    claims = usage.claims_of(context.store, context.account, kind.name, spot=spot)
    for (subject, quota), most in limits:
        delta = _counted(claim.instances, quota)
        LimitCheck(quota, subject, most, used_of(claims, subject, quota) + delta, delta).enforce()


def _family(kind: Kind, spot: bool) -> QuotaFamily | None:
    found = FAMILIES.get(kind.name)
    return QuotaFamily.SPOT if spot and found is QuotaFamily.TRAINING else found


def _concerning(limits: Limits, family: QuotaFamily, claim: JobClaim) -> list[tuple[tuple[str, ServiceQuota], float]]:
    """Returns those limits, by subject and quota, that a claim can exceed: of types first, as AWS names them first."""
    if not limits:
        return []
    subjects = ("", claim.owner, f"role/{claim.role}")
    wanted = [instance_quota(family, one) for one in claim.instances] + [instance_quota(family)]
    pairs = [(subject, quota) for quota in wanted for subject in dict.fromkeys(subjects)]
    return [
        ((subject, quota), limits[subject, quota.code]) for subject, quota in pairs if (subject, quota.code) in limits
    ]


def _counted(instances: Mapping[str, int], quota: ServiceQuota) -> int:
    return instances.get(quota.instance_type, 0) if quota.instance_type else sum(instances.values())


def used_of(claims: Sequence[InstanceClaim], subject: str, quota: ServiceQuota) -> int:
    """Returns how many instances the claims of a subject have of what the quota counts."""
    return sum(_counted(one.instances, quota) for one in claims if one.belongs_to(subject))
