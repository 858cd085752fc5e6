"""GetMetricStatistics and GetMetricData: statistics of periods, and expressions over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sagewright.model.clock import to_datetime, to_ms
from sagewright.model.errors import AwsError
from sagewright.services import paging
from sagewright.services.aws.cloudwatch.expressions import Calculation, work_budget
from sagewright.services.aws.cloudwatch.lines import Line
from sagewright.services.aws.cloudwatch.metrics import series_of
from sagewright.services.aws.cloudwatch.periods import (
    PeriodQuery,
    by_period,
    by_unit,
    check_period,
    data_budget,
    in_one_unit,
    invalid,
    is_percentile,
    statistic,
)
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.logs.metrics import Datum

MAX_POINTS = 1440
MOST_QUERIES = 500
MOST_DATA = 100_800
_ORDERS = ("TimestampDescending", "TimestampAscending")


def _wrong(message: str) -> AwsError:
    return AwsError("ValidationError", message)


@operation("cloudwatch", "GetMetricStatistics")
def get_metric_statistics(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Returns a point for each period and unit that has data."""
    series = series_of(context, request["Namespace"], request["MetricName"], request.get("Dimensions", []))
    start_ms, end_ms, period_s = to_ms(request["StartTime"]), to_ms(request["EndTime"]), request["Period"]
    if start_ms >= end_ms:
        raise invalid("The parameter StartTime must be less than the parameter EndTime.")
    check_period(period_s)
    requested, extended = request.get("Statistics") or [], request.get("ExtendedStatistics") or []
    if not requested and not extended:
        message = "At least one of the parameters Statistics and ExtendedStatistics must be specified."
        raise AwsError("MissingParameter", message)
    if (end_ms - start_ms) // (period_s * 1000) > MAX_POINTS:
        query = (end_ms - start_ms) // (period_s * 1000)
        message = (
            f"You have requested up to {query} datapoints, which exceeds the limit of {MAX_POINTS}. "
            "You may reduce the datapoints requested by increasing Period, or decreasing the time range."
        )
        raise AwsError("InvalidParameterCombination", message)
    points = []
    query = PeriodQuery(series, start_ms, end_ms, period_s, request.get("Unit"))
    each = any(map(is_percentile, extended))
    for at_ms, data in sorted(by_period(context, query, data_budget(), each=each).items()):
        for unit, of_unit in by_unit(data).items():
            point = {"Timestamp": to_datetime(at_ms), "Unit": unit} | {
                name: statistic(name, of_unit) for name in requested
            }
            if extended:
                point["ExtendedStatistics"] = {name: statistic(name, of_unit) for name in extended}
            points.append(point)
    return {"Label": request["MetricName"], "Datapoints": points}


@operation("cloudwatch", "GetMetricData")
def get_metric_data(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    queries = request["MetricDataQueries"]
    window = (to_ms(request["StartTime"]), to_ms(request["EndTime"]))
    _check_queries(queries, window)
    ascending = request.get("ScanBy", _ORDERS[0]) == _ORDERS[1]
    reading = _Reading(context, window)
    found = _computed(reading, queries)
    shown = [query for query in queries if query.get("ReturnData", True)]
    labels = _labels(shown)
    heads = [{"Id": query["Id"], "Label": labels[query["Id"]]} | reading.messages(query) for query in shown]
    lines = [found[query["Id"]] for query in shown]
    return _page(heads, lines, request, ascending=ascending) | {"Messages": []}


def _check_queries(queries: Sequence[Mapping[str, Any]], window: tuple[int, int]) -> None:
    """Raises ValidationError, MissingParameter."""
    if window[0] >= window[1]:
        raise _wrong("The parameter EndTime must be greater than StartTime")
    if not 1 <= len(queries) <= MOST_QUERIES:
        raise _wrong(
            f"The collection MetricDataQueries must have between 1 and {MOST_QUERIES} members, got {len(queries)}."
        )
    ids = [query["Id"] for query in queries]
    if len(set(ids)) != len(ids):
        raise _wrong("The values for parameter id in MetricDataQueries are not unique")
    for query in queries:
        if not query["Id"][:1].islower():
            raise _wrong(
                f"The value for parameter id '{query['Id']}' is invalid: it must begin with a lower-case letter"
            )
        if ("MetricStat" in query) == ("Expression" in query):
            raise _wrong("Exactly one of the parameters MetricStat and Expression must be specified in each query")
        for member in ("Namespace", "MetricName"):
            if "MetricStat" in query and not query["MetricStat"]["Metric"].get(member):
                raise AwsError("MissingParameter", f"The metric of query {query['Id']} must have a {member}.")
    if not any(query.get("ReturnData", True) for query in queries):
        raise _wrong("At least one of the queries must have ReturnData set to true")


def _computed(reading: _Reading, queries: Sequence[Mapping[str, Any]]) -> dict[str, Line]:
    """Returns the points of every query. An expression can refer to a later one."""
    metrics = {query["Id"]: reading.line(query["MetricStat"]) for query in queries if "MetricStat" in query}
    texts = {query["Id"]: query["Expression"] for query in queries if "MetricStat" not in query}
    calculation = Calculation(metrics, texts, work_budget())
    return {query["Id"]: calculation.line(query["Id"]) for query in queries}


class _Reading:
    """Statistics of metrics for one request. Data shared by several queries is read and computed once."""

    def __init__(self, context: Context, window: tuple[int, int]) -> None:
        self._context, self._window = context, window
        self._budget = data_budget()
        self._data: dict[tuple[PeriodQuery, bool], Mapping[int, list[Datum]]] = {}
        self._times: dict[tuple[int, ...], tuple[int, ...]] = {}
        self._lines: dict[tuple[PeriodQuery, str], Line] = {}
        self._units: dict[PeriodQuery, list[str]] = {}

    def line(self, stat: Mapping[str, Any]) -> Line:
        """Raises InvalidParameterValue, InvalidParameterCombination."""
        check_period(stat["Period"])
        query, name = self._requested(stat), stat["Stat"]
        if (query, name) not in self._lines:
            each = is_percentile(name)
            if (query, each) not in self._data:
                read = by_period(self._context, query, self._budget, each=each)
                self._data[query, each], self._units[query] = in_one_unit(read)
            data = self._data[query, each]
            times = tuple(sorted(data))
            times = self._times.setdefault(times, times)  # one object for all series with the same periods
            self._lines[query, name] = Line(times, [statistic(name, data[at_ms]) for at_ms in times])
        return self._lines[query, name]

    def messages(self, query: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the result's messages about a metric with several units."""
        units = self._units[self._requested(query["MetricStat"])] if "MetricStat" in query else []
        if not units:
            return {}
        described = {"Code": "MultipleUnits", "Value": f"Multiple units returned: '[{', '.join(units)}]'"}
        return {"Messages": [described]}

    def _requested(self, stat: Mapping[str, Any]) -> PeriodQuery:
        metric = stat["Metric"]
        series = series_of(self._context, metric["Namespace"], metric["MetricName"], metric.get("Dimensions", []))
        return PeriodQuery(series, *self._window, stat["Period"], stat.get("Unit"))


def _labels(queries: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Returns labels by query id. Unlabelled queries of one metric get labels from their differences: statistic, period.

    Source: localstack/localstack, `test_cloudwatch.snapshot.json`, test_label_generation, recorded on AWS.
    """
    unnamed = [query["MetricStat"] for query in queries if "MetricStat" in query and "Label" not in query]
    labels = {}
    for query in queries:
        label = query.get("Label", query["Id"])
        if "MetricStat" in query and "Label" not in query:
            stat = query["MetricStat"]
            label = stat["Metric"]["MetricName"]
            alike = [one for one in unnamed if one["Metric"]["MetricName"] == label]
            label += "".join(f" {stat[part]}" for part in ("Stat", "Period") if len({one[part] for one in alike}) > 1)
        labels[query["Id"]] = label
    return labels


def _page(
    heads: Sequence[dict[str, Any]], lines: Sequence[Line], request: Mapping[str, Any], *, ascending: bool
) -> dict[str, Any]:
    """Returns one page of results. Values that exceed the page follow on the next page."""
    most = min(request.get("MaxDatapoints", MOST_DATA), MOST_DATA)
    position = paging.decode(request.get("NextToken"), invalid("NextToken is invalid.")) or [0]
    if len(position) != 1 or not isinstance(position[0], int) or position[0] < 0:
        raise invalid("NextToken is invalid.")
    skip, room, shown = position[0], most, []
    for head, line in zip(heads, lines, strict=True):
        count = len(line.times)
        first, last = min(skip, count), min(skip + room, count)
        skip, room = skip - first, room - (last - first)
        part = (
            slice(first, last)
            if ascending
            else slice(count - 1 - first, count - 1 - last if last < count else None, -1)
        )
        times, values = ([], []) if first == last else (line.times[part], line.values[part])
        if values or not count:
            status = "PartialData" if last < count else "Complete"
            shown.append({
                **head, "Timestamps": [to_datetime(at_ms) for at_ms in times], "Values": list(values), "StatusCode": status,
            })  # fmt: skip
    more = sum(len(line.times) for line in lines) > position[0] + most
    return {"MetricDataResults": shown} | ({"NextToken": paging.encode([position[0] + most])} if more else {})
