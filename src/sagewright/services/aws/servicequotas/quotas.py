"""Quotas and their values. A quota without a limit has UNLIMITED as its value, also as AWS's default: Sagewright sets none itself.

A limit of a user or a role is one at the level RESOURCE, whose ContextId is the ARN of the user or role. Source: AWS's Service
Quotas API reference.
"""

from __future__ import annotations

from typing import Any

from sagewright.model.errors import AwsError
from sagewright.model.quotas import NAMES, UNLIMITED, OwnQuota, ServiceQuota, all_quotas, is_subject, requester_of
from sagewright.services import paging
from sagewright.services.context import Context
from sagewright.services.quotas.changes import applied, quota_arn
from sagewright.services.registry import operation
from sagewright.store import quotas

MOST = 100
ACCOUNT, RESOURCE, ALL = "ACCOUNT", "RESOURCE", "ALL"


@operation("service-quotas", "ListServices")
def list_services(_context: Context, request: dict[str, Any]) -> dict[str, Any]:
    found = [{"ServiceCode": code, "ServiceName": name} for code, name in NAMES.items()]
    return page(request, "Services", [(one["ServiceCode"], one) for one in found])


@operation("service-quotas", "ListServiceQuotas")
def list_service_quotas(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    limits = quotas.limits_of(context.store, context.account)
    level, only = request.get("QuotaAppliedAtLevel", ACCOUNT), request.get("QuotaCode")
    rows = []
    for one in _of_service(request["ServiceCode"]):
        if only not in (None, one.code):
            continue
        subjects = [subject for subject, code in limits if code == one.code and subject] if level != ACCOUNT else []
        for subject in ([""] if level != RESOURCE else []) + subjects:
            rows.append((f"{one.code} {subject}", described(context, one, subject)))
    return page(request, "Quotas", rows)


@operation("service-quotas", "GetServiceQuota")
def get_service_quota(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return {"Quota": described(context, quota_of(request), subject_of(request))}


@operation("service-quotas", "ListAWSDefaultServiceQuotas")
def list_aws_default_service_quotas(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return page(request, "Quotas", [(one.code, _default(context, one)) for one in _of_service(request["ServiceCode"])])


@operation("service-quotas", "GetAWSDefaultServiceQuota")
def get_aws_default_service_quota(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return {"Quota": _default(context, quota_of(request))}


def quota_of(request: dict[str, Any]) -> ServiceQuota:
    """Raises NoSuchResourceException."""
    found = all_quotas().get(request["QuotaCode"])
    if found is None or found.service != request["ServiceCode"]:
        raise AwsError(
            "NoSuchResourceException",
            f"The quota {request['QuotaCode']} of the service {request['ServiceCode']} does not exist.",
        )
    return found


def subject_of(request: dict[str, Any]) -> str:
    """Returns whose quota a request is about. Raises IllegalArgumentException."""
    given = request.get("ContextId")
    if not given:
        return ""
    found = requester_of(given) or given
    if not found or not is_subject(found):
        raise AwsError("IllegalArgumentException", f"The ContextId {given} is not the ARN of a user or a role.")
    return found


def described(context: Context, quota: ServiceQuota, subject: str = "") -> dict[str, Any]:
    """Returns a quota as ServiceQuota."""
    limits = quotas.limits_of(context.store, context.account)
    head = _head(context, quota)
    value = limits.get((subject, quota.code), head["Value"])
    return head | {"Value": value} | applied(context.account, subject, "QuotaAppliedAtLevel")


def _default(context: Context, quota: ServiceQuota) -> dict[str, Any]:
    return _head(context, quota) | {"QuotaAppliedAtLevel": ACCOUNT}


def _head(context: Context, quota: ServiceQuota) -> dict[str, Any]:
    return {
        "ServiceCode": quota.service,
        "ServiceName": NAMES[quota.service],
        "QuotaArn": quota_arn(context.account, context.region, quota),
        "QuotaCode": quota.code,
        "QuotaName": quota.name,
        "Value": 1.0 if quota.code == OwnQuota.WEIGHT else UNLIMITED,
        "Unit": quota.unit,
        "Adjustable": True,
        "GlobalQuota": False,
    }


def _of_service(code: str) -> list[ServiceQuota]:
    """Raises NoSuchResourceException."""
    if code not in NAMES:
        raise AwsError("NoSuchResourceException", f"The service {code} does not exist.")
    return sorted((one for one in all_quotas().values() if one.service == code), key=lambda one: one.code)


def page(request: dict[str, Any], member: str, rows: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    """Returns one page of rows in their order; a token holds the key of the last one. Raises InvalidPaginationTokenException."""
    wrong = AwsError("InvalidPaginationTokenException", "The NextToken is not one of this list.")
    size = request.get("MaxResults", MOST)
    if not 1 <= size <= MOST:
        raise AwsError("IllegalArgumentException", f"MaxResults is 1 to {MOST}, not {size}.")
    position = paging.decode(request.get("NextToken"), wrong)
    begin = 0
    if position is not None:
        keys = [key for key, _ in rows]
        if len(position) != 1 or position[0] not in keys:
            raise wrong
        begin = keys.index(position[0]) + 1
    found = rows[begin : begin + size]
    more = {"NextToken": paging.encode([found[-1][0]])} if begin + size < len(rows) else {}
    return {member: [one for _, one in found], **more}
