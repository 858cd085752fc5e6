"""A record of one operation, in CloudTrail's form.

Source: AWS CloudTrail's user guide, "CloudTrail record contents" and "CloudTrail userIdentity element".
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson

from sagewright.services.access.subjects import Scope, read_request
from sagewright.services.audit.actions import AuditedAction
from sagewright.services.audit.redaction import MOST_TEXT, Redactor
from sagewright.services.context import AuditedCall, Principal
from sagewright.store.audit import AuditedResource, AuditEntry, name_of

VERSION = "1.11"
MOST_RESOURCES = 10
_MOST_RECORD = 16 << 10
_NAMES = {"sagemaker": "SageMaker", "kms": "KMS", "iam": "IAM", "sqs": "SQS", "sns": "SNS", "ecr": "ECR", "s3": "S3"}
"""Services as names of resource types have them; others are capitalized."""
_AFTER_KIND = re.compile(r"[:/]")
_RETURNED = re.compile(r".*(Arn|ARN|Id)|Location")
"""Members of a response that a record repeats."""


def entry_of(call: AuditedCall, action: AuditedAction, invoked_by: str = "") -> AuditEntry:
    """Returns the row of a call, and its record as JSON."""
    context, at = call.context, time.time()
    event_id = new_event_id(int(at * 1000))
    returned = _returned(call.result)
    found = _resources(call, returned)
    identity = identity_of(context.principal, context.account)
    record: dict[str, Any] = {
        "eventVersion": VERSION,
        "userIdentity": {**identity, "invokedBy": invoked_by} if invoked_by else identity,
        "eventTime": _second(int(at)),
        "eventSource": action.source,
        "eventName": call.operation,
        "awsRegion": context.region,
        "sourceIPAddress": invoked_by or context.origin.address,
        "userAgent": invoked_by or (context.origin.agent or "")[:MOST_TEXT],
        "requestParameters": _parameters(call),
        "responseElements": returned,
        "requestID": context.request_id,
        "eventID": event_id,
        "readOnly": action.reads,
        "resources": [{"accountId": context.account, "type": one.type, "ARN": one.arn} for one in found],
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": context.account,
        "eventCategory": "Management",
    }
    if call.error is not None:
        record |= {"errorCode": call.error.code, "errorMessage": call.error.message[:MOST_TEXT]}
    if call.left_out:
        record["additionalEventData"] = {"failuresNotRecorded": call.left_out}
    text = orjson.dumps(record)
    if len(text) > _MOST_RECORD:
        text = orjson.dumps(record | {"requestParameters": {"omitted": True, "originalSize": len(text)}})
    user = username_of(context.principal.arn)
    error = call.error.code if call.error else ""
    return AuditEntry(
        event_id, context.region, action.source, call.operation, user, context.principal.access_key, int(action.reads),
        error, text.decode(), found,
    )  # fmt: skip


def new_event_id(at_ms: int) -> str:
    """Returns a UUID that begins with the time, so that ids sort by it (RFC 9562, version 7). Its chance is Python's, as in
    `new_request_id`."""
    time_, chance = f"{at_ms:012x}", f"{random.getrandbits(80):020x}"
    return f"{time_[:8]}-{time_[8:]}-7{chance[:3]}-8{chance[3:6]}-{chance[6:18]}"


@lru_cache(16)
def _second(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@lru_cache(1024)
def identity_of(principal: Principal, account: str) -> Mapping[str, Any]:
    """Returns `userIdentity`, which callers must not change."""
    if not principal.arn:
        key = {"accessKeyId": principal.access_key} if principal.access_key else {}
        return {"type": "Unknown", "accountId": "anonymous", **key}
    described = {"principalId": principal.user_id, "arn": principal.arn, "accountId": account}
    described |= {"accessKeyId": principal.access_key} if principal.access_key else {}
    kind, _, name = principal.arn.rpartition(":")[2].partition("/")
    if kind == "user":
        return {"type": "IAMUser", **described, "userName": name.rpartition("/")[2]}
    if kind != "assumed-role":
        return {"type": "Root" if kind == "root" else "Role", **described}
    role = name.partition("/")[0]
    issuer = {"type": "Role", "arn": f"arn:aws:iam::{account}:role/{role}", "accountId": account, "userName": role}
    return {"type": "AssumedRole", **described, "sessionContext": {"sessionIssuer": issuer}}


def username_of(arn: str) -> str:
    """Returns the value that lookups by Username compare: the name of a user or of a role's session."""
    return arn.rpartition("/")[2] if "/" in arn else arn.rpartition(":")[2]


def type_of(arn: str) -> str:
    """Returns the type of a resource as CloudFormation names it, such as AWS::SageMaker::TrainingJob."""
    parts = arn.split(":", 5)
    return "" if len(parts) < 6 else _type_of(parts[2], _AFTER_KIND.split(parts[5], 1)[0])


@lru_cache(1024)
def _type_of(service: str, kind: str) -> str:
    named = _NAMES.get(service, service.capitalize())
    if service in ("s3", "sqs", "sns"):
        what = {"s3": "Bucket", "sqs": "Queue", "sns": "Topic"}[service]
    else:
        what = "".join(part.capitalize() for part in re.split(r"[-_]", kind))
    return f"AWS::{named}::{what}"


def _resources(call: AuditedCall, returned: Mapping[str, Any] | None) -> tuple[AuditedResource, ...]:
    scope = Scope(call.context.account, call.context.region)
    arns = read_request(call.service, call.operation, call.parameters, scope).resources
    found = [str(one)[:MOST_TEXT] for one in arns if one != "*" and not str(one).endswith("*")]
    bucket = call.parameters.get("Bucket") if call.service == "s3" else None
    if isinstance(bucket, str):
        found = [f"arn:aws:s3:::{bucket[:MOST_TEXT]}"]
    found = found or _arns_in(returned)
    return tuple(AuditedResource(name_of(one), one, type_of(one)) for one in dict.fromkeys(found[:MOST_RESOURCES]))


def _parameters(call: AuditedCall) -> Any:
    if not call.parameters:
        return None
    return Redactor().redacted(call.parameters, call.model.input_shape if call.model else None)


def _returned(result: Mapping[str, Any] | None, *, within: bool = False) -> dict[str, Any] | None:
    """Returns the ids and ARNs of a response: its own, and those of the resources that it describes."""
    found: dict[str, Any] = {}
    for name, value in (result or {}).items():
        kept: Any = value[:MOST_TEXT] if isinstance(value, str) and _RETURNED.fullmatch(name) else None
        if isinstance(value, Mapping) and not within:
            kept = _returned(value, within=True)
        if kept:
            found[name[:1].lower() + name[1:]] = kept
    return found or None


def _arns_in(returned: Mapping[str, Any] | None) -> list[str]:
    """Returns the ARNs of the resources that an operation created, if its request names none."""
    values = [
        value for one in (returned or {}).values() for value in (one.values() if isinstance(one, dict) else [one])
    ]
    return [value for value in values if value.startswith("arn:")]
