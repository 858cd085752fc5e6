"""Changes of limits: set by those who may, requested by others.

Source: AWS's Service Quotas user guide, "Requesting a quota increase".
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

from sagewright.model.clock import to_datetime
from sagewright.model.errors import AwsError, ValidationException
from sagewright.model.quotas import NAMES, UNLIMITED, OwnQuota, ServiceQuota, find_quota, is_subject
from sagewright.services.access import authorizer
from sagewright.services.context import AuditedCall, Context
from sagewright.store import quotas
from sagewright.store.jobs import usage
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New, Resource

CHANGE = "service-quota-change"
"""Kind of the resources that are requests for a larger limit."""
PENDING, APPROVED, DENIED = "PENDING", "APPROVED", "DENIED"
SET_QUOTA = "sagewright:SetQuota"
SERVICE = "service-quotas"


def may_set(context: Context) -> bool:
    """Returns True if the caller may set limits: the admin, and those whose policies allow SET_QUOTA."""
    if not authorizer.is_decided(context):
        return True
    return authorizer.decision(context, SET_QUOTA, "*", authorizer.values_of_request(context, {}, "*")).allows


def set_limit(context: Context, text: str, subject: str, value: str) -> dict[str, Any]:
    """Sets a limit. Raises AccessDenied, ValidationException."""
    quota = _checked(context, text, subject)
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not 0 <= number < UNLIMITED:
        raise ValidationException(f"A limit is a number from 0 to {UNLIMITED:.0f}, not {value}.")
    quotas.set_limit(context.store, context.account, subject, quota.code, number)
    _recorded(context, "SetQuota", {"QuotaCode": quota.code, "Subject": subject, "Value": number})
    _wake_queue(context)
    return {"code": quota.code, "name": quota.name, "subject": subject, "limit": number}


def unset_limit(context: Context, text: str, subject: str) -> dict[str, Any]:
    """Removes a limit. Raises AccessDenied, ValidationException."""
    quota = _checked(context, text, subject)
    if not quotas.unset_limit(context.store, context.account, subject, quota.code):
        raise ValidationException(f"{subject or 'The account'} has no limit of {quota.name}.")
    _recorded(context, "UnsetQuota", {"QuotaCode": quota.code, "Subject": subject})
    _wake_queue(context)
    return {"code": quota.code, "name": quota.name, "subject": subject}


def _checked(context: Context, text: str, subject: str) -> ServiceQuota:
    if not may_set(context):
        raise AwsError(
            "AccessDeniedException",
            f"User: {context.principal.arn} is not authorized to perform: {SET_QUOTA} on resource: * because no identity-based "
            f"policy allows the {SET_QUOTA} action",
            403,
        )
    quota = find_quota(text)
    if quota is None:
        raise ValidationException(f"There is no quota {text}; sagewright quotas list --all shows them.")
    if not is_subject(subject):
        raise ValidationException(f"A limit is for user/NAME, role/NAME, or the account (empty), not for {subject}.")
    if quota.code == OwnQuota.WEIGHT and not subject:
        raise ValidationException("A weight is one of a user or a role, not of the account.")
    return quota


def request_increase(context: Context, quota: ServiceQuota, subject: str, value: float) -> Resource:
    """Creates a request; one of a caller who may set limits is approved at once. Raises AwsError."""
    current = quotas.limits_of(context.store, context.account).get((subject, quota.code), UNLIMITED)
    if value <= current:
        raise AwsError(
            "IllegalArgumentException", "You must provide a quota value greater than the current quota value."
        )
    approved = may_set(context)
    document = {
        "QuotaCode": quota.code,
        "DesiredValue": value,
        "Subject": subject,
        "Requester": context.principal.arn,
    }
    new = New(uuid.uuid4().hex, document, "", {}, status=PENDING, principal=context.principal.arn)
    with context.store.write() as connection:
        usage.exclude(connection, context.account)
        for one in resources.of_account_in(connection, CHANGE, context.account):
            same = (one.document["QuotaCode"], one.document["Subject"]) == (quota.code, subject)
            if same and one.status == PENDING:
                raise AwsError(
                    "ResourceAlreadyExistsException",
                    f"Only one open service quota increase request is allowed per quota: {one.name} is open.",
                )
        made = resources.create_in(connection, _scope(context), new)
        if approved:
            made = replace(made, status=APPROVED)
            resources.change_in(connection, made, context.principal.arn)
            quotas.set_limit_in(connection, context.account, subject, quota.code, value)
    _wake_queue(context)
    return made


def decide(context: Context, name: str, *, approve: bool) -> dict[str, Any]:
    """Approves or denies a request. Raises AccessDenied, ValidationException."""
    found = resources.find(context.store, _scope(context), name)
    if found is None:
        raise ValidationException(f"There is no request {name}.")
    quota = _checked(context, found.document["QuotaCode"], found.document["Subject"])
    with context.store.write() as connection:
        current = resources.locked_in(connection, found.id)
        if current is None or current.status != PENDING:
            raise ValidationException(f"The request {name} is {current.status if current else 'gone'}, not {PENDING}.")
        current = replace(current, status=APPROVED if approve else DENIED)
        resources.change_in(connection, current, context.principal.arn)
        if approve:
            value = float(current.document["DesiredValue"])
            quotas.set_limit_in(connection, context.account, current.document["Subject"], quota.code, value)
    _recorded(context, "DecideQuotaIncrease", {"RequestId": name, "Status": current.status})
    _wake_queue(context)
    return described(current)


def requests(context: Context) -> list[Resource]:
    """Returns all requests of the account in the region, newest first."""
    with context.store.read() as connection:
        found = resources.of_account_in(connection, CHANGE, context.account)
    return [one for one in reversed(found) if one.region == context.region]


def find_request(context: Context, name: str) -> Resource | None:
    return resources.find(context.store, _scope(context), name)


def described(change: Resource) -> dict[str, Any]:
    """Returns a request as RequestedServiceQuotaChange."""
    quota = find_quota(change.document["QuotaCode"])
    assert quota is not None, change.document["QuotaCode"]
    return {
        "Id": change.name,
        "ServiceCode": quota.service,
        "ServiceName": NAMES[quota.service],
        "QuotaCode": quota.code,
        "QuotaName": quota.name,
        "DesiredValue": change.document["DesiredValue"],
        "Status": change.status,
        "Created": to_datetime(change.created_ms),
        "LastUpdated": to_datetime(change.modified_ms),
        "Requester": change.document["Requester"],
        "QuotaArn": quota_arn(change.account, change.region, quota),
        "GlobalQuota": False,
        "Unit": quota.unit,
        **applied(change.account, change.document["Subject"], "QuotaRequestedAtLevel"),
    }


def quota_arn(account: str, region: str, quota: ServiceQuota) -> str:
    return f"arn:aws:servicequotas:{region}:{account}:{quota.service}/{quota.code}"


def applied(account: str, subject: str, member: str) -> dict[str, Any]:
    """Returns the members that say whose quota it is."""
    if not subject:
        return {member: "ACCOUNT"}
    kind = subject.partition("/")[0].capitalize()
    context = {
        "ContextScope": "RESOURCE",
        "ContextScopeType": f"AWS::IAM::{kind}",
        "ContextId": f"arn:aws:iam::{account}:{subject}",
    }
    return {member: "RESOURCE", "QuotaContext": context}


def _scope(context: Context) -> ResourceScope:
    return ResourceScope(CHANGE, context.account, context.region)


def _wake_queue(context: Context) -> None:
    """Lets jobs start that a limit held."""
    context.engine.wake("queue", "")


def _recorded(context: Context, operation: str, parameters: dict[str, Any]) -> None:
    trail = context.platform.audit
    if trail is not None and trail.wants(SERVICE, operation):
        trail.record(AuditedCall(context, SERVICE, operation, parameters))
