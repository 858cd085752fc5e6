"""Experiments: the list, an experiment with its runs, and a run (a trial component)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from markupsafe import Markup

from sagewright.studio import charts, tables, wording
from sagewright.studio.buttons import Button
from sagewright.studio.charts import Curve
from sagewright.studio.operations import OperationCall
from sagewright.studio.runs.rungraphs import RunGraph, run_graphs
from sagewright.studio.tables import Chip, EmptyState, Listing, ListSource, ListTab, Row, TableCell, TableColumn
from sagewright.studio.visit import Visit, page

START = EmptyState(
    "No experiment yet",
    "from sagemaker.experiments.run import Run\n\n"
    'with Run(experiment_name="churn", run_name="trees") as run:\n'
    '    run.log_parameter("depth", 6)\n    run.log_metric("auc", 0.93, step=1)',
)
RUNS = EmptyState("No run yet", START.code)
KINDS = ("experiment", "trial", "trial-component", "training")
MOST_METRICS, MOST_PARAMETERS = 4, 5
TABS = (ListTab("Experiments", "/studio/experiments", current=True), ListTab("MLflow servers", "/studio/trackers"))


@page("/experiments", "list.html", "experiments", KINDS)
def experiments(visit: Visit) -> Listing:
    source = ListSource(
        "ListExperiments", "ExperimentSummaries", {"name": "Name", "made": "CreationTime"}, "-made", name_filter=""
    )
    read = tables.read(visit, source)
    columns = (
        TableColumn("Name", "name", "name"),
        TableColumn("Shown as", "text", "", 2),
        TableColumn("Changed", "time", "", 2),
        TableColumn("Created", "time", "made"),
    )
    rows = tuple(
        Row(
            one["ExperimentName"],
            (
                tables.name(one["ExperimentName"], f"/studio/experiments/{one['ExperimentName']}"),
                tables.text(one.get("DisplayName", ""), look="soft"),
                tables.time(one.get("LastModifiedTime")),
                tables.time(one["CreationTime"]),
            ),
        )
        for one in read.rows
    )
    return Listing(
        "Experiments",
        columns,
        rows,
        START,
        **read.position,
        sorted_by=read.sorted_by,
        hint="",
        views=TABS,
    )


@page("/experiments/{name}", "list.html", "experiments", KINDS)
def experiment(visit: Visit) -> Listing:
    """Runs of an experiment; any of them can be compared."""
    name = visit.path["name"]
    visit.client.sagemaker("DescribeExperiment", ExperimentName=name)
    filters: list[dict[str, Any]] = [{"Name": "Parents.ExperimentName", "Operator": "Equals", "Value": name}]
    chips = []
    if text := visit.query.get("q", "").strip():
        filters.append({"Name": "DisplayName", "Operator": "Contains", "Value": text})
        chips.append(Chip("Name contains", text, visit.link(q=None)))
    first, after = tables.begin(visit)
    found = visit.client.sagemaker(
        "Search",
        Resource="ExperimentTrialComponent",
        MaxResults=tables.ROWS,
        NextToken=after,
        SearchExpression={"Filters": filters},
        SortBy="CreationTime",
        SortOrder="Descending",
    )
    records = [one["TrialComponent"] for one in found["Results"]]
    metrics = _names([metric["MetricName"] for one in records for metric in one.get("Metrics", [])], MOST_METRICS)
    parameters, same = _parameters(records)
    columns = (
        TableColumn("Run", "name"),
        TableColumn("Status", "status"),
        *(TableColumn(one, "number", "", 0 if not at else 2) for at, one in enumerate(metrics)),
        *(TableColumn(one, "number", "", 2) for one in parameters),
        TableColumn("Source", "text", "", 3),
        TableColumn("Created", "time"),
    )
    return Listing(
        name,
        columns,
        tuple(_row(one, metrics, parameters) for one in records),
        RUNS,
        crumb="Experiments",
        chips=tuple(chips),
        same=same,
        more=tables.following(visit, found.get("NextToken"), first, len(records)),
        first=first,
        count=tables.counted(visit, "ExperimentTrialComponent", {"Filters": filters}, found["TotalHits"]),
        compare="/studio/compare",
        hint="Run contains…",
        q=visit.query.get("q", ""),
    )


def _parameters(records: Sequence[dict[str, Any]]) -> tuple[list[str], tuple[tuple[str, str], ...]]:
    """Returns the parameters that differ, most used first, and the values of those that all runs share."""
    values: dict[str, list[str]] = {}
    for one in records:
        for key, value in one.get("Parameters", {}).items():
            if not key.startswith(("_", "SageMaker.")):
                values.setdefault(key, []).append(str(next(iter(value.values()))))
    alike = [key for key, found in values.items() if len(found) == len(records) > 1 and len(set(found)) == 1]
    names = _names([key for key, found in values.items() for _ in found if key not in alike], MOST_PARAMETERS)
    return names, tuple((key, values[key][0][:40]) for key in sorted(alike))[:8]


def _names(found: Sequence[str], most: int) -> list[str]:
    counted: dict[str, int] = {}
    for name in found:
        counted[name] = counted.get(name, 0) + 1
    return sorted(counted, key=lambda name: (-counted[name], name))[:most]


def _row(one: dict[str, Any], metrics: Sequence[str], parameters: Sequence[str]) -> Row:
    name = one["TrialComponentName"]
    last = {metric["MetricName"]: metric.get("Last") for metric in one.get("Metrics", [])}
    source = (one.get("Source") or {}).get("SourceArn", "")
    job = wording.name_of(source) if ":training-job/" in source else ""
    return Row(
        job or f"component:{name}",
        (
            tables.name(one.get("DisplayName") or name, f"/studio/components/{name}"),
            tables.status((one.get("Status") or {}).get("PrimaryStatus", "")),
            *(tables.count(last.get(metric)) for metric in metrics),
            *(_parameter(one.get("Parameters", {}).get(parameter)) for parameter in parameters),
            tables.text(wording.name_of(source) if source else "", _job_page(source), "soft"),
            tables.time(one.get("CreationTime")),
        ),
    )


def _parameter(value: dict[str, Any] | None) -> TableCell:
    if value is None:
        return tables.text(None)
    return tables.count(value["NumberValue"]) if "NumberValue" in value else tables.parameter(value.get("StringValue"))


def _job_page(arn: str) -> str:
    for kind, path in (("training-job", "jobs"), ("processing-job", "processing"), ("transform-job", "transform")):
        if f":{kind}/" in arn:
            return f"/studio/{path}/{wording.name_of(arn)}"
    return ""


@dataclass(frozen=True)
class RunMetric:
    name: str
    last: float | None
    least: float | None
    greatest: float | None
    count: int
    drawing: Markup = field(repr=False, default=Markup(""))


@dataclass(frozen=True)
class RunView:
    name: str
    shown: str
    status: str
    started: datetime | None
    ended: datetime | None
    source: str
    source_link: str
    metrics: tuple[RunMetric, ...]
    parameters: tuple[tuple[str, str], ...]
    inputs: tuple[tuple[str, str], ...]
    outputs: tuple[tuple[str, str], ...]
    acts: tuple[Button, ...]
    graphs: tuple[RunGraph, ...] = ()


@page("/components/{name}", "run.html", "experiments", KINDS)
def component(visit: Visit) -> RunView:
    """A run: inputs, outputs, and metrics by step."""
    name = visit.path["name"]
    found = visit.client.sagemaker("DescribeTrialComponent", TrialComponentName=name)
    metrics = tuple(_metric(visit, found["TrialComponentArn"], one) for one in found.get("Metrics", []))
    source = (found.get("Source") or {}).get("SourceArn", "")
    delete = OperationCall("sagemaker", "DeleteTrialComponent", {"TrialComponentName": name})
    return RunView(
        name,
        found.get("DisplayName") or name,
        (found.get("Status") or {}).get("PrimaryStatus", ""),
        found.get("StartTime"),
        found.get("EndTime"),
        wording.name_of(source) if source else "",
        _job_page(source),
        metrics,
        tuple((key, str(next(iter(value.values())))) for key, value in sorted(found.get("Parameters", {}).items())),
        _artefacts(found.get("InputArtifacts", {})),
        _artefacts(found.get("OutputArtifacts", {})),
        (
            Button(
                "Delete…",
                delete,
                f"Deleted {name}",
                "harm",
                confirm="The run and its metrics are deleted.",
                back="/studio/experiments",
            ),
        )
        if not source
        else (),
        run_graphs(visit, found["TrialComponentArn"]),
    )


def _artefacts(found: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((key, value["Value"]) for key, value in sorted(found.items()))


def _metric(visit: Visit, arn: str, one: dict[str, Any]) -> RunMetric:
    query = {
        "MetricName": one["MetricName"],
        "ResourceArn": arn,
        "MetricStat": "Last",
        "Period": "IterationNumber",
        "XAxisType": "IterationNumber",
    }
    found, _ = visit.client.attempt("sagemaker-metrics", "BatchGetMetrics", MetricQueries=[query])
    results = found.get("MetricQueryResults") or [{}]
    xs, ys = results[0].get("XAxisValues", []), results[0].get("MetricValues", [])
    drawing = (
        charts.curves([Curve("", [float(x) for x in xs], ys)], f"{one['MetricName']} by step")
        if len(xs) > 1
        else Markup("")
    )
    return RunMetric(one["MetricName"], one.get("Last"), one.get("Min"), one.get("Max"), one.get("Count", 0), drawing)
