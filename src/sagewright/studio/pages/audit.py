"""The audit trail: who did what and when, and what was denied."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from sagewright.studio import tables
from sagewright.studio.tables import Chip, Choice, EmptyState, Listing, ListSource, Row, TableColumn
from sagewright.studio.visit import Visit, page

START = EmptyState("Nothing was recorded", "sagewright audit --since 7d   # the setting audit says what is recorded")
BY = {
    "resource": ("ResourceName", "Resource"),
    "user": ("Username", "User"),
    "event": ("EventName", "Event"),
    "reads": ("ReadOnly", "Kind"),
}
"""Attributes of a lookup, by parameters of the URL. CloudTrail takes one: the others choose among its rows."""
SOURCE = ListSource("LookupEvents", "Events", service="cloudtrail", name_filter="", each=50)
SINCE = {"1h": timedelta(hours=1), "24h": timedelta(days=1), "7d": timedelta(days=7)}
TIMES = (("", "Any time"), ("1h", "Last hour"), ("24h", "Last 24 hours"), ("7d", "Last 7 days"))
READS = (("", "Reads and writes"), ("false", "Writes"), ("true", "Reads"))


@page("/audit", "list.html", "audit")
def audit(visit: Visit) -> Listing:
    query = {name: visit.query.get("q" if name == "resource" else name, "") for name in BY}
    wanted = [{"AttributeKey": BY[name][0], "AttributeValue": value} for name, value in query.items() if value]
    since = SINCE.get(visit.query.get("since", ""))
    read = tables.read(
        visit, SOURCE, LookupAttributes=wanted[:1] or None, StartTime=visit.now - since if since else None
    )
    columns = (
        TableColumn("Event", "name"),
        TableColumn("User", "text"),
        TableColumn("Resource", "mono", "", 1),
        TableColumn("Address", "mono", "", 2),
        TableColumn("Error", "text", "", 1),
        TableColumn("Time", "time"),
    )
    chips = tuple(Chip(BY[one][1], query[one], visit.link(**{one: None})) for one in ("user", "event") if query[one])
    shown = tuple(_row(visit, one) for one in read.rows if _has(one, wanted[1:]))
    numbered = len(wanted) < 2  # rows that a second attribute leaves out have numbers too
    return Listing(
        "Audit",
        columns,
        shown,
        START,
        crumb="Data and tools",
        choices=(
            Choice("reads", "Kind", READS, query["reads"]),
            Choice("since", "Time", TIMES, visit.query.get("since", "")),
        ),
        chips=chips,
        **(read.position if numbered else {"more": read.more}),
        hint="Resource…",
        q=query["resource"],
    )


def _has(event: dict[str, Any], attributes: list[dict[str, str]]) -> bool:
    return all(event.get(one["AttributeKey"]) == one["AttributeValue"] for one in attributes)


def _row(visit: Visit, event: dict[str, Any]) -> Row:
    record = json.loads(event["CloudTrailEvent"])
    user, error = event["Username"] or "unknown", record.get("errorCode", "")
    return Row(
        event["EventId"],
        (
            tables.name(event["EventName"], visit.link(event=event["EventName"])),
            tables.text(user, visit.link(user=user), "" if error else "f-state"),
            tables.TableCell(", ".join(one["ResourceName"] for one in event["Resources"]), "mono", look="f-num"),
            tables.TableCell(record.get("sourceIPAddress", ""), "mono"),
            tables.text(error, look="bad f-state" if error else ""),
            tables.time(event["EventTime"]),
        ),
    )
