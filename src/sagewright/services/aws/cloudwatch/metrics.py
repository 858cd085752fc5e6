"""Metric data, and the list of metrics."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sagewright.model.clock import now_ms, to_ms
from sagewright.model.errors import AwsError
from sagewright.model.row_tokens import rows_before
from sagewright.services import paging
from sagewright.services.aws.cloudwatch.periods import invalid
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.logs import metrics
from sagewright.store.logs.metrics import MOST_VALUE, Datum, MetricSeries, SeriesQuery

LIST_PAGE = 500


def series_of(context: Context, namespace: str, name: str, dimensions: Iterable[dict[str, str]]) -> MetricSeries:
    text = metrics.dimension_text({d["Name"]: d["Value"] for d in dimensions})
    return MetricSeries(context.account, context.region, namespace, name, text)


@operation("cloudwatch", "PutMetricData")
def put_metric_data(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    if request["Namespace"].startswith("AWS/"):
        raise invalid("The value AWS/ for parameter Namespace is invalid.")
    rows: list[tuple[MetricSeries, Datum]] = []
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
    given = [name for name in ("Value", "Values", "StatisticValues") if name in entry]
    if len(given) > 1 and given != [
        "Values",
        "StatisticValues",
    ]:  # AWS accepts both together, and uses the statistics
        message = (
            f"The parameters MetricData.member.1.{given[0]} and MetricData.member.1.{given[1]} are mutually "
            "exclusive and you have specified both."
        )
        raise AwsError("InvalidParameterCombination", message)
    if "StatisticValues" in entry:
        s = entry["StatisticValues"]
        samples, total, low, high = (_number(s[name]) for name in ("SampleCount", "Sum", "Minimum", "Maximum"))
        return [Datum(at_ms, samples, total, low, high, unit)]
    if "Values" in entry:
        counts = entry.get("Counts") or [1.0] * len(entry["Values"])
        if len(counts) != len(entry["Values"]):
            raise invalid(
                "The parameters MetricData.member.1.Values and MetricData.member.1.Counts must be of the same size."
            )
        pairs = [(_number(v), _number(n)) for v, n in zip(entry["Values"], counts, strict=True)]
        return [Datum(at_ms, n, v * n, v, v, unit) for v, n in pairs]
    if "Value" not in entry:
        raise invalid(f"The metric {entry['MetricName']} has neither Value, Values nor StatisticValues.")
    return [Datum.of_value(at_ms, _number(entry["Value"]), unit)]


def _number(value: float) -> float:
    """Raises InvalidParameterValue for values that are not numbers, or are outside of CloudWatch's range."""
    if not abs(value) <= MOST_VALUE:
        raise invalid(f"The value {value} is not between -2^360 and 2^360.")
    return float(value)


@operation("cloudwatch", "ListMetrics")
def list_metrics(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    page = metrics.series_page(context.store, _asked(context, request), LIST_PAGE)
    answer: dict[str, Any] = {"Metrics": [_metric(series) for series in page.series]}
    return answer if page.after is None else answer | {"NextToken": paging.encode(list(page.after))}


def count_metrics(context: Context, request: dict[str, Any], most: int) -> int:
    """Returns the number of metrics that ListMetrics lists, at most `most`."""
    return metrics.count_series(context.store, _asked(context, request), most)


def _asked(context: Context, request: dict[str, Any]) -> SeriesQuery:
    """Raises InvalidParameterValue for a token of another list."""
    having = tuple((one["Name"], one.get("Value")) for one in request.get("Dimensions", []))
    position = paging.decode(request.get("NextToken"), invalid("NextToken is invalid."))
    skip, after = rows_before(position), None
    match position:
        case [str(namespace), str(name), str(dimensions)]:
            after = (namespace, name, dimensions)
        case _ if position is not None and (skip is None or having):
            raise invalid("NextToken is invalid.")
    return SeriesQuery(
        context.account,
        context.region,
        request.get("Namespace"),
        request.get("MetricName"),
        having,
        after,
        skip or 0,
    )


def _metric(series: MetricSeries) -> dict[str, Any]:
    pairs = [{"Name": name, "Value": value} for name, value in metrics.dimension_map(series.dimensions).items()]
    return {"Namespace": series.namespace, "MetricName": series.name, "Dimensions": pairs}
