"""Alarms with their history, and a browser of metrics."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup

from sagewright.model.documents import read_json
from sagewright.model.errors import AwsError
from sagewright.studio import charts, tables, wording
from sagewright.studio.buttons import Button
from sagewright.studio.charts import Curve
from sagewright.studio.operations import OperationCall
from sagewright.studio.tables import Choice, EmptyState, Listing, ListSource, ListTab, Row, TableColumn
from sagewright.studio.visit import Visit, page

START = EmptyState(
    "No alarm yet",
    "import boto3\n\n"
    'boto3.client("cloudwatch").put_metric_alarm(AlarmName="slow", Namespace="AWS/SageMaker", MetricName="ModelLatency",\n'
    '    Dimensions=[{"Name": "EndpointName", "Value": "churn"}, {"Name": "VariantName", "Value": "AllTraffic"}],\n'
    '    ExtendedStatistic="p99", Period=60, EvaluationPeriods=3, Threshold=50000, ComparisonOperator="GreaterThanThreshold")',
)
NO_METRIC = EmptyState("No metric yet", START.code)
STATES = (("", "Any state"), ("ALARM", "ALARM"), ("OK", "OK"), ("INSUFFICIENT_DATA", "INSUFFICIENT_DATA"))
KINDS = ("alarm", "composite-alarm")
SIGNS = {
    "GreaterThanThreshold": ">",
    "GreaterThanOrEqualToThreshold": "≥",
    "LessThanThreshold": "<",
    "LessThanOrEqualToThreshold": "≤",
}
SOURCE = ListSource(
    "DescribeAlarms", ("MetricAlarms", "CompositeAlarms"), name_filter="AlarmNamePrefix", service="cloudwatch",
    named="Name begins with", statuses=tuple(state for state, _ in STATES if state), status_filter="StateValue", size="MaxRecords",
)  # fmt: skip
METRICS = ListSource("ListMetrics", "Metrics", name_filter="MetricName", service="cloudwatch", named="Metric", size="")
NAMESPACES = (
    "/aws/sagemaker/TrainingJobs",
    "AWS/SageMaker",
    "/aws/sagemaker/ProcessingJobs",
    "/aws/sagemaker/Endpoints",
)
HISTORY = 50
VIEWS = (("Alarms", "/studio/alarms"), ("Metrics", "/studio/metrics"), ("Logs", "/studio/logs"))


def _tabs(current: str) -> tuple[ListTab, ...]:
    return tuple(ListTab(label, link, label == current) for label, link in VIEWS)


@page("/alarms", "list.html", "alarms", KINDS)
def alarms(visit: Visit) -> Listing:
    read = tables.read(visit, SOURCE, AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    columns = (
        TableColumn("Name", "name"),
        TableColumn("State", "status"),
        TableColumn("Condition", "text", "", 1),
        TableColumn("Since", "time"),
    )
    rows = tuple(
        Row(
            one["AlarmName"],
            (
                tables.name(one["AlarmName"], f"/studio/alarms/{one['AlarmName']}"),
                tables.status(one["StateValue"]),
                tables.text(condition(one), look="soft"),
                tables.time(one.get("StateUpdatedTimestamp")),
            ),
        )
        for one in read.rows
    )
    delete = OperationCall("cloudwatch", "DeleteAlarms", {})
    act = Button(
        "Delete…",
        delete,
        "Deleted {n}",
        "harm",
        each="AlarmNames[]",
        confirm="The chosen alarms are deleted.",
        back="/studio/alarms",
    )
    return Listing(
        "Alarms",
        columns,
        rows,
        START,
        crumb="Ship",
        views=_tabs("Alarms"),
        chips=read.chips,
        choices=(Choice("status", "State", STATES, visit.query.get("status", "")),),
        acts=(act,),
        hint="Name begins with…",
        q=visit.query.get("q", ""),
        **read.position,
    )


def condition(one: Mapping[str, Any]) -> str:
    """Writes an alarm's condition: `p99 of ModelLatency > 50,000, 3 of 3 periods of 60 s`."""
    if "AlarmRule" in one:
        return str(one["AlarmRule"])
    statistic = one.get("ExtendedStatistic") or one.get("Statistic", "")
    metric = one.get("MetricName") or "an expression"
    sign = SIGNS.get(one["ComparisonOperator"], one["ComparisonOperator"])
    periods = one["EvaluationPeriods"]
    enough = one.get("DatapointsToAlarm", periods)
    threshold = wording.number(one.get("Threshold"))
    return f"{statistic} of {metric} {sign} {threshold}, {enough} of {periods} periods of {one.get('Period', 60)} s".strip()


@dataclass(frozen=True)
class HistoryLine:
    at: datetime
    kind: str
    words: str


@dataclass(frozen=True)
class AlarmView:
    name: str
    state: str
    reason: str
    description: str
    since: datetime | None
    condition: str
    dimensions: tuple[tuple[str, str], ...]
    actions: tuple[str, ...]
    enabled: bool
    history: tuple[HistoryLine, ...]
    acts: tuple[Button, ...]
    drawing: Markup = field(repr=False, default=Markup(""))


@page("/alarms/{name}", "alarm.html", "alarms", KINDS)
def alarm(visit: Visit) -> AlarmView:
    name = visit.path["name"]
    found = visit.client.call(
        "cloudwatch", "DescribeAlarms", AlarmNames=[name], AlarmTypes=["MetricAlarm", "CompositeAlarm"]
    )
    listed = [*found.get("MetricAlarms", []), *found.get("CompositeAlarms", [])]
    if not listed:
        raise AwsError("ResourceNotFound", f"Alarm {name} not found.", 404)
    one = listed[0]
    history = visit.client.call("cloudwatch", "DescribeAlarmHistory", AlarmName=name, MaxRecords=HISTORY).get(
        "AlarmHistoryItems", []
    )
    enabled = one.get("ActionsEnabled", True)
    toggle = "DisableAlarmActions" if enabled else "EnableAlarmActions"
    back = f"/studio/alarms/{name}"
    return AlarmView(
        name,
        one["StateValue"],
        one.get("StateReason", ""),
        one.get("AlarmDescription", ""),
        one.get("StateUpdatedTimestamp"),
        condition(one),
        tuple((each["Name"], each["Value"]) for each in one.get("Dimensions", [])),
        tuple(one.get("AlarmActions", [])),
        enabled,
        tuple(HistoryLine(each["Timestamp"], each["HistoryItemType"], each["HistorySummary"]) for each in history),
        (
            Button(
                "Turn actions off" if enabled else "Turn actions on",
                OperationCall("cloudwatch", toggle, {"AlarmNames": [name]}),
                f"Changed {name}",
                back=back,
            ),
            Button(
                "Delete…",
                OperationCall("cloudwatch", "DeleteAlarms", {"AlarmNames": [name]}),
                f"Deleted {name}",
                "harm",
                confirm=f"The alarm {name} is deleted.",
                back="/studio/alarms",
            ),
        ),
        _drawn(visit, one),
    )


def _drawn(visit: Visit, one: Mapping[str, Any]) -> Markup:
    """Draws the metric of an alarm with its threshold."""
    if not one.get("MetricName"):
        return Markup("")
    dimensions = [dict(each) for each in one.get("Dimensions", [])]
    points = series(
        visit,
        one["Namespace"],
        one["MetricName"],
        dimensions,
        one.get("ExtendedStatistic") or one.get("Statistic", "Average"),
        timedelta(hours=3),
    )
    if len(points) < 2:
        return Markup("")
    first = points[0][0]
    xs = [(at - first).total_seconds() / 60 for at, _ in points]
    threshold = float(one.get("Threshold", 0))
    drawn = [
        Curve(one["MetricName"], xs, [value for _, value in points]),
        Curve("threshold", [xs[0], xs[-1]], [threshold, threshold], "k2 d2"),
    ]
    return charts.curves(drawn, f"{one['MetricName']} and the threshold {wording.number(threshold)}", 180, names=True)


def series(
    visit: Visit, namespace: str, name: str, dimensions: list[dict[str, str]], statistic: str, window: timedelta
) -> list[tuple[datetime, float]]:
    """Reads a metric over a window that ends now, oldest first."""
    period = max(int(window.total_seconds()) // 180 // 60 * 60, 60)
    metric = {"Namespace": namespace, "MetricName": name, "Dimensions": dimensions}
    query = {"Id": "m", "MetricStat": {"Metric": metric, "Period": period, "Stat": statistic}}
    found, _ = visit.client.attempt(
        "cloudwatch",
        "GetMetricData",
        MetricDataQueries=[query],
        StartTime=visit.now - window,
        EndTime=visit.now,
        ScanBy="TimestampAscending",
    )
    results = found.get("MetricDataResults") or [{}]
    return list(zip(results[0].get("Timestamps", []), results[0].get("Values", []), strict=True))


@page("/metrics", "list.html", "alarms")
def metrics(visit: Visit) -> Listing:
    """All metrics, by namespace and name; the URL of one draws it."""
    namespace = visit.query.get("namespace") or None
    read = tables.read(visit, METRICS, Namespace=namespace)
    columns = (
        TableColumn("Metric", "name"),
        TableColumn("Namespace", "text", "", 1),
        TableColumn("Dimensions", "text"),
    )
    rows = []
    for one in read.rows:
        words = ", ".join(f"{each['Name']}={each['Value']}" for each in one.get("Dimensions", []))
        parts = {
            "namespace": one["Namespace"],
            "name": one["MetricName"],
            "dimensions": json.dumps(one.get("Dimensions", [])),
        }
        link = f"/studio/metric?{urlencode(parts)}"
        rows.append(
            Row(
                f"{one['Namespace']} {one['MetricName']} {words}",
                (
                    tables.name(one["MetricName"], link),
                    tables.text(one["Namespace"], look="soft"),
                    tables.TableCell(words, "mono", look="soft cut2 f-state"),
                ),
            )
        )
    spaces = dict.fromkeys((*NAMESPACES, *([namespace] if namespace else ())))
    options = (("", "Any namespace"), *((one, one) for one in spaces))
    return Listing(
        "Metrics",
        columns,
        tuple(rows),
        NO_METRIC,
        crumb="Ship",
        views=_tabs("Metrics"),
        choices=(Choice("namespace", "Namespace", options, namespace or ""),),
        hint="Metric is…",
        q=visit.query.get("q", ""),
        chips=read.chips,
        **read.position,
    )


@dataclass(frozen=True)
class MetricView:
    name: str
    namespace: str
    dimensions: tuple[tuple[str, str], ...]
    statistic: str
    statistics: tuple[str, ...]
    window: str
    windows: tuple[str, ...]
    points: tuple[tuple[datetime, float], ...]
    drawing: Markup = field(repr=False, default=Markup(""))


WINDOWS = {"1h": timedelta(hours=1), "3h": timedelta(hours=3), "1d": timedelta(days=1), "7d": timedelta(days=7)}
STATISTICS = ("Average", "Sum", "Minimum", "Maximum", "SampleCount", "p50", "p90", "p99")


@page("/metric", "metric.html", "alarms")
def metric(visit: Visit) -> MetricView:
    query = visit.query
    try:
        dimensions = [
            {"Name": str(one["Name"]), "Value": str(one["Value"])} for one in read_json(query.get("dimensions", "[]"))
        ]
    except (ValueError, TypeError, KeyError):
        dimensions = []
    statistic = query.get("statistic", "Average")
    statistic = statistic if statistic in STATISTICS else "Average"
    window = query.get("window", "3h")
    window = window if window in WINDOWS else "3h"
    points = series(visit, query.get("namespace", ""), query.get("name", ""), dimensions, statistic, WINDOWS[window])
    drawing = Markup("")
    if len(points) > 1:
        xs = [(at - points[0][0]).total_seconds() / 60 for at, _ in points]
        drawing = charts.curves(
            [Curve("", xs, [value for _, value in points])], f"{query.get('name')}, {statistic}", 240
        )
    return MetricView(
        query.get("name", ""),
        query.get("namespace", ""),
        tuple((one["Name"], one["Value"]) for one in dimensions),
        statistic,
        STATISTICS,
        window,
        tuple(WINDOWS),
        tuple(points[-200:]),
        drawing,
    )
