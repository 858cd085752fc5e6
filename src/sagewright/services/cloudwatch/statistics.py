"""GetMetricStatistics and GetMetricData: statistics of periods, and what is computed of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sagewright.model.clock import to_datetime, to_ms
from sagewright.model.errors import AwsError
from sagewright.services import paging
from sagewright.services.cloudwatch.expressions import Expression, Points
from sagewright.services.cloudwatch.metrics import series_of
from sagewright.services.cloudwatch.periods import Asked, by_period, by_unit, check_period, invalid, statistic
from sagewright.services.context import Context
from sagewright.services.registry import operation

MAX_POINTS = 1440
MOST_QUERIES = 500
MOST_DATA = 100_800
_ORDERS = ("TimestampDescending", "TimestampAscending")


def _wrong(message: str) -> AwsError:
    return AwsError("ValidationError", message)


@operation("cloudwatch", "GetMetricStatistics")
def get_metric_statistics(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """A point for each period and unit that has data."""
    series = series_of(context, request["Namespace"], request["MetricName"], request.get("Dimensions", []))
    start_ms, end_ms, period_s = to_ms(request["StartTime"]), to_ms(request["EndTime"]), request["Period"]
    if start_ms >= end_ms:
        raise invalid("The parameter StartTime must be less than the parameter EndTime.")
    check_period(period_s)
    wanted, extended = request.get("Statistics") or [], request.get("ExtendedStatistics") or []
    if not wanted and not extended:
        message = "At least one of the parameters Statistics and ExtendedStatistics must be specified."
        raise AwsError("MissingParameter", message)
    if (end_ms - start_ms) // (period_s * 1000) > MAX_POINTS:
        asked = (end_ms - start_ms) // (period_s * 1000)
        message = (
            f"You have requested up to {asked} datapoints, which exceeds the limit of {MAX_POINTS}. "
            "You may reduce the datapoints requested by increasing Period, or decreasing the time range."
        )
        raise AwsError("InvalidParameterCombination", message)
    points = []
    for at_ms, data in sorted(
        by_period(context, Asked(series, start_ms, end_ms, period_s, request.get("Unit"))).items()
    ):
        for unit, of_unit in by_unit(data).items():
            point = {"Timestamp": to_datetime(at_ms), "Unit": unit} | {
                name: statistic(name, of_unit) for name in wanted
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
    found = _computed(context, queries, window)
    shown = [query for query in queries if query.get("ReturnData", True)]
    labels = _labels(shown)
    results = [_result(query, labels[query["Id"]], found[query["Id"]], ascending=ascending) for query in shown]
    return _page(results, request) | {"Messages": []}


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


def _computed(context: Context, queries: Sequence[Mapping[str, Any]], window: tuple[int, int]) -> dict[str, Points]:
    """The points of every query. An expression may name one that stands after it."""
    found = {query["Id"]: _points(context, query["MetricStat"], window) for query in queries if "MetricStat" in query}
    metrics = dict(found)
    left = [query for query in queries if "MetricStat" not in query]
    while left:
        unready = []
        for query in left:
            try:
                found[query["Id"]] = Expression(query["Expression"], metrics | found).points()
            except AwsError as error:
                unready.append((query, error))
        if len(unready) == len(left):
            raise unready[0][1]
        left = [query for query, _ in unready]
    return found


def _points(context: Context, stat: Mapping[str, Any], window: tuple[int, int]) -> Points:
    check_period(stat["Period"])
    metric = stat["Metric"]
    series = series_of(context, metric["Namespace"], metric["MetricName"], metric.get("Dimensions", []))
    data = by_period(context, Asked(series, *window, stat["Period"], stat.get("Unit")))
    return {at_ms: statistic(stat["Stat"], data[at_ms]) for at_ms in sorted(data)}


def _labels(queries: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """By the ids of queries. Those of one metric without labels of their own get what they differ in: statistic, period.

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


def _result(query: Mapping[str, Any], label: str, points: Points, *, ascending: bool) -> dict[str, Any]:
    times = sorted(points, reverse=not ascending)
    return {
        "Id": query["Id"],
        "Label": label,
        "Timestamps": [to_datetime(at_ms) for at_ms in times],
        "Values": [points[at_ms] for at_ms in times],
        "StatusCode": "Complete",
    }


def _page(results: list[dict[str, Any]], request: Mapping[str, Any]) -> dict[str, Any]:
    """At most MaxDatapoints values in all; what is left of a query comes with the next page."""
    most = min(request.get("MaxDatapoints", MOST_DATA), MOST_DATA)
    position = paging.decode(request.get("NextToken"), invalid("NextToken is invalid.")) or [0]
    if len(position) != 1 or not isinstance(position[0], int):
        raise invalid("NextToken is invalid.")
    skip, room, shown = position[0], most, []
    for result in results:
        count = len(result["Values"])
        first, last = min(skip, count), min(skip + room, count)
        skip, room = skip - first, room - (last - first)
        part = {name: result[name][first:last] for name in ("Timestamps", "Values")}
        if part["Values"] or not count:
            shown.append(result | part | ({"StatusCode": "PartialData"} if last < count else {}))
    more = sum(len(result["Values"]) for result in results) > position[0] + most
    return {"MetricDataResults": shown} | ({"NextToken": paging.encode([position[0] + most])} if more else {})
