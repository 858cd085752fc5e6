"""Log groups and streams."""

from __future__ import annotations

from typing import Any

from sagewright.engine.monitoring.metric_filters import parent_of
from sagewright.model.aws.arns import log_group_arn
from sagewright.model.errors import AwsError
from sagewright.services import paging
from sagewright.services.aws.logs import groupsettings
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.logs import logs
from sagewright.store.logs.logs import GroupQuery, LogScope, LogStream, StreamQuery
from sagewright.store.memory import changes
from sagewright.store.resources import resources, tags

MAX_STREAMS = 50
STANDARD = "STANDARD"
NOT_LISTED_BY = ("includeLinkedAccounts", "accountIdentifiers", "dataSources", "fieldIndexNames", "logGroupTags")
SAID = ("kmsKeyId", "deletionProtectionEnabled")
RETENTIONS_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip


def scope_of(context: Context) -> LogScope:
    return LogScope(context.account, context.region)


def group_name(request: dict[str, Any]) -> str:
    """Returns the group that a request names, by name or by ARN. Raises InvalidParameterException."""
    name = request.get("logGroupName") or request.get("logGroupIdentifier")
    if not name:
        raise AwsError("InvalidParameterException", "One of logGroupName and logGroupIdentifier is required.")
    return str(name).split(":log-group:")[-1].removesuffix(":*")


def require_group(context: Context, name: str) -> None:
    """Raises ResourceNotFoundException, which clients interpret as: no logs yet."""
    if not logs.group_exists(context.store, scope_of(context), name):
        raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")


def require_stream(context: Context, group: str, name: str) -> LogStream:
    require_group(context, group)
    stream = logs.find_stream(context.store, scope_of(context), group, name)
    if stream is None:
        raise AwsError("ResourceNotFoundException", "The specified log stream does not exist.")
    return stream


@operation("logs", "CreateLogGroup")
def create_log_group(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    name = request["logGroupName"]
    if (kind := request.get("logGroupClass", STANDARD)) != STANDARD:
        raise AwsError("InvalidParameterException", f"Sagewright serves no log groups of the class {kind}.")
    if not logs.create_group(context.store, scope_of(context), name):
        raise AwsError("ResourceAlreadyExistsException", "The specified log group already exists")
    if pairs := request.get("tags"):
        tags.add(context.store, log_group_arn(context.region, context.account, name), pairs)
    if said := {member: request[member] for member in SAID if request.get(member)}:
        groupsettings.put(context, name, said)
    return {}


@operation("logs", "DeleteLogGroup")
def delete_log_group(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    name = request["logGroupName"]
    require_group(context, name)
    if groupsettings.of(context).get(name, {}).get("deletionProtectionEnabled"):
        raise AwsError("ValidationException", f"The log group {name} is protected from deletion.")
    logs.delete_group(context.store, scope_of(context), name)
    tags.remove(context.store, log_group_arn(context.region, context.account, name))
    with context.store.write() as connection:
        parent = parent_of(scope_of(context), name)
        resources.remove_children_in(connection, parent)
        changes(connection, parent)
    return {}


@operation("logs", "DescribeLogGroups")
def describe_log_groups(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    if request.get("logGroupNamePrefix") and request.get("logGroupNamePattern"):
        message = "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."
        raise AwsError("InvalidParameterException", message)
    size = request.get("limit", 50)
    query = _asked(request, size + 1)
    rows = logs.groups(context.store, scope_of(context), query)
    found = []
    said, counts = groupsettings.of(context), groupsettings.filter_counts(context, [row.name for row in rows[:size]])
    for name, created_ms, retention_days, stored_bytes in rows[:size]:
        arn = log_group_arn(context.region, context.account, name)
        group = {
            "logGroupName": name,
            "creationTime": created_ms,
            "metricFilterCount": counts[name],
            "arn": f"{arn}:*",
            "logGroupArn": arn,
            "storedBytes": int(stored_bytes),
            "logGroupClass": STANDARD,
            "deletionProtectionEnabled": False,
            **said.get(name, {}),
        }
        found.append(group | ({"retentionInDays": retention_days} if retention_days else {}))
    return {"logGroups": found, **({"nextToken": paging.encode([rows[size - 1].name])} if len(rows) > size else {})}


def count_groups(context: Context, request: dict[str, Any]) -> int:
    """Returns the number of groups that DescribeLogGroups lists."""
    return logs.count_groups(context.store, scope_of(context), _asked(request, 0))


def _asked(request: dict[str, Any], limit: int) -> GroupQuery:
    after, skip = paging.begin_by_name(request.get("nextToken"), _bad_token())
    return GroupQuery(request.get("logGroupNamePrefix", ""), request.get("logGroupNamePattern", ""), limit, after, skip)


@operation("logs", "ListLogGroups")
def list_log_groups(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Lists groups. A pattern consists of words between bars; the name must contain one of them, or begin with it after ^."""
    if refused := [member for member in NOT_LISTED_BY if request.get(member)]:
        raise AwsError("InvalidParameterException", f"Sagewright does not serve {refused[0]} of ListLogGroups.")
    size, (after, skip) = request.get("limit", 50), paging.begin_by_name(request.get("nextToken"), _bad_token())
    words = request.get("logGroupNamePattern", "").split("|")
    everything = logs.groups(
        context.store, scope_of(context), GroupQuery(prefix="", pattern="", limit=1 << 30, after=after)
    )
    chosen = [row.name for row in everything if any(_is_named(row.name, word) for word in words)][skip:]
    if request.get("logGroupClass", STANDARD) != STANDARD:
        chosen = []
    listed = [
        {
            "logGroupName": name,
            "logGroupArn": log_group_arn(context.region, context.account, name),
            "logGroupClass": STANDARD,
        }
        for name in chosen[:size]
    ]
    return {"logGroups": listed, **({"nextToken": paging.encode([chosen[size - 1]])} if len(chosen) > size else {})}


def _is_named(name: str, word: str) -> bool:
    return name.startswith(word[1:]) if word.startswith("^") else word in name


@operation("logs", "PutLogGroupDeletionProtection")
def put_log_group_deletion_protection(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    name = group_name(request)
    require_group(context, name)
    groupsettings.put(context, name, {"deletionProtectionEnabled": request["deletionProtectionEnabled"]})
    return {}


@operation("logs", "PutRetentionPolicy")
def put_retention_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    days = request["retentionInDays"]
    if days not in RETENTIONS_DAYS:
        allowed = ", ".join(map(str, RETENTIONS_DAYS))
        raise AwsError(
            "InvalidParameterException",
            f"1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: Member must satisfy "
            f"enum value set: [{allowed}]",
        )
    require_group(context, request["logGroupName"])
    logs.set_retention(context.store, scope_of(context), request["logGroupName"], request["retentionInDays"])
    return {}


@operation("logs", "DeleteRetentionPolicy")
def delete_retention_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    require_group(context, request["logGroupName"])
    logs.set_retention(context.store, scope_of(context), request["logGroupName"], None)
    return {}


@operation("logs", "CreateLogStream")
def create_log_stream(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    require_group(context, request["logGroupName"])
    if any(char in request["logStreamName"] for char in "\r\n"):  # the model's pattern accepts them
        raise AwsError("InvalidParameterException", "Log stream name cannot contain line breaks.")
    if not logs.create_stream(context.store, scope_of(context), request["logGroupName"], request["logStreamName"]):
        raise AwsError("ResourceAlreadyExistsException", "The specified log stream already exists")
    return {}


@operation("logs", "DeleteLogStream")
def delete_log_stream(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    stream = require_stream(context, request["logGroupName"], request["logStreamName"])
    logs.delete_stream(context.store, stream)
    return {}


@operation("logs", "DescribeLogStreams")
def describe_log_streams(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Returns nextToken only if streams remain: SDK v2 loops on it without passing it on."""
    if request.get("logGroupName") and request.get("logGroupIdentifier"):
        raise AwsError("ValidationException", "LogGroup name and LogGroup ARN are mutually exclusive parameters.")
    group = group_name(request)
    require_group(context, group)
    by_time, size = request.get("orderBy") == "LastEventTime", request.get("limit", MAX_STREAMS)
    if by_time and request.get("logStreamNamePrefix"):
        raise AwsError("InvalidParameterException", "Cannot order by LastEventTime with a logStreamNamePrefix.")
    position = paging.decode(request.get("nextToken"), _bad_token())
    if position is not None and len(position) != 1 + by_time:
        raise _bad_token()
    query = StreamQuery(
        prefix=request.get("logStreamNamePrefix", ""),
        by_time=by_time,
        descending=request.get("descending", False),
        limit=size + 1,
        after=tuple(position) if position else None,
    )
    found = logs.page(context.store, scope_of(context), group, query)
    answer: dict[str, Any] = {"logStreams": [_shape(context, stream) for stream in found[:size]]}
    if len(found) > size:
        last = found[size - 1]
        answer["nextToken"] = paging.encode([last.last_ms or 0, last.name] if by_time else [last.name])
    return answer


def _shape(context: Context, stream: LogStream) -> dict[str, Any]:
    group_arn = log_group_arn(context.region, context.account, stream.group_name)
    times = {
        "firstEventTimestamp": stream.first_ms,
        "lastEventTimestamp": stream.last_ms,
        "lastIngestionTime": stream.ingested_ms,
    }
    return {
        "logStreamName": stream.name,
        "creationTime": stream.created_ms,
        **({"uploadSequenceToken": str(stream.next_seq)} if stream.next_seq else {}),
        "arn": f"{group_arn}:log-stream:{stream.name}",
        "storedBytes": 0,
    } | {name: value for name, value in times.items() if value is not None}


def _bad_token() -> AwsError:
    return AwsError("InvalidParameterException", "The specified nextToken is invalid.")
