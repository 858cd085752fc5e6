"""Metrics of trial components: BatchPutMetrics and BatchGetMetrics of the service sagemaker-metrics.

Source: AWS's API reference, BatchPutMetrics, BatchGetMetrics and MetricQuery. Points on the axis Timestamp, Start and End are in
seconds since the epoch; AWS does not specify the unit.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sagewright.model.clock import to_ms
from sagewright.model.errors import ResourceNotFound
from sagewright.services.context import Context
from sagewright.services.registry import Rights, operation, rights_of
from sagewright.services.sagemaker.experiments import job_components
from sagewright.services.sagemaker.experiments.job_components import COMPONENTS
from sagewright.store.resources import component_metrics, resources
from sagewright.store.resources.component_metrics import MetricPoint, Summary
from sagewright.store.resources.resources import Resource

MOST_METRICS = 500
"""Maximum number of metric names per component."""
MOST_POINTS = 100_000
"""Maximum number of points of one metric that one query reads."""
PERIODS_S = {"OneMinute": 60, "FiveMinute": 300, "OneHour": 3600}
STATISTICS: dict[str, Callable[[Summary], float]] = {
    "Min": lambda one: one.minimum,
    "Max": lambda one: one.maximum,
    "Avg": lambda one: one.mean,
    "Count": lambda one: float(one.count),
    "StdDev": lambda one: one.deviation,
    "Last": lambda one: one.last,
}


@rights_of("sagemaker-metrics")
def rights(_context: Context, name: str, request: Mapping[str, Any]) -> Rights | None:
    """Returns the right to read the metrics of each resource that a query names."""
    queries = request.get("MetricQueries")
    if name != "BatchGetMetrics" or not isinstance(queries, list):
        return None
    arns = [str(one.get("ResourceArn")) for one in queries if isinstance(one, dict)]
    return [("sagemaker:BatchGetMetrics", arn) for arn in dict.fromkeys(arns)]


@operation("sagemaker-metrics", "BatchPutMetrics")
def batch_put_metrics(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    component = job_components.require(context, request["TrialComponentName"])
    points = [
        MetricPoint(one["MetricName"], to_ms(one["Timestamp"]), one.get("Step"), one["Value"])
        for one in request["MetricData"]
    ]
    with context.store.write() as connection:
        if resources.locked_in(connection, component.id) is None:
            raise COMPONENTS.missing(COMPONENTS.arn(context, component.name))
        refused = component_metrics.put_in(connection, component.id, points, MOST_METRICS)
    errors = [{"Code": "METRIC_LIMIT_EXCEEDED", "MetricIndex": at} for at in refused]
    return {"Errors": errors} if errors else {}


@operation("sagemaker-metrics", "BatchGetMetrics")
def batch_get_metrics(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return {"MetricQueryResults": [_result(context, query) for query in request["MetricQueries"]]}


def _result(context: Context, query: dict[str, Any]) -> dict[str, Any]:
    by_step = query["XAxisType"] == "IterationNumber"
    if by_step != (query["Period"] == "IterationNumber"):
        return _wrong(f"The Period {query['Period']} does not go with the XAxisType {query['XAxisType']}.")
    component = _component(context, query["ResourceArn"])
    if component is None:
        return _wrong(f"There is no trial component for {query['ResourceArn']}.")
    found = component_metrics.series(context.store, component.id, query["MetricName"], MOST_POINTS + 1)
    groups = _grouped(_within(found[:MOST_POINTS], query), None if by_step else PERIODS_S[query["Period"]])
    statistic = STATISTICS[query["MetricStat"]]
    return {
        "Status": "Truncated" if len(found) > MOST_POINTS else "Complete",
        "XAxisValues": sorted(groups),
        "MetricValues": [statistic(groups[at]) for at in sorted(groups)],
    }


def _component(context: Context, arn: str) -> Resource | None:
    """Returns the component that the ARN of a trial component or of a job names."""
    if not arn.startswith(f"arn:aws:sagemaker:{context.region}:{context.account}:"):
        return None
    if f":{COMPONENTS.arn_type}/" not in arn:
        found = resources.several(context.store, job_components.of_source(context, arn))
        return found[0] if found else None
    try:
        return job_components.require(context, arn)
    except ResourceNotFound:
        return None


def _within(points: Sequence[MetricPoint], query: dict[str, Any]) -> list[MetricPoint]:
    start, end = query.get("Start", -math.inf), query.get("End", math.inf)
    return [one for one in points if start <= one.at_ms / 1000 <= end]


def _grouped(points: Sequence[MetricPoint], period_s: int | None) -> dict[int, Summary]:
    """Groups points by step, or by the beginning of the period."""
    groups: dict[int, list[MetricPoint]] = defaultdict(list)
    for point in points:
        if period_s is not None:
            groups[point.at_ms // 1000 // period_s * period_s].append(point)
        elif point.step is not None:
            groups[point.step].append(point)
    found = {}
    for at, own in groups.items():
        found[at] = Summary.first(own[0])
        for point in own[1:]:
            found[at].add(point)
    return found


def _wrong(message: str) -> dict[str, Any]:
    return {"Status": "ValidationError", "Message": message, "XAxisValues": [], "MetricValues": []}
