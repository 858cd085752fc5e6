"""`sagewright experiments`: experiments, their runs, and differences between runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from botocore.exceptions import ClientError
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Column, Table

from sagewright.cli import runs
from sagewright.cli.client import client
from sagewright.cli.jobkinds import answer, coloured
from sagewright.cli.options import DataOption, console, fail, settings_of

MOST_COLUMNS = 6
"""Maximum number of metrics in a table of runs."""
NO_PYARROW = (
    "Parquet is written by pyarrow, which is not installed: pip install 'sagewright[parquet]', or use --format csv"
)

app = typer.Typer(help="Experiments: list, show, compare, export.", no_args_is_help=True)


@app.command("list")
def list_(
    data: DataOption = None, limit: Annotated[int, typer.Option(help="Number of entries, newest first.")] = 20
) -> None:
    """Experiments."""
    sagemaker = client(settings_of(data=data), "sagemaker")
    table = Table(Column("experiment", overflow="fold"), "created", "trials", box=None)
    pages = sagemaker.get_paginator("list_experiments").paginate(
        SortBy="CreationTime", SortOrder="Descending", PaginationConfig={"MaxItems": limit, "PageSize": 100}
    )
    for one in (found for page in pages for found in page["ExperimentSummaries"]):
        trials = sagemaker.get_paginator("list_trials").paginate(ExperimentName=one["ExperimentName"])
        count = sum(len(page["TrialSummaries"]) for page in trials)
        table.add_row(one["ExperimentName"], f"{one['CreationTime']:%Y-%m-%d %H:%M:%S}", str(count))
    console.print(table)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="Name of an experiment, of a run (trial component), or of a job.")],
    data: DataOption = None,
    metric: Annotated[str, typer.Option(help="Sort an experiment's runs by this metric's last value.")] = "",
    ascending: Annotated[bool, typer.Option(help="Smallest first.")] = False,
    limit: Annotated[int, typer.Option(help="Number of runs.")] = 20,
) -> None:
    """An experiment's runs and their metrics, or all of one run."""
    sagemaker = client(settings_of(data=data), "sagemaker")
    try:
        sagemaker.describe_experiment(ExperimentName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFound":
            fail(answer(error))
        console.print(_run(_component(sagemaker, name)))
        return
    found = list(runs.components_of(sagemaker, name))
    if metric:
        measured = [one for one in found if "Last" in runs.metrics(one).get(metric, {})]
        found = sorted(measured, key=lambda one: runs.metrics(one)[metric]["Last"], reverse=not ascending)
    else:
        found.reverse()  # newest first
    console.print(_table(found[:limit], metric))
    if len(found) > limit:
        console.print(f"{len(found) - limit} more; --limit shows them")


@app.command()
def compare(
    names: Annotated[list[str], typer.Argument(help="Names of runs (trial components) or of jobs, two or more.")],
    data: DataOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Also values that are the same in all runs.")] = False,
) -> None:
    """Runs side by side: the parameters and metrics in which they differ."""
    if len(names) < 2:
        fail("compare takes two or more runs")
    sagemaker = client(settings_of(data=data), "sagemaker")
    found = [_component(sagemaker, name) for name in names]
    table = Table("", *(Column(escape(name), overflow="fold") for name in names), box=None)
    rows = runs.differences(found, everything=everything)
    for label, values in rows:
        table.add_row(escape(label), *(_shown(value) for value in values))
    console.print(table if rows else "They have the same parameters and metrics.")


@app.command()
def export(
    experiment: Annotated[str, typer.Argument(help="Name of an experiment.")],
    data: DataOption = None,
    form: Annotated[str, typer.Option("--format", help="csv or parquet.")] = "csv",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file; csv goes to standard output without it.")
    ] = None,
) -> None:
    """A row for each run: parameters, metrics with all their statistics, artifacts."""
    if form not in {"csv", "parquet"}:
        fail(f"--format is csv or parquet, not {form}")
    if form == "parquet" and output is None:
        fail("--format parquet needs --output FILE")
    parquet = _parquet() if form == "parquet" else None
    sagemaker = client(settings_of(data=data), "sagemaker")
    try:
        sagemaker.describe_experiment(ExperimentName=experiment)
        rows = [runs.row(one) for one in runs.components_of(sagemaker, experiment)]
    except ClientError as error:
        fail(answer(error))
    try:
        if parquet is not None:
            parquet(rows, output)
        elif output is not None:
            output.write_text(runs.as_csv(rows))
        else:
            console.print(runs.as_csv(rows), end="", markup=False, soft_wrap=True, highlight=False)
    except OSError as error:
        fail(f"{output} can't be written: {error.strerror}")


def _parquet() -> Any:
    """Returns the module that writes rows to a file."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        fail(NO_PYARROW)

    def write(rows: list[runs.Row], output: Path) -> None:
        parquet.write_table(pyarrow.table(runs.columns(rows)), str(output))

    return write


def _component(sagemaker: Any, name: str) -> dict[str, Any]:
    """Returns a component by its name or its job's; ends the command if there is none."""
    described = (_described(sagemaker, candidate) for candidate in runs.candidates(name))
    found = next((one for one in described if one is not None), None)
    return found or fail(f"there is no experiment, run or job named {name}")


def _described(sagemaker: Any, name: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = sagemaker.describe_trial_component(TrialComponentName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"ResourceNotFound", "ValidationException"}:
            fail(answer(error))
        return None
    return found


def _table(found: list[dict[str, Any]], metric: str) -> Table:
    named = list(dict.fromkeys([*([metric] if metric else []), *(name for one in found for name in runs.metrics(one))]))
    chosen = named[:MOST_COLUMNS]
    heads = [Column(escape(name)) for name in chosen]
    table = Table(Column("run", overflow="fold"), "status", "seconds", *heads, box=None)
    for one in found:
        described, took = runs.metrics(one), runs.seconds(one)
        status = coloured((one.get("Status") or {}).get("PrimaryStatus", ""))
        values = [_shown(described.get(name, {}).get("Last")) for name in chosen]
        table.add_row(escape(one["TrialComponentName"]), status, "" if took is None else f"{took:.1f}", *values)
    return table


def _run(component: dict[str, Any]) -> RenderableType:
    head = Table(box=None, show_header=False)
    for name, value in runs.row(component).items():
        if not name.startswith("Metrics."):
            head.add_row(escape(name), _shown(value))
    table = Table("metric", *(name.lower() for name in runs.STATISTICS), box=None)
    for name, described in runs.metrics(component).items():
        table.add_row(escape(name), *(_shown(described.get(which)) for which in runs.STATISTICS))
    return Group(head, "", table) if table.row_count else head


def _shown(value: runs.Value | None) -> str:
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, int | float) else escape(str(value))
