"""`sagewright experiments`: experiments, their runs, and differences between runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sagewright.cli.jobs.kinds import coloured, refuse
from sagewright.cli.lean import ServiceError, lean_client
from sagewright.cli.options import DataOption, fail, settings_of
from sagewright.cli.output import Format, JsonOption, OutputColumn, OutputOption, chosen, moment, print_json, print_rows
from sagewright.cli.workflows import runs

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

MOST_COLUMNS = 6
"""Maximum number of metrics in a table of runs."""
LISTED = [
    OutputColumn("experiment", lambda one: str(one["ExperimentName"])),
    OutputColumn("created", lambda one: moment(one["CreationTime"])),
    OutputColumn("trials", lambda one: str(one["Trials"])),
    OutputColumn("arn", lambda one: str(one["ExperimentArn"]), wide=True),
]
NO_PYARROW = (
    "Parquet is written by pyarrow, which is not installed: pip install 'sagewright[parquet]', or use --format csv"
)

app = typer.Typer(help="Experiments: list, show, compare, export.", no_args_is_help=True)


@app.command("list")
def list_(
    data: DataOption = None,
    limit: Annotated[int, typer.Option(help="Number of entries, newest first.", min=1)] = 20,
    output: OutputOption = Format.TABLE,
    json: JsonOption = False,
) -> None:
    """List experiments. JSON has the summaries of ListExperiments, with the number of Trials."""
    sagemaker = lean_client(settings_of(data=data), "sagemaker")
    order = {"SortBy": "CreationTime", "SortOrder": "Descending"}
    try:
        pages = sagemaker.pages("ListExperiments", most=limit, **order)
        found = [one for page in pages for one in page["ExperimentSummaries"]][:limit]
        for one in found:
            trials = sagemaker.pages("ListTrials", ExperimentName=one["ExperimentName"])
            one["Trials"] = sum(len(page["TrialSummaries"]) for page in trials)
    except ServiceError as error:
        refuse(error)
    print_rows(found, LISTED, chosen(output, json))


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="Name of an experiment, of a run (trial component), or of a job.")],
    data: DataOption = None,
    metric: Annotated[str, typer.Option(help="Sort an experiment's runs by this metric's last value.")] = "",
    ascending: Annotated[bool, typer.Option(help="Smallest first.")] = False,
    limit: Annotated[int, typer.Option(help="Number of runs.")] = 20,
    json: JsonOption = False,
) -> None:
    """Show an experiment's runs and their metrics, or all of one run. JSON has the responses of DescribeTrialComponent."""
    from sagewright.cli.options import console

    sagemaker = lean_client(settings_of(data=data), "sagemaker")
    try:
        sagemaker.describe_experiment(ExperimentName=name)
    except ServiceError as error:
        if error.code != "ResourceNotFound":
            refuse(error)
        component = _component(sagemaker, name)
        if json:
            print_json(component)
        else:
            console.print(_run(component))
        return
    found = list(runs.components_of(sagemaker, name))
    if metric:
        measured = [one for one in found if "Last" in runs.metrics(one).get(metric, {})]
        found = sorted(measured, key=lambda one: runs.metrics(one)[metric]["Last"], reverse=not ascending)
    else:
        found.reverse()  # newest first
    if json:
        print_json(found[:limit])
        return
    console.print(_table(found[:limit], metric))
    if len(found) > limit:
        console.print(f"{len(found) - limit} more; --limit shows them")


@app.command()
def compare(
    names: Annotated[list[str], typer.Argument(help="Names of runs (trial components) or of jobs, two or more.")],
    data: DataOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Also show values that are the same in all runs.")] = False,
    json: JsonOption = False,
) -> None:
    """Compare runs: show the parameters and metrics in which they differ. JSON has the value of each run for each of these."""
    from rich.markup import escape
    from rich.table import Column, Table

    from sagewright.cli.options import console

    if len(names) < 2:
        fail("compare takes two or more runs")
    sagemaker = lean_client(settings_of(data=data), "sagemaker")
    found = [_component(sagemaker, name) for name in names]
    rows = runs.differences(found, everything=everything)
    if json:
        print_json({label: dict(zip(names, values, strict=True)) for label, values in rows})
        return
    table = Table("", *(Column(escape(name), overflow="fold") for name in names), box=None)
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
    """Write a row for each run: parameters, metrics with all their statistics, artifacts."""
    from sagewright.cli.options import console

    if form not in {"csv", "parquet"}:
        fail(f"--format is csv or parquet, not {form}")
    if form == "parquet" and output is None:
        fail("--format parquet needs --output FILE")
    parquet = _parquet() if form == "parquet" else None
    sagemaker = lean_client(settings_of(data=data), "sagemaker")
    try:
        sagemaker.describe_experiment(ExperimentName=experiment)
        rows = [runs.row(one) for one in runs.components_of(sagemaker, experiment)]
    except ServiceError as error:
        refuse(error)
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
    except ServiceError as error:
        if error.code not in {"ResourceNotFound", "ValidationException"}:
            refuse(error)
        return None
    return found


def _table(found: list[dict[str, Any]], metric: str) -> Table:
    from rich.markup import escape
    from rich.table import Column, Table

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
    from rich.console import Group
    from rich.markup import escape
    from rich.table import Table

    head = Table(box=None, show_header=False)
    for name, value in runs.row(component).items():
        if not name.startswith("Metrics."):
            head.add_row(escape(name), _shown(value))
    table = Table("metric", *(name.lower() for name in runs.STATISTICS), box=None)
    for name, described in runs.metrics(component).items():
        table.add_row(escape(name), *(_shown(described.get(which)) for which in runs.STATISTICS))
    return Group(head, "", table) if table.row_count else head


def _shown(value: runs.Value | None) -> str:
    from rich.markup import escape

    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, int | float) else escape(str(value))
