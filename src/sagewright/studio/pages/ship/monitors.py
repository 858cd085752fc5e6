"""Monitoring schedules: the list, and a schedule with its executions and the violations of one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sagewright.model.errors import AwsError
from sagewright.studio import tables
from sagewright.studio.buttons import Button
from sagewright.studio.jobview import Fact
from sagewright.studio.operations import OperationCall
from sagewright.studio.pages.ship.clarify_results import S3Folder, folder_of
from sagewright.studio.tables import EmptyState, Listing, ListSource, ListTab, Row, TableColumn
from sagewright.studio.visit import Visit, page

PATH = "/studio/monitors"
KINDS = ("monitoring-schedule", "monitoring-execution", "processing")
ORDERS = {"name": "Name", "status": "Status", "made": "CreationTime"}
TABS = (("Analyses", "/studio/clarify"), ("Monitors", PATH))
EXECUTIONS, MOST_REPORT, MOST_VIOLATIONS = 50, 2 << 20, 200
START = EmptyState(
    "No monitor yet",
    "from sagemaker.model_monitor import CronExpressionGenerator, DefaultModelMonitor\n\n"
    'monitor = DefaultModelMonitor(role="SageMakerExecutionRole")\n'
    'monitor.create_monitoring_schedule(endpoint_input="churn", output_s3_uri="s3://BUCKET/reports",\n'
    "    schedule_cron_expression=CronExpressionGenerator.hourly())",
)


def tabs(current: str) -> tuple[ListTab, ...]:
    return tuple(ListTab(label, link, label == current) for label, link in TABS)


@page("/monitors", "list.html", "clarify", KINDS)
def monitors(visit: Visit) -> Listing:
    source = ListSource("ListMonitoringSchedules", "MonitoringScheduleSummaries", ORDERS, "-made")
    read = tables.read(visit, source)
    columns = (
        TableColumn("Name", "name", "name"),
        TableColumn("Status", "status", "status"),
        TableColumn("Checks", "text"),
        TableColumn("Endpoint", "text", "", 1),
        TableColumn("Created", "time", "made"),
    )
    return Listing(
        "Monitors",
        columns,
        tuple(_row(one) for one in read.rows),
        START,
        crumb="Ship",
        **read.position,
        views=tabs("Monitors"),
        sorted_by=read.sorted_by,
        q=visit.query.get("q", ""),
        hint="Name…",
    )


def _row(one: Mapping[str, Any]) -> Row:
    name, endpoint = one["MonitoringScheduleName"], one.get("EndpointName", "")
    return Row(
        name,
        (
            tables.name(name, f"{PATH}/{name}"),
            tables.status(one["MonitoringScheduleStatus"]),
            tables.text(_checks(one.get("MonitoringType", "")), look="soft"),
            tables.text(endpoint, f"/studio/endpoints/{endpoint}" if endpoint else ""),
            tables.time(one["CreationTime"]),
        ),
    )


def _checks(monitoring_type: str) -> str:
    """ModelQuality becomes model quality."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in monitoring_type).strip()


@dataclass(frozen=True)
class ExecutionRow:
    """One execution. `link` shows its violations, `job` leads to its processing job, "" if it has none."""

    scheduled: datetime
    status: str
    reason: str
    link: str
    job: str
    shown: bool


@dataclass(frozen=True)
class Violation:
    """`subject`: a feature, metric, label or facet."""

    subject: str
    check: str
    description: str


@dataclass(frozen=True)
class MonitorView:
    name: str
    status: str
    reason: str
    facts: tuple[Fact, ...]
    executions: tuple[ExecutionRow, ...]
    violations: tuple[Violation, ...]
    of: datetime | None
    """Scheduled time of the execution whose violations are shown."""
    none_found: bool
    """True if the execution has completed without violations; otherwise an empty list says nothing."""
    acts: tuple[Button, ...]


@page("/monitors/{name}", "monitor.html", "clarify", KINDS)
def monitor(visit: Visit) -> MonitorView:
    """A monitor: whether the endpoint's input still looks like the baseline and, if not, where it differs."""
    name = visit.path["name"]
    found = visit.client.sagemaker("DescribeMonitoringSchedule", MonitoringScheduleName=name)
    listed = visit.client.sagemaker(
        "ListMonitoringExecutions", MonitoringScheduleName=name, MaxResults=EXECUTIONS, SortBy="ScheduledTime"
    )["MonitoringExecutionSummaries"]
    chosen = _chosen(visit, listed)
    return MonitorView(
        name,
        found["MonitoringScheduleStatus"],
        found.get("FailureReason", ""),
        _facts(found, listed),
        tuple(_execution(visit, one, chosen) for one in listed),
        _violations(visit, chosen) if chosen else (),
        chosen["ScheduledTime"] if chosen else None,
        chosen is not None and chosen["MonitoringExecutionStatus"] == "Completed",
        _acts(name, found["MonitoringScheduleStatus"]),
    )


def _chosen(visit: Visit, listed: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Returns the execution of the URL, or the newest one with violations."""
    asked = visit.query.get("at", "")
    if asked:
        return next((one for one in listed if one["ScheduledTime"].isoformat() == asked), None)
    return next((one for one in listed if one["MonitoringExecutionStatus"] == "CompletedWithViolations"), None)


def _execution(visit: Visit, one: Mapping[str, Any], chosen: Mapping[str, Any] | None) -> ExecutionRow:
    job = str(one.get("ProcessingJobArn", "")).rpartition("/")[2]
    return ExecutionRow(
        one["ScheduledTime"],
        one["MonitoringExecutionStatus"],
        one.get("FailureReason", ""),
        visit.link(at=one["ScheduledTime"].isoformat()) if job else "",
        f"/studio/processing/{job}" if job else "",
        one is chosen,
    )


def _facts(found: Mapping[str, Any], listed: list[dict[str, Any]]) -> tuple[Fact, ...]:
    config = found.get("MonitoringScheduleConfig", {})
    ended = [one for one in listed if one["MonitoringExecutionStatus"].startswith("Completed")]
    violated = sum(one["MonitoringExecutionStatus"] == "CompletedWithViolations" for one in ended)
    facts = [Fact("With violations", f"{violated} of {len(ended)}", answer=True)]
    facts.append(Fact("Checks", _checks(found.get("MonitoringType", ""))))
    if found.get("EndpointName"):
        facts.append(Fact("Endpoint", found["EndpointName"]))
    facts.append(Fact("Schedule", (config.get("ScheduleConfig") or {}).get("ScheduleExpression", "daily")))
    facts.append(Fact("Created", at=found["CreationTime"]))
    return tuple(facts)


def _violations(visit: Visit, execution: Mapping[str, Any]) -> tuple[Violation, ...]:
    """Returns the violations in the execution's constraint_violations.json, () if there is none."""
    job = str(execution.get("ProcessingJobArn", "")).rpartition("/")[2]
    if not job:
        return ()
    try:
        described = visit.client.aside("sagemaker", "DescribeProcessingJob", ProcessingJobName=job)
        folder = folder_of(described)
        document = _report(visit, folder) if folder else {}
    except (AwsError, ValueError, RecursionError):
        return ()
    listed = document.get("violations") if isinstance(document, dict) else None
    entries = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return tuple(_violation(one) for one in entries[:MOST_VIOLATIONS])


def _report(visit: Visit, folder: S3Folder) -> Any:
    key = folder.key("constraint_violations.json")
    span = f"bytes=0-{MOST_REPORT - 1}"
    return json.loads(visit.client.aside("s3", "GetObject", Bucket=folder.bucket, Key=key, Range=span)["Body"])


def _violation(one: Mapping[str, Any]) -> Violation:
    named = [one.get(name) for name in ("feature_name", "facet", "facet_value", "label", "metric_name")]
    check = str(one.get("constraint_check_type", "")).removesuffix("_check").replace("_", " ")
    return Violation(" ".join(str(part) for part in named if part), check, str(one.get("description", "")))


def _acts(name: str, status: str) -> tuple[Button, ...]:
    request = {"MonitoringScheduleName": name}
    back = f"{PATH}/{name}"
    if status == "Stopped":
        return (
            Button(
                "Start", OperationCall("sagemaker", "StartMonitoringSchedule", request), f"Started {name}", back=back
            ),
        )
    stop = OperationCall("sagemaker", "StopMonitoringSchedule", request)
    return (Button("Stop", stop, f"Stopped {name}", "harm", back=back),)
