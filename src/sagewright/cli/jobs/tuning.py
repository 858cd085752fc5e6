"""`sagewright tuning`: hyperparameter tuning jobs."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sagewright.cli.jobs.group import add_list, add_stop, add_wait
from sagewright.cli.jobs.kinds import TUNING, coloured, refuse
from sagewright.cli.jobs.names import Last, Name, resolve_name
from sagewright.cli.lean import ServiceError, lean_client
from sagewright.cli.options import DataOption, fail, settings_of
from sagewright.cli.output import JsonOption, print_json

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

ENDED = {"Completed", "Failed", "Stopped"}
LOOK_S = 0.5
BARS = "▁▂▃▄▅▆▇█"
METRIC = "FinalHyperParameterTuningJobObjectiveMetric"

app = typer.Typer(help="Hyperparameter tuning jobs: list, show, wait, stop.", no_args_is_help=True)
add_list(app, TUNING)
add_stop(app, TUNING)
add_wait(app, TUNING)


@app.command()
def show(
    name: Name = "",
    data: DataOption = None,
    last: Last = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Follow until the tuning job has ended.")] = False,
    limit: Annotated[int, typer.Option(help="Number of training jobs, best first.")] = 20,
    export: Annotated[str, typer.Option(help="Write all training jobs to standard output: csv.")] = "",
    json: JsonOption = False,
) -> None:
    """Show one tuning job: progress, best training job, objective over time, training jobs.

    JSON is the response of DescribeHyperParameterTuningJob.
    """
    sagemaker = lean_client(settings_of(data=data), "sagemaker")
    name = resolve_name(sagemaker, TUNING, name, last)
    job = TUNING.describe(sagemaker, name)
    if json:
        print_json(job)
        return
    if export:
        if export != "csv":
            fail(f"--export is csv, not {export}")
        typer.echo(as_csv(_trials(sagemaker, name)), nl=False)
        return
    from rich.live import Live

    from sagewright.cli.options import console

    if not follow:
        console.print(page(job, _trials(sagemaker, name), limit))
        return
    with Live(console=console, auto_refresh=False) as live:
        while True:
            live.update(page(job, _trials(sagemaker, name), limit), refresh=True)
            if TUNING.status(job) in ENDED:
                return
            time.sleep(LOOK_S)
            job = TUNING.describe(sagemaker, name)


def _trials(sagemaker: Any, name: str) -> list[dict[str, Any]]:
    """Returns its training jobs in the order of their creation."""
    pages = sagemaker.get_paginator("list_training_jobs_for_hyper_parameter_tuning_job").paginate(
        HyperParameterTuningJobName=name, SortBy="CreationTime", PaginationConfig={"PageSize": 100}
    )
    try:
        return [one for found in pages for one in found["TrainingJobSummaries"]]
    except ServiceError as error:
        refuse(error)


def page(job: dict[str, Any], trials: Sequence[dict[str, Any]], limit: int) -> RenderableType:
    """Returns the output for a tuning job."""
    from rich.console import Group
    from rich.markup import escape
    from rich.table import Table

    head = Table(box=None, show_header=False)
    config, counted = job["HyperParameterTuningJobConfig"], job["TrainingJobStatusCounters"]
    head.add_row("status", coloured(TUNING.status(job)))
    head.add_row("strategy", config["Strategy"])
    most = config["ResourceLimits"].get("MaxNumberOfTrainingJobs")
    failed = counted["NonRetryableError"]
    message = f"{len(trials)}{f' of {most}' if most else ''}: {counted['InProgress']} running, {counted['Completed']} completed"
    message += f", {counted['Stopped']} stopped" if counted["Stopped"] else ""
    head.add_row("training jobs", message + (f", [red]{failed} failed[/red]" if failed else ""))
    if reason := job.get("FailureReason"):
        head.add_row("failure", f"[red]{escape(reason)}[/red]")
    best = job.get("BestTrainingJob", {})
    if METRIC in best:
        head.add_row("objective", f"{escape(best[METRIC]['MetricName'])}, {best[METRIC]['Type'].lower()}")
        head.add_row("best", f"[green]{best[METRIC]['Value']:g}[/green] by {escape(best['TrainingJobName'])}")
        head.add_row("", escape(_values(best["TunedHyperParameters"])))
    if values := [one[METRIC]["Value"] for one in trials if METRIC in one]:
        head.add_row("objective by job", sparkline(values))
    if TUNING.status(job) == "InProgress" and (left := seconds_left(job, trials)) is not None:
        head.add_row("time left", f"about {left:.0f} s")
    return Group(head, "", _table(trials, limit))


def _table(trials: Sequence[dict[str, Any]], limit: int) -> Table:
    """Returns a table, best first, followed by those without a value, newest first."""
    from rich.markup import escape
    from rich.table import Table

    table = Table("training job", "status", "value", "seconds", "hyperparameters", box=None)
    for one in sorted(trials, key=_order)[:limit]:
        value = f"{one[METRIC]['Value']:g}" if METRIC in one else ""
        hyperparameters = escape(_values(one["TunedHyperParameters"]))
        status = coloured(one["TrainingJobStatus"])
        table.add_row(one["TrainingJobName"], status, value, f"{_seconds(one):.1f}", hyperparameters)
    return table


def _order(one: dict[str, Any]) -> tuple[bool, float]:
    if METRIC not in one:
        return True, -one["CreationTime"].timestamp()
    value = float(one[METRIC]["Value"])
    return False, -value if one[METRIC]["Type"] == "Maximize" else value


def _values(tuned: dict[str, str]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in sorted(tuned.items()))


def _seconds(one: dict[str, Any]) -> float:
    end = one.get("TrainingEndTime", datetime.now(UTC))
    return float((end - one["CreationTime"]).total_seconds())


def sparkline(values: Sequence[float], width: int = 60) -> str:
    """Returns one bar per value; more than `width` values are averaged over neighbours."""
    count = min(width, len(values))
    parts = [values[at * len(values) // count : (at + 1) * len(values) // count] for at in range(count)]
    means = [sum(part) / len(part) for part in parts]
    low, high = min(means), max(means)
    scale = (len(BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(BARS[round((mean - low) * scale)] for mean in means)


def seconds_left(job: dict[str, Any], trials: Sequence[dict[str, Any]]) -> float | None:
    """Estimates the remaining time from the pace so far, at most the limit; None if both are unknown."""
    limits = job["HyperParameterTuningJobConfig"]["ResourceLimits"]
    passed = (datetime.now(UTC) - job["CreationTime"]).total_seconds()
    found = []
    ended = sum("TrainingEndTime" in one for one in trials)
    if (most := limits.get("MaxNumberOfTrainingJobs")) and ended:
        found.append((most - ended) * passed / ended)
    if limit := limits.get("MaxRuntimeInSeconds"):
        found.append(max(0.0, limit - passed))
    return min(found, default=None)


def as_csv(trials: Sequence[dict[str, Any]]) -> str:
    """Returns one row per training job; hyperparameters' columns have their plain names."""
    names = sorted({name for one in trials for name in one["TunedHyperParameters"]})
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["TrainingJobName", "TrainingJobStatus", "ObjectiveStatus", "Value", "Seconds", *names])
    for one in trials:
        value = one[METRIC]["Value"] if METRIC in one else ""
        listed = [
            one["TrainingJobName"],
            one["TrainingJobStatus"],
            one["ObjectiveStatus"],
            value,
            f"{_seconds(one):.3f}",
        ]
        writer.writerow([*listed, *(one["TunedHyperParameters"].get(name, "") for name in names)])
    return out.getvalue()
