"""Clarify: the analyses, and one of them: importances, a row's score, dependence, bias, pictures."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from markupsafe import Markup

from sagewright.clarify.bias.meaning import METRICS
from sagewright.model.aws.clarify_results import (
    REPOSITORY,
    STAGES,
    BadAnalysis,
    BiasMetric,
    ClarifyAnalysis,
    Dependence,
    FacetBias,
    Importance,
    row_values,
)
from sagewright.model.errors import AwsError
from sagewright.studio import charts, tables, wording
from sagewright.studio.charts.falls import FallStep, deviation, signed, waterfall
from sagewright.studio.jobview import Fact
from sagewright.studio.pages.ship import clarify_results
from sagewright.studio.pages.ship.clarify_results import LocalRows, S3Folder
from sagewright.studio.pages.ship.monitors import tabs
from sagewright.studio.tables import Chip, EmptyState, Listing, Row, TableColumn
from sagewright.studio.visit import Done, Visit, page

PATH = "/studio/clarify"
ROUNDING = 1e-12
"""Share of the largest value below which a value is the rounding of a sum."""
MOST_FEATURES, MOST_GROUPS, MOST_DIGITS = 1000, 50, 15
ABSENT = BiasMetric("", "", None, "not computed for this group")
TOP, MOST_DEPENDENCES, MOST_TOKENS = 12, 12, 400
START = EmptyState(
    "No analysis by Clarify yet",
    "from sagemaker import clarify\n\n"
    'processor = clarify.SageMakerClarifyProcessor(role="SageMakerExecutionRole", instance_count=1, instance_type="ml.m5.large")\n'
    'data = clarify.DataConfig("s3://BUCKET/train.csv", "s3://BUCKET/clarify", label="churn", headers=["churn", "age"])\n'
    'model = clarify.ModelConfig(model_name="churn", instance_count=1, instance_type="ml.m5.large", accept_type="text/csv")\n'
    'processor.run_explainability(data, model, clarify.SHAPConfig(agg_method="mean_abs"))',
)


@page("/clarify", "list.html", "clarify", ("processing",))
def analyses(visit: Visit) -> Listing:
    """The processing jobs that run Clarify's image, newest first."""
    filters = [{"Name": "InputArtifacts.SageMaker.ImageUri.Value", "Operator": "Contains", "Value": REPOSITORY}]
    filters.append({"Name": "Source.SourceType", "Operator": "Equals", "Value": "SageMakerProcessingJob"})
    if visit.query.get("q"):
        filters.append({"Name": "TrialComponentName", "Operator": "Contains", "Value": visit.query["q"]})
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
    columns = (
        TableColumn("Name", "name"),
        TableColumn("Status", "status"),
        TableColumn("Data", "text", "", 2),
        TableColumn("Duration", "duration", "", 1),
        TableColumn("Started", "time"),
    )
    chips = (Chip("Name contains", visit.query["q"], visit.link(q=None)),) if visit.query.get("q") else ()
    return Listing(
        "Clarify",
        columns,
        tuple(_listed(one["TrialComponent"], visit) for one in found["Results"] if one["TrialComponent"].get("Source")),
        START,
        crumb="Ship",
        more=tables.following(visit, found.get("NextToken"), first, len(found["Results"])),
        first=first,
        count=tables.counted(visit, "ExperimentTrialComponent", {"Filters": filters}, found["TotalHits"]),
        chips=chips,
        views=tabs("Analyses"),
        q=visit.query.get("q", ""),
        hint="Name…",
    )


def _listed(component: Mapping[str, Any], visit: Visit) -> Row:
    name = component["Source"]["SourceArn"].rpartition("/")[2]
    begin, end = component.get("StartTime"), component.get("EndTime")
    data = ((component.get("InputArtifacts") or {}).get("dataset") or {}).get("Value", "")
    return Row(
        name,
        (
            tables.name(name, f"{PATH}/{name}"),
            tables.status((component.get("Status") or {}).get("PrimaryStatus", "InProgress")),
            tables.text(data, look="soft"),
            tables.TableCell(wording.seconds_between(begin, end or visit.now) if begin else None, "duration"),
            tables.time(component["CreationTime"]),
        ),
    )


@dataclass(frozen=True)
class BiasCell:
    value: str
    error: str
    drawing: Markup = field(repr=False, default=Markup(""))


@dataclass(frozen=True)
class BiasRow:
    """A metric for each facet; `meaning`: one sentence on how to read it."""

    name: str
    description: str
    cells: tuple[BiasCell, ...]
    meaning: str


@dataclass(frozen=True)
class BiasTable:
    stage: str
    facets: tuple[str, ...]
    rows: tuple[BiasRow, ...]


@dataclass(frozen=True)
class DependenceFigure:
    feature: str
    error: str
    drawing: Markup = field(repr=False, default=Markup(""))


@dataclass(frozen=True)
class RowView:
    """One row's way from the average to its score. `before`, `after`: URLs of its neighbours, "" at the ends."""

    row: int
    count: int
    before: str
    after: str
    drawing: Markup = field(repr=False, default=Markup(""))


@dataclass(frozen=True)
class TokenView:
    """A piece of text with its share of the score: `look` is hot1 … hot4 for a higher score, cold1 … cold4 for a
    lower one."""

    text: str
    look: str
    value: str


@dataclass(frozen=True)
class AnalysisView:
    name: str
    status: str
    reason: str
    facts: tuple[Fact, ...]
    labels: tuple[tuple[str, str, bool], ...]
    """Name, URL and whether it is shown, of each label."""
    importances: Markup = field(repr=False)
    shown: str
    features: tuple[tuple[str, str], ...]
    row: RowView | None
    dependences: tuple[DependenceFigure, ...]
    biases: tuple[BiasTable, ...]
    tokens: tuple[TokenView, ...]
    pictures: tuple[tuple[str, str], ...]
    report: str
    folder: str


@page("/clarify/{name}", "clarify.html", "clarify", ("processing",))
def analysis(visit: Visit) -> AnalysisView:
    """Shows what drives the model, why this row, and whom it treats differently."""
    name = visit.path["name"]
    job = visit.client.sagemaker("DescribeProcessingJob", ProcessingJobName=name)
    folder = clarify_results.folder_of(job)
    found = clarify_results.read_results(visit, folder) if folder else None
    config = clarify_results.read_config(visit, job)
    importance = _chosen(visit, found)
    asked = visit.query.get("row", "")
    number = int(asked) if asked.isdecimal() and len(asked) <= MOST_DIGITS else 0
    rows = clarify_results.read_row(visit, folder, number) if folder and importance else None
    all_features = importance.features if importance else ()
    return AnalysisView(
        name,
        job["ProcessingJobStatus"],
        _reason(job),
        _facts(job, config, rows, importance, visit.now),
        _labels(visit, found, importance),
        charts.bars([(feature, abs(value)) for feature, value in all_features[:TOP]], "Global SHAP values"),
        f"{min(TOP, len(all_features))} of {len(all_features)}" if all_features else "",
        tuple((feature, wording.number(value)) for feature, value in all_features[:MOST_FEATURES]),
        _row(visit, rows, found, importance, clarify_results.read_inputs(visit, job, config, number)),
        tuple(_dependence(one) for one in (found.dependences if found else ())[:MOST_DEPENDENCES]),
        tuple(_biases(found)) if found else (),
        _tokens(visit, folder, number) if folder and importance and rows is None else (),
        _pictures(visit, folder) if folder and "image_config" in config.get("methods", {}).get("shap", {}) else (),
        f"{PATH}/{name}/report" if found and "report" in config.get("methods", {}) else "",
        f"/studio/buckets/{folder.bucket}/{folder.prefix}/" if folder else "",
    )


@page("/clarify/{name}/report", "later.html", "clarify")
def report(visit: Visit) -> Done:
    """Opens the report as PDF."""
    job = visit.client.sagemaker("DescribeProcessingJob", ProcessingJobName=visit.path["name"])
    folder = clarify_results.folder_of(job)
    named = clarify_results.read_config(visit, job).get("methods", {}).get("report", {}).get("name", "report")
    if folder is None:
        return Done("The job has no output", f"{PATH}/{visit.path['name']}")
    client = visit.client
    return Done(
        "", client.operations.object_url(client.principal, visit.place.url, folder.bucket, folder.key(f"{named}.pdf"))
    )


def _reason(job: Mapping[str, Any]) -> str:
    if job["ProcessingJobStatus"] != "Failed":
        return ""
    return str(job.get("ExitMessage") or job.get("FailureReason") or "")


def _chosen(visit: Visit, found: ClarifyAnalysis | None) -> Importance | None:
    if found is None or not found.importances:
        return None
    named = visit.query.get("label")
    return next((one for one in found.importances if one.label == named), found.importances[0])


def _labels(
    visit: Visit, found: ClarifyAnalysis | None, chosen: Importance | None
) -> tuple[tuple[str, str, bool], ...]:
    if found is None or len(found.importances) < 2:
        return ()
    return tuple((one.label, visit.link(label=one.label), one is chosen) for one in found.importances)


def _facts(
    job: Mapping[str, Any],
    config: Mapping[str, Any],
    rows: LocalRows | None,
    importance: Importance | None,
    now: datetime,
) -> tuple[Fact, ...]:
    facts = []
    if importance:
        explained = f"{rows.count:,} rows, " if rows else ""
        facts.append(Fact("Explained", f"{explained}{len(importance.features):,} features", answer=True))
        facts.append(Fact("Expected value", wording.number(importance.expected)))
    methods = [name.replace("_", " ") for name in config.get("methods", {}) if name != "report"]
    facts.append(Fact("Methods", ", ".join(methods)))
    if config.get("label") is not None:
        facts.append(Fact("Label", str(config["label"])))
    model = (config.get("predictor") or {}).get("endpoint_name") or (config.get("predictor") or {}).get("model_name")
    if model:
        facts.append(Fact("Model", str(model)))
    begin, end = job.get("ProcessingStartTime") or job["CreationTime"], job.get("ProcessingEndTime")
    facts.append(Fact("Started", at=job["CreationTime"]))
    facts.append(Fact("Took" if end else "Runs for", wording.duration(wording.seconds_between(begin, end or now))))
    return tuple(facts)


def _row(
    visit: Visit,
    rows: LocalRows | None,
    found: ClarifyAnalysis | None,
    importance: Importance | None,
    inputs: Mapping[str, str],
) -> RowView | None:
    if rows is None or found is None or importance is None:
        return None
    try:
        values = row_values(rows.header, rows.cells, [one.label for one in found.importances])[importance.label]
    except BadAnalysis:
        return None
    least = max((abs(change) for _, change in values), default=0.0) * ROUNDING
    values = [(feature, change if abs(change) > least else 0.0) for feature, change in values]
    ordered = sorted(values, key=lambda one: -abs(one[1]))
    steps = [FallStep(feature, inputs.get(feature, "")[:40], change) for feature, change in ordered[:TOP]]
    if len(ordered) > TOP:
        steps.append(FallStep(f"{len(ordered) - TOP} others", "", sum(change for _, change in ordered[TOP:])))
    before = visit.link(row=str(rows.row - 1)) if rows.row else ""
    after = visit.link(row=str(rows.row + 1)) if rows.row + 1 < rows.count else ""
    return RowView(rows.row, rows.count, before, after, waterfall(importance.expected, steps, f"Row {rows.row}"))


def _dependence(found: Dependence) -> DependenceFigure:
    if found.error or not found.values or not found.predictions:
        return DependenceFigure(found.feature, found.error or "It has no values.")
    label = f"Partial dependence on {found.feature}"
    if not found.numeric:
        items = [
            (str(value), prediction) for value, prediction in zip(found.values, found.predictions[0], strict=False)
        ]
        return DependenceFigure(found.feature, "", charts.bars(items, label))
    xs = [float(value) for value in found.values]
    drawn = [
        charts.Curve(name, xs, ys, f"k{1 + number % 6}")
        for number, (name, ys) in enumerate(zip(found.labels or ("",), found.predictions, strict=False))
    ]
    return DependenceFigure(found.feature, "", charts.curves(drawn, label, names=len(drawn) > 1))


def _biases(found: ClarifyAnalysis) -> list[BiasTable]:
    return [
        BiasTable(stage, tuple(_facet(one) for one in ours), tuple(_bias_rows(ours)))
        for stage in STAGES.values()
        if (ours := [one for one in found.biases if one.stage == stage][:MOST_GROUPS])
    ]


def _facet(bias: FacetBias) -> str:
    return f"{bias.facet} = {bias.value}"


def _bias_rows(biases: Sequence[FacetBias]) -> list[BiasRow]:
    rows = []
    by_name = [{metric.name: metric for metric in one.metrics} for one in biases]
    for metric in biases[0].metrics:
        ours = [one.get(metric.name, ABSENT) for one in by_name]
        unbiased = 1.0 if metric.name == "DI" else 0.0
        most = max((abs(one.value - unbiased) for one in ours if one.value is not None), default=0.0)
        most = most if math.isfinite(most) else 1.0
        cells = tuple(
            BiasCell("–", one.error)
            if one.value is None
            else BiasCell(
                wording.number(one.value) if metric.name == "DI" else signed(one.value),
                "",
                deviation(one.value - unbiased, max(most, 0.1)),
            )
            for one in ours
        )
        known = METRICS.get(metric.name)
        meaning = known.meaning if known else ""
        if all(one.error for one in cells):
            meaning = cells[0].error
        rows.append(BiasRow(metric.name, metric.description.partition(" (")[0], cells, meaning))
    return rows


def _tokens(visit: Visit, folder: S3Folder, row: int) -> tuple[TokenView, ...]:
    """Returns the pieces of a text in their order, coloured by their share of the largest value."""
    record = clarify_results.read_text_record(visit, folder, row)
    try:
        pieces = [
            (str(one["description"].get("partial_text", "")), float(one["attribution"][0]))
            for explained in record.get("explanations", [])
            for one in explained.get("attributions", [])
            if one.get("description") and one.get("attribution")
        ][:MOST_TOKENS]
    except (AttributeError, KeyError, IndexError, TypeError, ValueError):
        return ()  # the file has another form than Clarify writes
    most = max((abs(value) for _, value in pieces), default=0.0) or 1.0
    return tuple(TokenView(text, _heat(value / most), signed(value)) for text, value in pieces)


def _heat(share: float) -> str:
    step = min(int(abs(share) * 5), 4)
    return f"{'hot' if share > 0 else 'cold'}{step}" if step else ""


def _pictures(visit: Visit, folder: S3Folder) -> tuple[tuple[str, str], ...]:
    """Returns the pictures as data URLs, with their names."""
    found = []
    for key in clarify_results.pictures(visit, folder):
        try:
            body = clarify_results.read_picture(visit, folder, key)
        except AwsError:
            continue
        if body:
            found.append((key.rpartition("/")[2], f"data:image/jpeg;base64,{base64.b64encode(body).decode()}"))
    return tuple(found)
