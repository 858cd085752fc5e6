"""One job of any kind, as its page shows it: facts, timeline, curves, log, inputs and outputs, settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup

from sagewright.model.errors import AwsError
from sagewright.studio import charts, wording
from sagewright.studio.buttons import Button
from sagewright.studio.charts import Curve
from sagewright.studio.operations import MetricOfJob, MetricPoints
from sagewright.studio.runs.curvestyle import CurveStyle, StyleChoice, style_of
from sagewright.studio.runs.rungraphs import RunGraph
from sagewright.studio.visit import Visit

LINES, MOST_LINES = 200, 5000
"""JobLog lines on the job's page, and on the page of its log."""
MOST_DIGITS = 16
"""Digits of a time in a URL, in milliseconds."""
POINTS = 1000
MOST_FIGURES = 20


@dataclass(frozen=True)
class Fact:
    label: str
    value: str = ""
    at: datetime | None = None
    answer: bool = False


@dataclass(frozen=True)
class JobPhase:
    """A secondary status with its duration; `look`: ok, run, fail, idle or wait."""

    name: str
    look: str
    seconds: float | None
    message: str = ""


@dataclass(frozen=True)
class Figure:
    """Curves of one metric over its points. `rows`: the same as a table; `moments`: the time of each row in milliseconds."""

    name: str
    last: float
    best: float
    count: int
    rows: tuple[tuple[str, str], ...]
    moments: tuple[int, ...]
    drawing: Markup = field(repr=False, default=Markup(""))


@dataclass(frozen=True)
class LogLine:
    """A line; `number` counts from the stream's first one."""

    number: int
    at: datetime
    text: str
    look: str


@dataclass(frozen=True)
class JobLog:
    """Lines of a job's log: the last ones, or those of a URL. `group`: the log group; `streams`: one stream per host.
    `after`: the position after the last line; `live`: more lines may come; `here`: the number of the line that was looked
    for."""

    group: str
    streams: tuple[str, ...]
    stream: str
    lines: tuple[LogLine, ...]
    warnings: int
    errors: int
    failed: str = ""
    after: str = ""
    live: bool = False
    here: int = 0


@dataclass(frozen=True)
class Artefact:
    """An input or output. `how`: the input mode, or when it is written."""

    name: str
    uri: str
    how: str


@dataclass(frozen=True)
class JobView:
    name: str
    kind: str
    list_path: str
    status: str
    reason: str
    facts: tuple[Fact, ...]
    phases: tuple[JobPhase, ...]
    figures: tuple[Figure, ...]
    log: JobLog
    artefacts: tuple[Artefact, ...]
    parameters: tuple[tuple[str, str], ...]
    settings: tuple[tuple[str, str], ...]
    tags: tuple[tuple[str, str], ...]
    acts: tuple[Button, ...]
    hardware: tuple[Figure, ...] = ()
    """Use of each host's share: CPU and memory, in per cent."""
    related: tuple[tuple[str, str, str], ...] = ()
    """The sources and results of the job: kind, name, URL."""
    sdk_code: tuple[tuple[str, str], ...] = ()
    styles: tuple[StyleChoice, ...] = field(repr=False, default=())
    graphs: tuple[RunGraph, ...] = ()
    bar: Markup = field(repr=False, default=Markup(""))
    why: str = ""


@dataclass(frozen=True)
class LogView:
    name: str
    kind: str
    back: str
    log: JobLog


def phases(transitions: Sequence[Mapping[str, Any]], now: datetime) -> tuple[JobPhase, ...]:
    """Returns the phases of a job by its SecondaryStatusTransitions; the last one runs unless it is final."""
    found = []
    for at, one in enumerate(transitions):
        status, begin = one["Status"], one["StartTime"]
        last = at == len(transitions) - 1
        final = status in ("Completed", "Failed", "Stopped", "MaxRuntimeExceeded", "MaxWaitTimeExceeded", "Interrupted")
        end = one.get("EndTime") or (None if not last or final else now)
        look = (
            "fail"
            if status in ("Failed", "MaxRuntimeExceeded", "MaxWaitTimeExceeded")
            else "idle"
            if status in ("Stopped", "Interrupted")
            else "run"
            if last and not final
            else "ok"
        )
        seconds = None if final and last else wording.seconds_between(begin, end)
        found.append(JobPhase(status, look, seconds, one.get("StatusMessage", "")))
    return tuple(found)


def phase_bar(shown: Sequence[JobPhase]) -> Markup:
    timed = [(one, one.seconds or 0.0) for one in shown if one.seconds]
    whole = sum(seconds for _, seconds in timed)
    if not whole:
        return Markup("")
    parts = [(max(seconds / whole * 100, 0.4), wording.bar(one.look)) for one, seconds in timed]
    label = ", ".join(f"{one.name} {wording.duration(seconds)}" for one, seconds in timed)
    return charts.meter(parts, label)


def figures(visit: Visit, namespace: str, dimension: str, name: str) -> tuple[Figure, ...]:
    """Reads the curves of a job's metrics."""
    dimensions = [{"Name": dimension, "Value": name}]
    visit.client.note("cloudwatch", "ListMetrics", Namespace=namespace, Dimensions=dimensions)
    listed = visit.client.readings.metrics(namespace, {dimension: name})
    names = sorted(set(listed) - {"ObjectiveMetric"}, key=wording.metric_rank)
    asked = [MetricOfJob(namespace, dimension, name, metric) for metric in names[:MOST_FIGURES]]
    found, style = visit.client.readings.several(asked, POINTS), style_of(visit)
    return tuple(figure(one.name, points, style) for one, points in zip(asked, found, strict=True) if points.values)


USAGE = (("CPUUtilization", "CPU"), ("MemoryUtilization", "Memory"))
MOST_HOSTS = 8


def hardware(visit: Visit, namespace: str, name: str, count: int) -> tuple[Figure, ...]:
    """Reads the use of each host's share; 100 per cent is one CPU, or all of the memory."""
    found = []
    for host in range(1, min(count, MOST_HOSTS) + 1):
        for metric, word in USAGE:
            points = visit.client.readings.points(namespace, {"Host": f"{name}/algo-{host}"}, metric, POINTS)
            if points.values:
                title = f"{word}, %" if count == 1 else f"{word} of algo-{host}, %"
                found.append(_usage(title, points))
    return tuple(found)


def _usage(title: str, points: MetricPoints) -> Figure:
    seconds = [(at - points.times[0]) / 1000 for at in points.times]
    label = f"{title}, at most {wording.number(max(points.values))}"
    drawing = (
        charts.curves([Curve("", seconds, points.values)], label, 96, axis="zero") if len(seconds) > 1 else Markup("")
    )
    step = max(len(seconds) // 12, 1)
    rows = tuple(
        (wording.duration(seconds[at]), wording.number(points.values[at])) for at in range(0, len(seconds), step)
    )
    return Figure(title, points.values[-1], max(points.values), len(points.values), rows, (), drawing)


def figure(name: str, points: MetricPoints, style: CurveStyle) -> Figure:
    values = points.values
    label = f"{name}: {points.count} values from {wording.number(values[0])} to {wording.number(values[-1])}"
    curves = style.drawn(Curve(name, points.positions, values))
    drawing = charts.curves(curves, label, axis=style.axis) if len(values) > 1 else Markup("")
    step = max(len(values) // 12, 1)
    shown = range(0, len(values), step)
    rows = tuple((str(points.positions[at] + 1), wording.number(values[at])) for at in shown)
    best = min(values) if wording.falls(name) else max(values)
    return Figure(name, values[-1], best, points.count, rows, tuple(points.times[at] for at in shown), drawing)


def log(visit: Visit, group: str, name: str, *, live: bool, most: int = LINES) -> JobLog:
    """Reads the lines of a job's log that the URL selects: the last ones, those after a position, or those from a
    time on.

    They belong to the stream in the URL, or to the first host's.
    """
    listed, failed = visit.client.attempt(
        "logs", "DescribeLogStreams", logGroupName=group, logStreamNamePrefix=f"{name}/"
    )
    streams = tuple(one["logStreamName"] for one in listed.get("logStreams", []))
    if not streams:
        return JobLog(group, (), "", (), 0, 0, "" if "ResourceNotFound" in failed else failed, live=live)
    asked = f"{name}/{visit.query.get('host', '')}"
    stream = next((one for one in streams if one == asked or one.startswith(f"{asked}-")), streams[0])
    try:
        found = _events(visit, {"logGroupName": group, "logStreamName": stream}, most)
    except AwsError as error:
        return JobLog(group, streams, stream, (), 0, 0, f"{error.code}: {error.message}")
    first = int(found["nextBackwardToken"].rpartition("/")[2]) + 1
    lines = tuple(
        LogLine(
            at, datetime.fromtimestamp(one["timestamp"] / 1000, UTC), one["message"][:8192], look_of(one["message"])
        )
        for at, one in enumerate(found["events"], first)
    )
    return JobLog(
        group,
        streams,
        stream,
        lines,
        sum(one.look == "warn" for one in lines),
        sum(one.look == "error" for one in lines),
        after=found["nextForwardToken"],
        live=live,
        here=first if lines and "at" in visit.query else 0,
    )


def _events(visit: Visit, stream: dict[str, str], most: int) -> dict[str, Any]:
    """Returns the response of GetLogEvents. A reader who is more than `MOST_LINES` behind gets the last lines."""
    query = visit.query
    if query.get("after"):
        found = visit.client.call("logs", "GetLogEvents", **stream, limit=MOST_LINES, nextToken=query["after"])
        if len(found["events"]) < MOST_LINES:
            return found
    elif query.get("at", "").isdecimal() and len(query["at"]) < MOST_DIGITS:
        found = visit.client.call(
            "logs", "GetLogEvents", **stream, limit=most, startTime=int(query["at"]), startFromHead=True
        )
        if found["events"]:
            return found
    return visit.client.call("logs", "GetLogEvents", **stream, limit=most, startFromHead=False)


def look_of(message: str) -> str:
    """Returns a line's level, judged by its words: error, warn or ""."""
    head = message[:400]
    if "Traceback (most recent" in head or "ERROR" in head or "Error:" in head or "Exception:" in head:
        return "error"
    return "warn" if "WARN" in head or "Warning:" in head else ""


def channels(found: Iterable[Mapping[str, Any]]) -> tuple[Artefact, ...]:
    """Returns the inputs of a training job."""
    artefacts = []
    for one in found:
        source = one["DataSource"]
        uri = (source.get("S3DataSource") or {}).get("S3Uri") or (source.get("FileSystemDataSource") or {}).get(
            "DirectoryPath", ""
        )
        artefacts.append(Artefact(one["ChannelName"], uri, one.get("InputMode", "File")))
    return tuple(artefacts)


def instance(resources: Mapping[str, Any]) -> str:
    count, kind = resources.get("InstanceCount", 1), resources.get("InstanceType", "")
    return f"{count} × {kind}" if count > 1 else kind
