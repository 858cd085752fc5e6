"""Metric data in, statistics of periods out."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import islice
from typing import Any

from sagewright.model.clock import now_ms, to_datetime, to_ms
from sagewright.model.errors import AwsError
from sagewright.services import paging
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store import metrics
from sagewright.store.metrics import Datum, Series, SeriesQuery

MAX_POINTS = 1440
LIST_PAGE = 500
MOST_VALUE = 2.0**360
_PERCENTILE = re.compile(r"p([0-9]{1,3}(?:\.[0-9]{1,10})?)")
STATISTICS = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterValue", message)


def series_of(context: Context, namespace: str, name: str, dimensions: Iterable[dict[str, str]]) -> Series:
    text = metrics.dimension_text({d["Name"]: d["Value"] for d in dimensions})
    return Series(context.account, context.region, namespace, name, text)


@operation("cloudwatch", "PutMetricData")
def put_metric_data(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    rows: list[tuple[Series, Datum]] = []
    for entry in request.get("MetricData", []):
        series = series_of(context, request["Namespace"], entry["MetricName"], entry.get("Dimensions", []))
        moment: datetime | None = entry.get("Timestamp")
        at_ms = to_ms(moment) if moment else now_ms()
        rows.extend((series, datum) for datum in _data(entry, at_ms))
    with context.store.write() as connection:
        metrics.put(connection, rows)
    return {}


def _data(entry: dict[str, Any], at_ms: int) -> list[Datum]:
    unit = entry.get("Unit", "None")
    if "StatisticValues" in entry:
        s = entry["StatisticValues"]
        samples, total, low, high = (_number(s[name]) for name in ("SampleCount", "Sum", "Minimum", "Maximum"))
        return [Datum(at_ms, samples, total, low, high, unit)]
    if "Values" in entry:
        counts = entry.get("Counts") or [1.0] * len(entry["Values"])
        if len(counts) != len(entry["Values"]):
            raise _invalid("The parameters Values and Counts must have the same number of elements.")
        pairs = [(_number(v), _number(n)) for v, n in zip(entry["Values"], counts, strict=True)]
        return [Datum(at_ms, n, v * n, v, v, unit) for v, n in pairs]
    if "Value" not in entry:
        raise _invalid(f"The metric {entry['MetricName']} has neither Value, Values nor StatisticValues.")
    return [Datum.of_value(at_ms, _number(entry["Value"]), unit)]


def _number(value: float) -> float:
    """Raises InvalidParameterValue for what is not a number, and beyond what CloudWatch takes."""
    if not abs(value) <= MOST_VALUE:
        raise _invalid(f"The value {value} is not between -2^360 and 2^360.")
    return float(value)


@operation("cloudwatch", "GetMetricStatistics")
def get_metric_statistics(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    series = series_of(context, request["Namespace"], request["MetricName"], request.get("Dimensions", []))
    start_ms, end_ms, period_s = to_ms(request["StartTime"]), to_ms(request["EndTime"]), request["Period"]
    if start_ms >= end_ms:
        raise _invalid("The parameter StartTime must be less than the parameter EndTime.")
    wanted = request.get("Statistics") or []
    if not wanted and not request.get("ExtendedStatistics"):
        raise AwsError(
            "MissingParameter", "At least one of the parameters Statistics and ExtendedStatistics must be specified."
        )
    if (end_ms - start_ms) // (period_s * 1000) > MAX_POINTS:
        raise AwsError(
            "InvalidParameterCombination",
            f"You have requested up to {(end_ms - start_ms) // (period_s * 1000)} datapoints, which exceeds the limit of "
            f"{MAX_POINTS}.",
        )
    points = []
    for at_ms, data in sorted(_periods(context, series, (start_ms, end_ms), period_s).items()):
        point = {"Timestamp": to_datetime(at_ms), "Unit": data[0].unit}
        point |= {name: _statistic(name, data) for name in wanted}
        if extended := request.get("ExtendedStatistics"):
            point["ExtendedStatistics"] = {name: _statistic(name, data) for name in extended}
        points.append(point)
    return {"Label": request["MetricName"], "Datapoints": points}


def _periods(context: Context, series: Series, window: tuple[int, int], period_s: int) -> dict[int, list[Datum]]:
    periods: dict[int, list[Datum]] = defaultdict(list)
    step = period_s * 1000
    first = window[0] // step * step
    for datum in metrics.read(context.store, series, first, window[1]):
        periods[datum.at_ms // step * step].append(datum)
    return periods


def _statistic(name: str, data: list[Datum]) -> float:
    samples, total = sum(d.samples for d in data), sum(d.total for d in data)
    if percentile := _PERCENTILE.fullmatch(name):
        values = sorted(d.total / d.samples for d in data if d.samples)
        return values[min(len(values) - 1, int(float(percentile[1]) / 100 * len(values)))] if values else 0.0
    values_of: dict[str, Callable[[], float]] = {
        "SampleCount": lambda: samples,
        "Sum": lambda: total,
        "Average": lambda: total / samples if samples else 0.0,
        "Minimum": lambda: min(d.minimum for d in data),
        "Maximum": lambda: max(d.maximum for d in data),
    }
    if name not in values_of:
        raise _invalid(f"The statistic {name} is not one of {', '.join(STATISTICS)} or a percentile such as p90.")
    return float(values_of[name]())


@operation("cloudwatch", "GetMetricData")
def get_metric_data(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    window = (to_ms(request["StartTime"]), to_ms(request["EndTime"]))
    results = []
    for query in request["MetricDataQueries"]:
        if "MetricStat" not in query:
            raise _invalid(f"Sagewright serves no metric expressions; query {query['Id']} has one.")
        if query.get("ReturnData", True):
            results.append(_query(context, query, window, request.get("ScanBy", "TimestampDescending")))
    return {"MetricDataResults": results, "Messages": []}


def _query(context: Context, query: dict[str, Any], window: tuple[int, int], order: str) -> dict[str, Any]:
    stat = query["MetricStat"]
    metric = stat["Metric"]
    for member in ("Namespace", "MetricName"):
        if not metric.get(member):
            raise AwsError("MissingParameter", f"The metric of query {query['Id']} must have a {member}.")
    series = series_of(context, metric["Namespace"], metric["MetricName"], metric.get("Dimensions", []))
    points = sorted(_periods(context, series, window, stat["Period"]).items(), reverse=order != "TimestampAscending")
    return {
        "Id": query["Id"],
        "Label": query.get("Label", metric["MetricName"]),
        "Timestamps": [to_datetime(at_ms) for at_ms, _ in points],
        "Values": [_statistic(stat["Stat"], data) for _, data in points],
        "StatusCode": "Complete",
    }


@operation("cloudwatch", "ListMetrics")
def list_metrics(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    position = paging.decode(request.get("NextToken"), _invalid("NextToken is invalid."))
    if position is not None and len(position) != 3:
        raise _invalid("NextToken is invalid.")
    query = SeriesQuery(
        context.account,
        context.region,
        request.get("Namespace"),
        request.get("MetricName"),
        (position[0], position[1], position[2]) if position else None,
    )
    matching = (one for one in metrics.list_series(context.store, query) if _has(one, request.get("Dimensions", [])))
    found = list(islice(matching, LIST_PAGE + 1))
    answer: dict[str, Any] = {"Metrics": [_metric(series) for series in found[:LIST_PAGE]]}
    if len(found) > LIST_PAGE:
        last = found[LIST_PAGE - 1]
        answer["NextToken"] = paging.encode([last.namespace, last.name, last.dimensions])
    return answer


def _has(series: Series, wanted: list[dict[str, str]]) -> bool:
    """Whether it has the dimensions that are asked for, with any value where none is."""
    own = metrics.dimension_map(series.dimensions)
    return all(one["Name"] in own and one.get("Value") in {None, own[one["Name"]]} for one in wanted)


def _metric(series: Series) -> dict[str, Any]:
    pairs = [{"Name": name, "Value": value} for name, value in metrics.dimension_map(series.dimensions).items()]
    return {"Namespace": series.namespace, "MetricName": series.name, "Dimensions": pairs}
