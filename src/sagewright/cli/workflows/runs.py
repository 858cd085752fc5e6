"""Trial components as rows: parameters, metrics, and differences."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

STATISTICS = ("Last", "Min", "Max", "Avg", "StdDev", "Count")
JOBS = ("training", "processing", "transform")
Value = float | int | str | datetime
Row = dict[str, Value]


def components_of(sagemaker: Any, experiment: str) -> Iterator[dict[str, Any]]:
    """Yields all components of an experiment, oldest first. Raises ClientError."""
    filters = [{"Name": "Parents.ExperimentName", "Operator": "Equals", "Value": experiment}]
    requested = {"Resource": "ExperimentTrialComponent", "SearchExpression": {"Filters": filters},
             "SortBy": "CreationTime", "SortOrder": "Ascending"}  # fmt: skip
    for page in sagemaker.get_paginator("search").paginate(**requested, PaginationConfig={"PageSize": 100}):
        yield from (found["TrialComponent"] for found in page["Results"])


def candidates(name: str) -> list[str]:
    """Returns the possible names of a component, given its own name or its job's."""
    return [name, *(f"{name}-aws-{kind}-job" for kind in JOBS)]


def parameters(component: Mapping[str, Any]) -> Row:
    return {name: next(iter(value.values())) for name, value in sorted((component.get("Parameters") or {}).items())}


def metrics(component: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Returns statistics by metric; for a metric with several sources, those of the last one."""
    found: dict[str, dict[str, float]] = {}
    for one in sorted(component.get("Metrics") or (), key=lambda one: one["TimeStamp"]):
        found[one["MetricName"]] = {name: one[name] for name in STATISTICS if name in one}
    return dict(sorted(found.items()))


def seconds(component: Mapping[str, Any]) -> float | None:
    start, end = component.get("StartTime"), component.get("EndTime")
    return None if start is None or end is None else float((end - start).total_seconds())


def row(component: Mapping[str, Any]) -> Row:
    """Returns all values of a component by column, named as in Search."""
    found: Row = {"TrialComponentName": component["TrialComponentName"]}
    if component.get("DisplayName"):
        found["DisplayName"] = component["DisplayName"]
    if parents := component.get("Parents"):
        found["Trials"] = ";".join(sorted({one["TrialName"] for one in parents}))
    if status := (component.get("Status") or {}).get("PrimaryStatus"):
        found["Status"] = status
    for member in ("CreationTime", "StartTime", "EndTime"):
        if component.get(member) is not None:
            found[member] = component[member]
    if (took := seconds(component)) is not None:
        found["Seconds"] = took
    found |= {f"Parameters.{name}": value for name, value in parameters(component).items()}
    for name, statistics in metrics(component).items():
        found |= {f"Metrics.{name}.{which}": value for which, value in statistics.items()}
    for member in ("InputArtifacts", "OutputArtifacts"):
        found |= {f"{member}.{name}": one["Value"] for name, one in sorted((component.get(member) or {}).items())}
    return found


def differences(
    components: Sequence[Mapping[str, Any]], *, everything: bool = False
) -> list[tuple[str, list[Value | None]]]:
    """Returns parameters and the last values of metrics that differ, each with its value in every component; `everything` includes
    equal ones."""
    columns: list[Row] = []
    for one in components:
        last = {f"Metrics.{name}": described["Last"] for name, described in metrics(one).items() if "Last" in described}
        columns.append({f"Parameters.{name}": value for name, value in parameters(one).items()} | last)
    names = sorted(
        {name for column in columns for name in column}, key=lambda name: (name.startswith("Metrics."), name)
    )
    rows = [(name, [column.get(name) for column in columns]) for name in names]
    return [found for found in rows if everything or any(value != found[1][0] for value in found[1])]


def header(rows: Sequence[Row]) -> list[str]:
    """Returns all columns, in the order of their first occurrence."""
    return list(dict.fromkeys(name for one in rows for name in one))


def as_csv(rows: Sequence[Row]) -> str:
    out, names = io.StringIO(), header(rows)
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    for one in rows:
        writer.writerow([_described(one.get(name, "")) for name in names])
    return out.getvalue()


def _described(value: Value) -> str | float:
    return value.isoformat() if isinstance(value, datetime) else value


def columns(rows: Sequence[Row]) -> dict[str, list[Any]]:
    """Returns columns for Parquet: each has one type, text if its values have several."""
    found: dict[str, list[Any]] = {}
    for name in header(rows):
        values = [one.get(name) for one in rows]
        kinds = {float if isinstance(value, int | float) else type(value) for value in values if value is not None}
        if kinds == {float}:
            values = [None if value is None else float(value) for value in values]  # type: ignore[arg-type]
        elif len(kinds) > 1:
            values = [None if value is None else str(_described(value)) for value in values]
        found[name] = values
    return found
