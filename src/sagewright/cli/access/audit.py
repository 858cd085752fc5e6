"""`sagewright audit`: the audit trail, by CloudTrail's LookupEvents."""

from __future__ import annotations

import json as jsons
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from sagewright.cli.lean import ServiceError, lean_client
from sagewright.cli.options import FAILURE, DataOption, fail, settings_of
from sagewright.cli.output import Format, JsonOption, OutputColumn, OutputOption, chosen, moment, print_rows
from sagewright.model.settings import Settings

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_SPAN = re.compile(r"(\d{1,6})([smhd])")
Document = dict[str, Any]


def audit(
    data: DataOption = None,
    user: Annotated[str | None, typer.Option("--user", help="Only events of this user or role session.")] = None,
    event: Annotated[
        str | None, typer.Option("--event", help="Only events of this operation, such as DeleteEndpoint.")
    ] = None,
    resource: Annotated[
        str | None, typer.Option("--resource", help="Only events about this resource, by name or ARN.")
    ] = None,
    key: Annotated[str | None, typer.Option("--key", help="Only events with this access key id.")] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", help="Only events since then: a time in ISO 8601, or a span such as 30m, 12h, 7d."),
    ] = None,
    until: Annotated[str | None, typer.Option("--until", help="Only events until then: a time or a span.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only failures and denials.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Maximum number of events.")] = 100,
    output: OutputOption = Format.TABLE,
    json: JsonOption = False,
) -> None:
    """List who did what and when, newest first. JSON has the members of LookupEvents."""
    times = {"StartTime": _moment(since, "--since"), "EndTime": _moment(until, "--until")}
    wanted = {"Username": user, "EventName": event, "ResourceName": resource, "AccessKeyId": key}
    given = [{"AttributeKey": name, "AttributeValue": value} for name, value in wanted.items() if value]
    request = {name: at.timestamp() for name, at in times.items() if at} | (
        {"LookupAttributes": given[:1]} if given else {}
    )
    found = []
    try:
        for one in _events(settings_of(data=data), request):
            if _matches(one, given[1:]) and (not failed or one["Record"].get("errorCode")):
                found.append(one)
            if len(found) == limit:
                break
    except ServiceError as error:
        fail(str(error), FAILURE)
    columns = (
        OutputColumn("time", lambda one: moment(one["EventTime"])),
        OutputColumn("user", lambda one: str(one["Username"] or one.get("AccessKeyId", "unknown"))),
        OutputColumn("event", lambda one: str(one["EventName"])),
        OutputColumn("resource", lambda one: ", ".join(each["ResourceName"] for each in one["Resources"])),
        OutputColumn("address", lambda one: str(one["Record"].get("sourceIPAddress", ""))),
        OutputColumn("error", lambda one: str(one["Record"].get("errorCode", ""))),
    )
    kind = chosen(output, json)
    print_rows([_described(one) for one in found] if kind is Format.JSON else found, columns, kind)


def _events(settings: Settings, request: Document) -> Iterator[Document]:
    """Yields events with their records."""
    client = lean_client(settings, "cloudtrail")
    for page in client.pages("LookupEvents", MaxResults=50, **request):
        yield from (one | {"Record": jsons.loads(one["CloudTrailEvent"])} for one in page["Events"])


def _matches(event: Document, attributes: list[Document]) -> bool:
    """Checks the conditions beyond the first: a lookup takes only one attribute."""
    names = {name for one in event["Record"].get("resources") or () for name in (one["ARN"],)}
    names |= {one["ResourceName"] for one in event["Resources"]}
    return all(
        one["AttributeValue"] in names
        if one["AttributeKey"] == "ResourceName"
        else event.get(one["AttributeKey"]) == one["AttributeValue"]
        for one in attributes
    )


def _described(event: Document) -> Document:
    return {name: value for name, value in event.items() if name != "Record"}


def _moment(text: str | None, option: str) -> datetime | None:
    """Returns the time of an option; ends the command for a text that is none."""
    if text is None:
        return None
    if span := _SPAN.fullmatch(text):
        return datetime.now(UTC) - timedelta(**{_UNITS[span[2]]: int(span[1])})
    try:
        read = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        fail(f"{option} {text} is neither a time, such as 2026-11-30T01:23:45Z, nor a span, such as 30m, 12h or 7d.")
    return read if read.tzinfo else read.replace(tzinfo=UTC)
