"""LookupEvents: the recorded events of a region, newest first.

Source: AWS CloudTrail's API reference, LookupEvents.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sagewright.model.clock import to_datetime, to_ms
from sagewright.model.errors import AwsError
from sagewright.model.row_tokens import rows_before
from sagewright.services import paging
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store import audit
from sagewright.store.audit import AuditEntry, AuditQuery

MOST = 50
_COLUMNS = {
    "EventId": "id",
    "EventName": "name",
    "Username": "username",
    "EventSource": "source",
    "AccessKeyId": "access_key",
}


@operation("cloudtrail", "LookupEvents")
def lookup_events(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    if request.get("EventCategory"):  # insights, which are not computed
        return {"Events": []}
    size = request.get("MaxResults", MOST)
    if not 1 <= size <= MOST:
        raise AwsError("InvalidMaxResultsException", f"MaxResults is 1 to {MOST}, not {size}.")
    query = _query(context, request)
    if context.platform.audit is not None:
        context.platform.audit.collect()
    found = audit.find(context.store, query, size + 1)
    page = found[:size]
    more = {"NextToken": paging.encode([page[-1].id])} if len(found) > size else {}
    return {"Events": [_event(one) for one in page], **more}


def count_events(context: Context, request: dict[str, Any], most: int) -> int:
    """Returns the number of events that LookupEvents finds, at most `most`."""
    return audit.count(context.store, _query(context, request), most)


def _query(context: Context, request: dict[str, Any]) -> AuditQuery:
    """Raises InvalidLookupAttributesException, InvalidTimeRangeException, InvalidNextTokenException."""
    attributes = request.get("LookupAttributes") or []
    if len(attributes) > 1:
        raise AwsError("InvalidLookupAttributesException", f"You can look up by one attribute, not {len(attributes)}.")
    position = paging.decode(request.get("NextToken"), _wrong_token())
    skip = rows_before(position)
    if position is not None and skip is None and not (len(position) == 1 and isinstance(position[0], str)):
        raise _wrong_token()
    times = {name: _ms(request.get(name)) for name in ("StartTime", "EndTime")}
    if None not in times.values() and times["StartTime"] > times["EndTime"]:  # type: ignore[operator]
        raise AwsError("InvalidTimeRangeException", "StartTime is later than EndTime.")
    by = attributes[0] if attributes else {"AttributeKey": "", "AttributeValue": ""}
    return AuditQuery(
        context.region,
        _equal(by["AttributeKey"], by["AttributeValue"]),
        by["AttributeValue"] if by["AttributeKey"] == "ResourceName" else "",
        by["AttributeValue"] if by["AttributeKey"] == "ResourceType" else "",
        times["StartTime"],
        times["EndTime"],
        position[0] if position and skip is None else "",
        skip or 0,
    )


def _equal(key: str, value: str) -> dict[str, Any]:
    if key == "ReadOnly":
        if value not in ("true", "false"):
            raise AwsError("InvalidLookupAttributesException", f"ReadOnly is true or false, not {value}.")
        return {"reads": int(value == "true")}
    return {_COLUMNS[key]: value} if key in _COLUMNS else {}


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else to_ms(moment)


def _wrong_token() -> AwsError:
    return AwsError("InvalidNextTokenException", "The NextToken is not one of this lookup.")


def _event(entry: AuditEntry) -> dict[str, Any]:
    described = {
        "EventId": entry.id,
        "EventName": entry.name,
        "ReadOnly": "true" if entry.reads else "false",
        "EventTime": to_datetime(audit.at_ms(entry.id) // 1000 * 1000),
        "EventSource": entry.source,
        "Username": entry.username,
        "Resources": [{"ResourceType": one.type, "ResourceName": one.name} for one in entry.resources],
        "CloudTrailEvent": entry.record,
    }
    return described | ({"AccessKeyId": entry.access_key} if entry.access_key else {})
