"""The limits of endpoints and their instances, checked in the transaction that creates or changes an endpoint.

While an update replaces a fleet, both fleets have instances, and both count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sqlalchemy import Connection

from sagewright.engine.endpoints import fleets
from sagewright.engine.endpoints.fleets import Fleet
from sagewright.kinds.serving import ENDPOINT
from sagewright.model.jobs.state_machines import EndpointStatus
from sagewright.model.quotas import (
    OwnQuota,
    QuotaFamily,
    ServiceQuota,
    all_quotas,
    instance_quota,
    own_quota,
    requester_of,
)
from sagewright.services.context import Context
from sagewright.services.quotas.limits import LimitCheck, used_of
from sagewright.store import quotas
from sagewright.store.database import Database
from sagewright.store.jobs import usage
from sagewright.store.jobs.usage import InstanceClaim
from sagewright.store.resources import requesters, resources
from sagewright.store.resources.resources import Resource

_OVER = frozenset({EndpointStatus.DELETING, EndpointStatus.FAILED})


def endpoint_check(context: Context, name: str) -> Callable[[Connection], None] | None:
    """Returns the check for a transaction that has written the endpoint of this name; None where no limit concerns endpoints."""
    if not _limited(context):
        return None
    before = {one.id: one for one in endpoint_claims(context.store, context.account)}
    caller = requester_of(context.principal.arn)

    def check(connection: Connection) -> None:
        usage.exclude(connection, context.account)
        rows = resources.of_account_in(connection, ENDPOINT, context.account)
        claims = [_claim(context.store, row, caller) for row in rows if row.status not in _OVER]
        own = {row.id for row in rows if (row.region, row.name) == (context.region, name)}
        _enforce(context, connection, claims, own, before)

    return check


def _enforce(
    context: Context,
    connection: Connection,
    claims: list[InstanceClaim],
    own: set[str],
    before: dict[str, InstanceClaim],
) -> None:
    current = quotas.limits_in(connection, context.account)
    for claim in (one for one in claims if one.id in own):
        earlier = [before[claim.id]] if claim.id in before else []
        instances = [instance_quota(QuotaFamily.ENDPOINT, one) for one in claim.instances]
        for quota in (*instances, instance_quota(QuotaFamily.ENDPOINT), own_quota(OwnQuota.ENDPOINTS)):
            delta = _used([claim], "", quota) - _used(earlier, "", quota)
            for subject in dict.fromkeys(("", claim.owner, f"role/{claim.role}")):
                most = current.get((subject, quota.code))
                if most is not None and delta > 0:
                    LimitCheck(quota, subject, most, _used(claims, subject, quota), delta).enforce()


def _used(claims: list[InstanceClaim], subject: str, quota: ServiceQuota) -> int:
    if quota.code == OwnQuota.ENDPOINTS:
        return sum(one.belongs_to(subject) for one in claims)
    return used_of(claims, subject, quota)


def _limited(context: Context) -> bool:
    codes = {quota for _, quota in quotas.limits_of(context.store, context.account)}
    return bool(codes) and bool(codes & ({one.code for one in endpoint_quotas()} | {OwnQuota.ENDPOINTS.value}))


def endpoint_quotas() -> Iterator[ServiceQuota]:
    return (one for one in all_quotas().values() if one.family is QuotaFamily.ENDPOINT)


def endpoint_claims(store: Database, account: str) -> list[InstanceClaim]:
    """Returns the instances of each endpoint of an account that is not being deleted."""
    with store.read() as connection:
        rows = resources.of_account_in(connection, ENDPOINT, account)
    return [_claim(store, row, "") for row in rows if row.status not in _OVER]


def _claim(store: Database, row: Resource, caller: str) -> InstanceClaim:
    document = row.document
    update = (document.get("Update") or {}).get("Fleet")
    found = fleets.read(document)
    coming = fleets.read({"Fleets": [update] if update else []})
    found += [one for one in coming if one.id not in {each.id for each in found}]
    role = next((one.role for fleet in found for one in fleet.variants), "")
    owner = requesters.requester(store, row.id) or caller
    return InstanceClaim(owner, role.rpartition("/")[2], _instances(found), row.id)


def _instances(found: list[Fleet]) -> dict[str, int]:
    counted: dict[str, int] = {}
    for fleet in found:
        for variant in fleet.variants:
            if not variant.serverless:
                counted[variant.instance_type] = counted.get(variant.instance_type, 0) + variant.desired
    return counted
