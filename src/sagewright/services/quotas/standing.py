"""Use of quotas and of the machine, by user."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sagewright.model.quotas import OwnQuota, QuotaFamily, ServiceQuota, all_quotas
from sagewright.services.quotas.limits import FAMILIES, used_of
from sagewright.store import quotas
from sagewright.store.database import Database
from sagewright.store.jobs import usage
from sagewright.store.jobs.usage import InstanceClaim, SharesHeld, held_amount

Document = dict[str, Any]
EndpointClaims = Callable[[Database, str], list[InstanceClaim]]
"""Returns the instances of each endpoint of an account."""
_KINDS = {family: kind for kind, family in FAMILIES.items()} | {
    QuotaFamily.SPOT: next(kind for kind, family in FAMILIES.items() if family is QuotaFamily.TRAINING)
}


@dataclass(frozen=True)
class QuotaUsage:
    """The use of an account's quotas; each table is read once, when a quota needs it."""

    store: Database
    account: str
    endpoint_claims: EndpointClaims
    _claims: dict[QuotaFamily, list[InstanceClaim]] = field(default_factory=dict)

    def used(self, quota: ServiceQuota, subject: str = "") -> float:
        """Returns how much of a quota a subject uses. Weights are not used up: 0."""
        if quota.code == OwnQuota.ENDPOINTS:
            return sum(one.belongs_to(subject) for one in self.claims(QuotaFamily.ENDPOINT))
        if quota.family is not None:
            return used_of(self.claims(quota.family), subject, quota)
        return sum(held_amount(one, OwnQuota(quota.code)) for one in self.held if one.belongs_to(subject))

    def claims(self, family: QuotaFamily) -> list[InstanceClaim]:
        if family not in self._claims:
            self._claims[family] = (
                self.endpoint_claims(self.store, self.account)
                if family is QuotaFamily.ENDPOINT
                else usage.claims_of(self.store, self.account, _KINDS[family], spot=family is QuotaFamily.SPOT)
            )
        return self._claims[family]

    @cached_property
    def held(self) -> list[SharesHeld]:
        return usage.held(self.store, self.account)


def limits_set(used: QuotaUsage) -> list[Document]:
    """Returns the limits that are set, with what is used of them."""
    known, found = all_quotas(), quotas.limits_of(used.store, used.account)
    return [
        {
            "subject": subject,
            "code": code,
            "name": known[code].name,
            "unit": known[code].unit,
            "limit": value,
            "used": used.used(known[code], subject),
        }
        for (subject, code), value in found.items()
        if code in known
    ]


def holders(used: QuotaUsage) -> list[Document]:
    """Returns what each owner and role holds, runs and waits for, with the limits that concern it: the largest holder first."""
    counted = {(one.owner, one.role): one for one in usage.counts(used.store, used.account)}
    held = {(one.owner, one.role): one for one in used.held}
    limits = limits_set(used)
    rows = []
    for owner, role in sorted({*counted, *held}):
        shares, counts = held.get((owner, role)), counted.get((owner, role))
        subjects = ("", owner, f"role/{role}")
        rows.append(
            {
                "owner": owner,
                "role": role,
                "cpus": shares.cpus if shares else 0,
                "memory_gb": shares.memory_gb if shares else 0,
                "gpus": shares.gpus if shares else 0,
                "disk_gb": shares.disk_gb if shares else 0,
                "running": counts.running if counts else 0,
                "waiting": counts.waiting if counts else 0,
                "limits": [one for one in limits if one["subject"] in subjects],
            }
        )
    return sorted(rows, key=lambda one: (-one["cpus"], -one["gpus"], -one["waiting"], one["owner"]))
