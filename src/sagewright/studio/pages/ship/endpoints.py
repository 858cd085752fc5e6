"""Endpoints: the list, and an endpoint with its variants, traffic, weights, alarms and a form to invoke it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from markupsafe import Markup

from sagewright.model.errors import AwsError, ValidationException
from sagewright.studio import charts, tables, wording
from sagewright.studio.buttons import Button
from sagewright.studio.charts import Curve
from sagewright.studio.operations import OperationCall
from sagewright.studio.pages.ship.capturedrequests import last_captured
from sagewright.studio.runs.intervals import difference_interval, rate_interval
from sagewright.studio.tables import EmptyState, Listing, ListSource, ListTab, Row, TableColumn
from sagewright.studio.visit import Done, Visit, form, page

STATUSES = ("InService", "Creating", "Updating", "Failed", "OutOfService", "Deleting", "RollingBack")
START = EmptyState(
    "No endpoint yet",
    'predictor = estimator.deploy(initial_instance_count=1, instance_type="ml.m5.large")\npredictor.predict(rows)',
)
NAMESPACE = "AWS/SageMaker"
MOST_SHOWN = 64 * 1024
WINDOWS = {"15min": timedelta(minutes=15), "1h": timedelta(hours=1), "6h": timedelta(hours=6), "1d": timedelta(days=1)}
TABS = (
    ListTab("Endpoints", "/studio/endpoints", current=True),
    ListTab("Shadow tests", "/studio/shadow-tests"),
    ListTab("Rules", "/studio/rules"),
)
LOOKS = ("k1", "k2 d2", "k3 d3", "k4 d4")


@page("/endpoints", "list.html", "endpoints", ("endpoint", "endpoints"))
def endpoints(visit: Visit) -> Listing:
    orders = {"name": "Name", "status": "Status", "made": "CreationTime"}
    read = tables.read(visit, ListSource("ListEndpoints", "Endpoints", orders, "-made", statuses=STATUSES))
    columns = (
        TableColumn("Name", "name", "name"),
        TableColumn("Status", "status", "status"),
        TableColumn("Changed", "time", "", 1),
        TableColumn("Created", "time", "made"),
    )
    rows = tuple(
        Row(
            one["EndpointName"],
            (
                tables.name(one["EndpointName"], f"/studio/endpoints/{one['EndpointName']}"),
                tables.status(one["EndpointStatus"]),
                tables.time(one.get("LastModifiedTime")),
                tables.time(one["CreationTime"]),
            ),
        )
        for one in read.rows
    )
    delete = Button(
        "Delete…",
        OperationCall("sagemaker", "DeleteEndpoint", {}),
        "Deleting {n}",
        "harm",
        each="EndpointName",
        confirm="The chosen endpoints stop answering. Their models and configurations stay.",
        back="/studio/endpoints",
    )
    return Listing(
        "Endpoints",
        columns,
        rows,
        START,
        crumb="Ship",
        views=TABS,
        **read.position,
        chips=read.chips,
        choices=(tables.status_choice(visit, STATUSES),),
        acts=(delete,),
        q=visit.query.get("q", ""),
        sorted_by=read.sorted_by,
    )


@dataclass(frozen=True)
class VariantLine:
    """`share`: of the traffic in the window; `desired`: the share by weight."""

    name: str
    model: str
    instances: str
    weight: float
    desired: float
    share: float | None
    requests: float
    p50_ms: float | None
    p99_ms: float | None
    errors_4xx: float
    errors_5xx: float
    bar: Markup = field(repr=False, default=Markup(""))


@dataclass(frozen=True)
class VariantComparison:
    """A variant's share of requests that failed, with its 95 % interval, and whether it differs from the first variant's."""

    name: str
    failed: float
    requests: float
    low: float
    high: float
    verdict: str


@dataclass(frozen=True)
class EndpointFigure:
    name: str
    last: float
    note: str
    drawing: Markup = field(repr=False, default=Markup(""))


@dataclass(frozen=True)
class EndpointAnswer:
    """An endpoint's answer; `failed`: the error's sentence instead."""

    body: str
    content_type: str
    variant: str
    milliseconds: float
    failed: str = ""


@dataclass(frozen=True)
class EndpointView:
    name: str
    status: str
    reason: str
    config: str
    changed: datetime
    capture: str
    variants: tuple[VariantLine, ...]
    requests: float
    figures: tuple[EndpointFigure, ...]
    windows: tuple[str, ...]
    window: str
    alarms: tuple[tuple[str, str], ...]
    components: tuple[tuple[str, str, str], ...]
    log_group: str
    acts: tuple[Button, ...]
    pending: str
    comparisons: tuple[VariantComparison, ...] = ()
    captures: bool = False
    answer: EndpointAnswer | None = None
    why: str = ""
    sent: tuple[str, str] = ("", "")
    """Content type and body of the request that was answered, or captured."""


@page("/endpoints/{name}", "endpoint.html", "endpoints", ("endpoint", "serving", "inference-component"))
def endpoint(visit: Visit) -> EndpointView:
    """An endpoint: its status, its errors and latency, and the share of the requests that each variant answers."""
    name = visit.path["name"]
    found = visit.client.sagemaker("DescribeEndpoint", EndpointName=name)
    config = visit.client.sagemaker("DescribeEndpointConfig", EndpointConfigName=found["EndpointConfigName"])
    window = visit.query.get("window", "1h")
    window = window if window in WINDOWS else "1h"
    variants = found.get("ProductionVariants", [])
    names = [one["VariantName"] for one in variants]
    series = _series(visit, name, names, window)
    models = {one["VariantName"]: one.get("ModelName", "") for one in config.get("ProductionVariants", [])}
    lines = _variants(variants, models, series)
    alarms, _ = visit.client.attempt("cloudwatch", "DescribeAlarms", MaxRecords=100)
    own = tuple(
        (one["AlarmName"], one["StateValue"])
        for one in alarms.get("MetricAlarms", [])
        if any(each["Name"] == "EndpointName" and each["Value"] == name for each in one.get("Dimensions", []))
    )
    capture = found.get("DataCaptureConfig") or {}
    captured = (
        f"{capture['CurrentSamplingPercentage']} % to {capture['DestinationS3Uri']}"
        if capture.get("EnableCapture")
        else "off"
    )
    return EndpointView(
        name,
        found["EndpointStatus"],
        found.get("FailureReason", ""),
        found["EndpointConfigName"],
        found["LastModifiedTime"],
        captured,
        lines,
        sum(one.requests for one in lines),
        _figures(series, names, window),
        tuple(WINDOWS),
        window,
        own,
        _components(visit, name),
        f"/aws/sagemaker/Endpoints/{name}",
        _acts(name, found, lines),
        (found.get("PendingDeploymentSummary") or {}).get("EndpointConfigName", ""),
        comparisons(lines) if len(lines) > 1 else (),
        bool(capture.get("EnableCapture")),
        why=visit.why("endpoint", name, live=found["EndpointStatus"] != "InService"),
        sent=last_captured(visit, name, capture, names) if "captured" in visit.query and capture else ("", ""),
    )


def comparisons(lines: Sequence[VariantLine]) -> tuple[VariantComparison, ...]:
    """Compares the variants' shares of failed requests with the first one's."""
    counts = [(one.errors_4xx + one.errors_5xx, one.requests) for one in lines]
    found = []
    for line, (failed, requests) in zip(lines, counts, strict=True):
        low, high = rate_interval(failed, requests)
        verdict = "compared with" if line is lines[0] else _verdict(counts[0], (failed, requests))
        found.append(VariantComparison(line.name, failed, requests, low, high, verdict))
    return tuple(found)


def _verdict(first: tuple[float, float], own: tuple[float, float]) -> str:
    if not first[1] or not own[1]:
        return "no requests to compare"
    low, high = difference_interval(first, own)
    words = f"{100 * low:+.2g} to {100 * high:+.2g} points".replace("-", "−")
    return (
        f"fails more often: {words}"
        if low > 0
        else f"fails less often: {words}"
        if high < 0
        else f"no difference seen: {words}"
    )


def _acts(name: str, found: Mapping[str, Any], lines: Sequence[VariantLine]) -> tuple[Button, ...]:
    delete = OperationCall("sagemaker", "DeleteEndpoint", {"EndpointName": name})
    gone = f"{name} stops answering at once. Its model and configuration stay."
    buttons = [Button("Delete…", delete, f"Deleting {name}", "harm", confirm=gone, back="/studio/endpoints")]
    if len(lines) > 1 and found["EndpointStatus"] == "InService":
        for line in lines[1:3]:
            weights = [
                {"VariantName": one.name, "DesiredWeight": 1.0 if one.name == line.name else 0.0} for one in lines
            ]
            call = OperationCall(
                "sagemaker",
                "UpdateEndpointWeightsAndCapacities",
                {"EndpointName": name, "DesiredWeightsAndCapacities": weights},
            )
            words = f"All requests go to {line.name}; the other variants keep their instances."
            buttons.insert(
                0,
                Button(
                    f"Promote {line.name}…",
                    call,
                    f"Promoting {line.name}",
                    "main",
                    confirm=words,
                    back=f"/studio/endpoints/{name}",
                ),
            )
    return tuple(buttons)


METRICS = (
    ("Invocations", "Sum"),
    ("ModelLatency", "p50"),
    ("ModelLatency", "p99"),
    ("Invocation4XXErrors", "Sum"),
    ("Invocation5XXErrors", "Sum"),
)
Series = dict[tuple[str, str, str], list[tuple[datetime, float]]]


def _series(visit: Visit, name: str, variants: Sequence[str], window: str) -> Series:
    """Reads the metrics of all variants, oldest first, by variant, metric and statistic."""
    period = max(int(WINDOWS[window].total_seconds()) // 60 // 60 * 60, 60)
    queries, keys = [], {}
    for at, variant in enumerate(variants[:20]):
        for number, (metric, statistic) in enumerate(METRICS):
            own = f"v{at}m{number}"
            keys[own] = variant, metric, statistic
            dimensions = [{"Name": "EndpointName", "Value": name}, {"Name": "VariantName", "Value": variant}]
            described = {"Namespace": NAMESPACE, "MetricName": metric, "Dimensions": dimensions}
            queries.append({"Id": own, "MetricStat": {"Metric": described, "Period": period, "Stat": statistic}})
    if not queries:
        return {}
    found, _ = visit.client.attempt(
        "cloudwatch",
        "GetMetricData",
        MetricDataQueries=queries,
        StartTime=visit.now - WINDOWS[window],
        EndTime=visit.now,
        ScanBy="TimestampAscending",
    )
    series: Series = {}
    for one in found.get("MetricDataResults", []):
        series[keys[one["Id"]]] = list(zip(one["Timestamps"], one["Values"], strict=True))
    return series


def _variants(
    variants: Sequence[Mapping[str, Any]], models: Mapping[str, str], series: Series
) -> tuple[VariantLine, ...]:
    whole_weight = sum(one.get("CurrentWeight", 0.0) for one in variants) or 1.0
    sums = {one["VariantName"]: _sum(series, one["VariantName"], "Invocations") for one in variants}
    whole = sum(sums.values())
    lines = []
    for one in variants:
        name, weight = one["VariantName"], one.get("CurrentWeight", 0.0)
        share = sums[name] / whole if whole else None
        desired = weight / whole_weight
        serverless = one.get("CurrentServerlessConfig")
        current, wanted = one.get("CurrentInstanceCount", 0), one.get("DesiredInstanceCount", 0)
        instances = "serverless" if serverless else f"{current}" if current == wanted else f"{current} → {wanted}"
        label = f"{wording.percent(share or 0)} of the traffic, {wording.percent(desired)} by weight"
        lines.append(
            VariantLine(
                name,
                models.get(name, ""),
                instances,
                weight,
                desired,
                share,
                sums[name],
                _last(series, name, "p50"),
                _last(series, name, "p99"),
                _sum(series, name, "Invocation4XXErrors"),
                _sum(series, name, "Invocation5XXErrors"),
                charts.meter([((share or 0) * 100, "b-accent")], label),
            )
        )
    return tuple(lines)


def _sum(series: Series, variant: str, metric: str) -> float:
    return sum(value for _, value in series.get((variant, metric, "Sum"), []))


def _last(series: Series, variant: str, statistic: str) -> float | None:
    """Returns the newest latency in milliseconds; CloudWatch has microseconds."""
    found = series.get((variant, "ModelLatency", statistic), [])
    return found[-1][1] / 1000 if found else None


def _figures(series: Series, variants: Sequence[str], window: str) -> tuple[EndpointFigure, ...]:
    """Draws requests, latency and errors, one line per variant."""
    made = []
    for title, metric, statistic, factor in (
        ("Requests a minute", "Invocations", "Sum", 1.0),
        ("p99, ms", "ModelLatency", "p99", 0.001),
        ("5xx", "Invocation5XXErrors", "Sum", 1.0),
    ):
        drawn = []
        for at, variant in enumerate(variants[:4]):
            points = series.get((variant, metric, statistic), [])
            if len(points) > 1:
                first = points[0][0]
                xs = [(when - first).total_seconds() / 60 for when, _ in points]
                drawn.append(
                    Curve(variant if len(variants) > 1 else "", xs, [value * factor for _, value in points], LOOKS[at])
                )
        if drawn:
            label = f"{title} over {window}"
            made.append(
                EndpointFigure(
                    title, drawn[0].ys[-1], "minutes", charts.curves(drawn, label, axis="zero", names=len(drawn) > 1)
                )
            )
    return tuple(made)


def _components(visit: Visit, name: str) -> tuple[tuple[str, str, str], ...]:
    found, _ = visit.client.attempt("sagemaker", "ListInferenceComponents", EndpointNameEquals=name, MaxResults=100)
    return tuple(
        (one["InferenceComponentName"], one.get("InferenceComponentStatus", ""), one.get("VariantName", ""))
        for one in found.get("InferenceComponents", [])
    )


@form("/endpoints/{name}/weights")
def weights(visit: Visit, fields: dict[str, str]) -> Done:
    """Sets the weights of all variants by one operation."""
    name = visit.path["name"]
    given = {key.removeprefix("weight."): value for key, value in fields.items() if key.startswith("weight.")}
    try:
        desired = [{"VariantName": variant, "DesiredWeight": float(value)} for variant, value in given.items()]
    except ValueError:
        raise ValidationException(f"A weight is a number; {', '.join(given.values())} has another.") from None
    visit.client.sagemaker("UpdateEndpointWeightsAndCapacities", EndpointName=name, DesiredWeightsAndCapacities=desired)
    return Done(
        f"Weights of {name}: {', '.join(f'{one} {value}' for one, value in given.items())}", f"/studio/endpoints/{name}"
    )


@form("/endpoints/{name}/invoke", "endpoint.html", "endpoints")
def invoke(visit: Visit, fields: dict[str, str]) -> EndpointView:
    """Sends one request, and shows the answer beside it."""
    name = visit.path["name"]
    kind, body = fields.get("type", "text/csv"), fields.get("body", "")
    begin = time.monotonic()
    try:
        found = visit.client.call(
            "sagemaker-runtime",
            "InvokeEndpoint",
            EndpointName=name,
            ContentType=kind,
            Body=body.encode(),
            TargetVariant=fields.get("variant") or None,
        )
    except AwsError as error:
        answer = EndpointAnswer("", "", "", (time.monotonic() - begin) * 1000, f"{error.code}: {error.message}")
    else:
        took = (time.monotonic() - begin) * 1000
        answer = EndpointAnswer(
            found["Body"][:MOST_SHOWN].decode("utf-8", "replace"),
            found.get("ContentType", ""),
            found.get("InvokedProductionVariant", ""),
            took,
        )
    visit.address = f"/studio/endpoints/{name}"
    return replace(endpoint(visit), answer=answer, sent=(kind, body))
