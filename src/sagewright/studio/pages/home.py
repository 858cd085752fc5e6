"""Home: pending decisions, running work, and this machine."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from markupsafe import Markup

from sagewright.model.errors import AwsError
from sagewright.studio import charts, wording
from sagewright.studio.charts import LaneSpan
from sagewright.studio.operations import MachineLoad
from sagewright.studio.visit import Visit, page

DAY = timedelta(days=1)
MOST = 100
FULL = 0.9


@dataclass(frozen=True)
class Todo:
    """An item that needs a person's decision. `look`: fail or attn; `why`: the sentence of the error, or the numbers."""

    look: str
    what: str
    link: str
    said: str
    at: datetime | None
    why: str
    button: str
    button_link: str


@dataclass(frozen=True)
class RunningJob:
    name: str
    link: str
    kind: str
    status: str
    since: datetime


@dataclass(frozen=True)
class EndpointLine:
    name: str
    status: str


@dataclass(frozen=True)
class Home:
    title: str
    todo: tuple[Todo, ...]
    running: tuple[RunningJob, ...]
    machine: MachineLoad
    endpoints: tuple[EndpointLine, ...]
    jobs_today: int
    failed_today: int
    empty: bool
    day: Markup = field(repr=False, default=Markup(""))


@dataclass(frozen=True)
class HomeKind:
    """A kind of job as its List operation shows it."""

    noun: str
    operation: str
    member: str
    prefix: str
    path: str


KINDS = (
    HomeKind("Training", "ListTrainingJobs", "TrainingJobSummaries", "TrainingJob", "/studio/jobs"),
    HomeKind("Processing", "ListProcessingJobs", "ProcessingJobSummaries", "ProcessingJob", "/studio/processing"),
    HomeKind("Transform", "ListTransformJobs", "TransformJobSummaries", "TransformJob", "/studio/transform"),
    HomeKind(
        "Tuning",
        "ListHyperParameterTuningJobs",
        "HyperParameterTuningJobSummaries",
        "HyperParameterTuningJob",
        "/studio/tuning",
    ),
)


@page(
    "",
    "home.html",
    "home",
    ("training", "processing", "transform", "tuning", "endpoint", "execution", "package", "alarm"),
)
def home(visit: Visit) -> Home:
    since = visit.now - DAY
    today = {
        kind: visit.client.sagemaker(
            kind.operation, MaxResults=MOST, CreationTimeAfter=since, SortBy="CreationTime", SortOrder="Descending"
        )[kind.member]
        for kind in KINDS
    }
    running = [
        RunningJob(
            _name(kind, one), f"{kind.path}/{_name(kind, one)}", kind.noun, _status(kind, one), one["CreationTime"]
        )
        for kind in KINDS
        for one in visit.client.sagemaker(kind.operation, MaxResults=20, StatusEquals="InProgress")[kind.member]
    ]
    machine = visit.client.readings.machine()
    todo = [*_failed(visit, today), *_approvals(visit), *_alarms(visit), *_disk(machine)]
    todo.sort(key=lambda one: one.at or visit.now, reverse=True)
    endpoints = visit.client.sagemaker("ListEndpoints", MaxResults=8)["Endpoints"]
    jobs = sum(len(found) for found in today.values())
    failed = sum(_status(kind, one) == "Failed" for kind, found in today.items() for one in found)
    return Home(
        _title(len(running), failed, sum(one.look == "attn" for one in todo)),
        tuple(todo[:12]),
        tuple(running),
        machine,
        tuple(EndpointLine(one["EndpointName"], one["EndpointStatus"]) for one in endpoints),
        jobs,
        failed,
        not jobs and not endpoints and not running,
        _day(today, since, visit.now),
    )


def _name(kind: HomeKind, one: dict[str, Any]) -> str:
    return str(one[f"{kind.prefix}Name"])


def _status(kind: HomeKind, one: dict[str, Any]) -> str:
    return str(one[f"{kind.prefix}Status"])


def _title(running: int, failed: int, waiting: int) -> str:
    parts = [f"{running} {'runs' if running == 1 else 'run'}" if running else "Nothing runs"]
    if failed:
        parts.append(f"{failed} failed today")
    if waiting:
        parts.append(f"{waiting} {'waits' if waiting == 1 else 'wait'} for you")
    return ", ".join(parts)


def _failed(visit: Visit, today: dict[HomeKind, list[dict[str, Any]]]) -> list[Todo]:
    found = []
    for kind, jobs in today.items():
        for one in [job for job in jobs if _status(kind, job) == "Failed"][:4]:
            name = _name(kind, one)
            try:
                described = visit.client.aside("sagemaker", f"Describe{kind.prefix}", **{f"{kind.prefix}Name": name})
            except AwsError:
                continue
            link = f"{kind.path}/{name}"
            why = described.get("FailureReason", "")
            at = one.get("LastModifiedTime") or one["CreationTime"]
            button = ("Clone and edit", f"/studio/jobs/new?from={name}") if kind.noun == "Training" else ("Open", link)
            found.append(Todo("fail", name, link, f"{kind.noun.lower()} job failed", at, why, *button))
    return found


def _approvals(visit: Visit) -> list[Todo]:
    found, _ = visit.client.attempt(
        "sagemaker",
        "ListModelPackages",
        ModelApprovalStatus="PendingManualApproval",
        ModelPackageType="Versioned",
        MaxResults=8,
        SortBy="CreationTime",
        SortOrder="Descending",
    )
    todo = []
    for one in found.get("ModelPackageSummaryList", []):
        group, version = one.get("ModelPackageGroupName", ""), one.get("ModelPackageVersion", 0)
        link = f"/studio/models/{group}/{version}"
        todo.append(
            Todo(
                "attn",
                f"{group}, version {version}",
                link,
                "waits for approval",
                one["CreationTime"],
                one.get("ModelPackageDescription", ""),
                "Review",
                link,
            )
        )
    return todo


def _alarms(visit: Visit) -> list[Todo]:
    found, _ = visit.client.attempt("cloudwatch", "DescribeAlarms", StateValue="ALARM", MaxRecords=8)
    return [
        Todo(
            "fail",
            one["AlarmName"],
            f"/studio/alarms/{one['AlarmName']}",
            "alarm",
            one.get("StateUpdatedTimestamp"),
            one.get("StateReason", ""),
            "Open",
            f"/studio/alarms/{one['AlarmName']}",
        )
        for one in found.get("MetricAlarms", [])
    ]


def _disk(machine: MachineLoad) -> list[Todo]:
    share = machine.disk_used / (machine.disk or 1)
    if share < FULL:
        return []
    left = wording.size(machine.disk - machine.disk_used)
    why = f"{left} left for {machine.data}. `sagewright objects gc` frees space that no object uses."
    return [
        Todo(
            "attn",
            f"Disk {wording.percent(share)} full",
            "/studio/buckets",
            "",
            None,
            why,
            "Buckets",
            "/studio/buckets",
        )
    ]


def _day(today: dict[HomeKind, list[dict[str, Any]]], since: datetime, now: datetime) -> Markup:
    """Draws one lane per kind: the times at which its jobs ran in the last 24 hours."""

    def minutes(at: datetime) -> float:
        return (at - since).total_seconds() / 60

    items = []
    for kind, jobs in today.items():
        spans = []
        for one in reversed(jobs):
            ended = (
                one.get(f"{kind.prefix.removesuffix('Job')}EndTime")
                or one.get("HyperParameterTuningEndTime")
                or one.get("LastModifiedTime")
            )
            status = _status(kind, one)
            end = now if status in ("InProgress", "Stopping") or ended is None else ended
            spans.append(
                LaneSpan(
                    minutes(one["CreationTime"]),
                    minutes(end),
                    wording.bar(status),
                    f"{_name(kind, one)}: {wording.status_word(status)}",
                )
            )
        items.append((kind.noun, spans))
    first = since.replace(minute=0, second=0, microsecond=0) + timedelta(hours=3 - since.hour % 3)
    marks = [first + timedelta(hours=3 * n) for n in range(8)]
    ticks = [
        (minutes(at), f"{at:%a %d}" if at.hour == 0 else f"{at:%H:%M}") for at in marks if at < now - timedelta(hours=1)
    ]
    return charts.lanes(items, (0, 1440), [*ticks, (1440, "now")], "Jobs of the last 24 hours by kind, times in UTC")
