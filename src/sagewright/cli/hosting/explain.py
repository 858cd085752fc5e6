"""`sagewright explain`: what a Clarify job found, and why the model scored one row as it did."""

from __future__ import annotations

import codecs
import csv
import json
from collections.abc import Iterator
from itertools import islice
from typing import Annotated, Any

import typer
from botocore.exceptions import ClientError
from rich.markup import escape
from rich.table import Column, Table

from sagewright.cli.client import client
from sagewright.cli.options import FAILURE, DataOption, console, fail, settings_of
from sagewright.cli.output import JsonOption, print_json
from sagewright.model.aws.clarify_results import (
    ANALYSIS,
    CONFIG_INPUT,
    DATA_INPUT,
    LOCAL,
    BadAnalysis,
    ClarifyAnalysis,
    FacetBias,
    Importance,
    read_analysis,
    row_values,
)

WIDTH = 30
ROUNDING = 1e-12
"""Share of the largest value below which a value is the rounding of a sum."""
MAX_ANALYSIS_BYTES = 64 << 20


def explain(
    name: Annotated[str, typer.Argument(help="Name of the Clarify job, or of an endpoint with an explainer.")],
    data: DataOption = None,
    row: Annotated[int | None, typer.Option(help="Explain this row of the data set, from 0.")] = None,
    record: Annotated[str | None, typer.Option(help="A record in CSV for an endpoint to score and explain.")] = None,
    top: Annotated[int, typer.Option(help="Number of features.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Print global importances, bias metrics, or the contributions to one row's score.

    JSON has all features: analysis.json as Clarify wrote it, the row's contributions by output, or the endpoint's response.
    """
    settings = settings_of(data=data)
    if record is not None:
        answer = _answer(client(settings, "sagemaker-runtime"), name, record)
        if as_json:
            print_json(answer)
        else:
            _online(answer, name, record, top)
        return
    sagemaker, s3 = client(settings, "sagemaker"), client(settings, "s3")
    try:
        job = sagemaker.describe_processing_job(ProcessingJobName=name)
        uri = _output(job)
        written = json.loads(_body(s3, f"{uri}/{ANALYSIS}").read(MAX_ANALYSIS_BYTES))
        analysis = read_analysis(written)
        if as_json:
            print_json(written if row is None else _contributed(s3, uri, analysis, row))
        elif row is None:
            _overview(analysis, top)
        else:
            _row(s3, job, uri, analysis, row, top)
    except ClientError as error:
        if error.response["Error"]["Code"] in {"NoSuchKey", "404"}:
            fail(f"{name} is {job['ProcessingJobStatus']} and has no {_missing(row)} in {uri}")
        fail(error.response["Error"]["Message"], FAILURE)
    except BadAnalysis as error:
        fail(str(error))


def _missing(row: int | None) -> str:
    return ANALYSIS if row is None else f"{LOCAL} (save_local_shap_values)"


def _output(job: dict[str, Any]) -> str:
    outputs = job.get("ProcessingOutputConfig", {}).get("Outputs", [])
    if not outputs:
        fail(f"{job['ProcessingJobName']} has no output")
    uri: str = outputs[0]["S3Output"]["S3Uri"]
    return uri.rstrip("/")


def _body(s3: Any, uri: str) -> Any:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return s3.get_object(Bucket=bucket, Key=key)["Body"]


def _overview(analysis: ClarifyAnalysis, top: int) -> None:
    for importance in analysis.importances:
        _importances(importance, top)
    for bias in analysis.biases:
        _biases(bias)
    if not analysis.importances and not analysis.biases:
        console.print("The analysis has neither SHAP values nor bias metrics.")


def _importances(importance: Importance, top: int) -> None:
    most = max((abs(value) for _, value in importance.features), default=0) or 1
    console.print(
        f"[bold]Global SHAP values, {escape(importance.label)}[/bold]  expected value {importance.expected:.6g}"
    )
    table = Table(Column("feature", overflow="fold"), Column("value", justify="right"), "", box=None)
    for feature, value in importance.features[:top]:
        table.add_row(escape(feature), f"{value:.6g}", "█" * round(WIDTH * abs(value) / most))
    console.print(table)
    if len(importance.features) > top:
        console.print(f"{len(importance.features) - top} more; --top shows them")


def _biases(bias: FacetBias) -> None:
    console.print(f"[bold]Bias {bias.stage}[/bold]  facet {escape(bias.facet)}, {escape(bias.value)}")
    table = Table("metric", Column("value", justify="right"), Column("", overflow="fold"), box=None)
    for metric in bias.metrics:
        value = "-" if metric.value is None else f"{metric.value:.6g}"
        table.add_row(metric.name, value, escape(metric.error or metric.description))
    console.print(table)


def _contributed(s3: Any, uri: str, analysis: ClarifyAnalysis, row: int) -> list[dict[str, Any]]:
    """Returns a row's contributions by output."""
    header, cells = _line(s3, f"{uri}/{LOCAL}", row)
    values = row_values(header, cells, [one.label for one in analysis.importances])
    return [
        {"label": one.label, "expected_value": one.expected, "contributions": dict(values[one.label])}
        for one in analysis.importances
    ]


def _row(s3: Any, job: dict[str, Any], uri: str, analysis: ClarifyAnalysis, row: int, top: int) -> None:
    labels = [one.label for one in analysis.importances]
    header, cells = _line(s3, f"{uri}/{LOCAL}", row)
    inputs = _inputs(s3, job, row)
    for importance in analysis.importances:
        values = row_values(header, cells, labels)[importance.label]
        _waterfall(importance, values, inputs, row, top)


def _line(s3: Any, uri: str, row: int) -> tuple[list[str], list[str]]:
    """Returns the header and one row of a CSV object. Reads up to that row."""
    lines = _rows(s3, uri)
    header = next(lines, [])
    cells = next(islice(lines, row, None), None)
    if cells is None:
        fail(f"{uri} has no row {row}")
    return header, cells


def _rows(s3: Any, uri: str) -> Iterator[list[str]]:
    return csv.reader(codecs.iterdecode(_body(s3, uri).iter_lines(), "utf-8"))


def _inputs(s3: Any, job: dict[str, Any], row: int) -> dict[str, str]:
    """Returns the row's features by name where the data set is one CSV object; {} otherwise."""
    sources = {one["InputName"]: one.get("S3Input", {}).get("S3Uri", "") for one in job.get("ProcessingInputs", [])}
    try:
        config = json.loads(_body(s3, sources.get(CONFIG_INPUT, "")).read(MAX_ANALYSIS_BYTES))
        if config.get("dataset_type") != "text/csv" or not config.get("headers"):
            return {}
        lines = _rows(s3, sources.get(DATA_INPUT, ""))
        number = 0
        for cells in lines:
            if cells == config["headers"]:
                continue
            if number == row:
                return dict(zip(config["headers"], cells, strict=False))
            number += 1
    except (ClientError, ValueError, KeyError, csv.Error):
        return {}
    return {}


def _answer(runtime: Any, endpoint: str, record: str) -> dict[str, Any]:
    """Returns an endpoint's score and explanation of one record."""
    request = {"EndpointName": endpoint, "ContentType": "text/csv", "Accept": "text/csv", "Body": record}
    try:
        body = runtime.invoke_endpoint(**request, EnableExplanations="`true`")["Body"].read()
    except ClientError as error:
        fail(error.response["Error"]["Message"], FAILURE)
    found: dict[str, Any] = json.loads(body)
    return found


def _online(answer: dict[str, Any], endpoint: str, record: str, top: int) -> None:
    """Prints an endpoint's explanation of one record."""
    explained = (answer.get("explanations") or {}).get("kernel_shap") or [None]
    if not explained[0]:
        fail(f"the endpoint {endpoint} explained nothing")
    console.print(f"score {escape(str(answer['predictions']['data']).strip())}")
    inputs = next(csv.reader([record]))
    outputs = len(explained[0][0]["attributions"][0]["attribution"])
    for output in range(outputs):
        values, named = [], {}
        for place, feature in enumerate(explained[0]):
            name = feature.get("feature_header") or f"column_{place}"
            named[name] = inputs[place] if place < len(inputs) else ""
            for one in feature["attributions"]:
                piece = (one.get("description") or {}).get("partial_text")
                values.append((piece or name, float(one["attribution"][output])))
        _contributions(values, named, top)


def _waterfall(
    importance: Importance, values: list[tuple[str, float]], inputs: dict[str, str], row: int, top: int
) -> None:
    """Prints the way from the expected value to the row's score, the largest contributions first."""
    total = importance.expected + sum(value for _, value in values)
    console.print(f"[bold]Row {row}, {escape(importance.label)}[/bold]  {importance.expected:.6g} → {total:.6g}")
    _contributions(values, inputs, top)


def _contributions(values: list[tuple[str, float]], inputs: dict[str, str], top: int) -> None:
    least = max((abs(value) for _, value in values), default=0.0) * ROUNDING
    values = [(feature, value if abs(value) > least else 0.0) for feature, value in values]
    ordered = sorted(values, key=lambda one: -abs(one[1]))
    shown, rest = ordered[:top], sum(value for _, value in ordered[top:])
    most = max((abs(value) for _, value in shown), default=0) or 1
    table = Table(
        Column("feature", overflow="fold"),
        Column("= value", overflow="fold"),
        Column("SHAP", justify="right"),
        "",
        box=None,
    )
    for feature, value in shown:
        bar = (
            ("[red]" if value > 0 else "[blue]")
            + "█" * max(round(WIDTH * abs(value) / most), 1 if value else 0)
            + "[/]"
        )
        table.add_row(escape(feature), escape(inputs.get(feature, "")), f"{value:+.6g}", bar)
    if len(ordered) > top:
        table.add_row(f"{len(ordered) - top} others", "", f"{rest:+.6g}", "")
    console.print(table)
