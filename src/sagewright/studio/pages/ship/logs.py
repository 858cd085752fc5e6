"""Log groups: the list, and the last lines of a group or of those that match."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sagewright.studio import tables
from sagewright.studio.jobview import LogLine, look_of
from sagewright.studio.rendering import when
from sagewright.studio.tables import EmptyState, Listing, ListSource, Row, TableColumn
from sagewright.studio.visit import Visit, page

START = EmptyState(
    "No log yet", "sagewright exec -- python your_script.py   # the log of each job, endpoint and function is kept"
)
SOURCE = ListSource(
    "DescribeLogGroups", "logGroups", name_filter="logGroupNamePattern", service="logs", each=50, size="limit",
    after="nextToken", then="nextToken",
)  # fmt: skip
MOST = 1000


@dataclass(frozen=True)
class LogPage:
    group: str
    lines: tuple[LogLine, ...]
    q: str = ""
    failed: str = ""


@page("/logs", "list.html", "alarms")
def groups(visit: Visit) -> Listing:
    read = tables.read(visit, SOURCE)
    columns = (
        TableColumn("Group", "mono"),
        TableColumn("Size", "size", "", 1),
        TableColumn("Kept days", "number", "", 1),
        TableColumn("Created", "time"),
    )
    rows = tuple(
        Row(
            one["logGroupName"],
            (
                tables.TableCell(one["logGroupName"], "mono", f"/studio/logs{one['logGroupName']}"),
                tables.TableCell(one.get("storedBytes"), "size"),
                tables.count(one.get("retentionInDays")),
                tables.time(when(one.get("creationTime"))),
            ),
        )
        for one in read.rows
    )
    return Listing(
        "Logs",
        columns,
        rows,
        START,
        crumb="Ship",
        **read.position,
        q=visit.query.get("q", ""),
        chips=read.chips,
    )


@page("/logs/{group:path}", "logs.html", "alarms")
def group(visit: Visit) -> LogPage:
    return read_group(visit, f"/{visit.path['group']}", MOST, visit.query.get("q", ""))


def read_group(visit: Visit, name: str, most: int, q: str = "") -> LogPage:
    """Returns the newest lines of a group, oldest first; with `q`, those that match this text or filter pattern."""
    streams, failed = visit.client.attempt(
        "logs", "DescribeLogStreams", logGroupName=name, orderBy="LastEventTime", descending=True, limit=5
    )
    if failed:
        return LogPage(name, (), q, "" if "ResourceNotFound" in failed else failed)
    newest = [one["logStreamName"] for one in streams.get("logStreams", [])]
    if not newest:
        return LogPage(name, (), q)
    pattern = f'"{q}"' if q and not q.startswith(("{", "[", '"')) else q or None
    found, failed = visit.client.attempt(
        "logs", "FilterLogEvents", logGroupName=name, logStreamNames=newest, filterPattern=pattern, limit=10000
    )
    events = sorted(found.get("events", []), key=lambda one: one["timestamp"])[-most:]
    lines = tuple(
        LogLine(
            at, datetime.fromtimestamp(one["timestamp"] / 1000, UTC), one["message"][:8192], look_of(one["message"])
        )
        for at, one in enumerate(events, 1)
    )
    return LogPage(name, lines, q, failed)
