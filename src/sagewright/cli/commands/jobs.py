"""`sagewright jobs`: training jobs."""

from __future__ import annotations

import typer
from rich.markup import escape
from rich.table import Table

from sagewright.cli.client import client, post
from sagewright.cli.jobkinds import JobKind, Name, add_commands, coloured
from sagewright.cli.options import DataOption, console, settings_of

TRAINING = JobKind("TrainingJob", "training_job", "TrainingEndTime")

app = typer.Typer(help="Training jobs: list, show, logs, stop, interrupt.", no_args_is_help=True)
add_commands(app, TRAINING)


@app.command()
def show(name: Name, data: DataOption = None) -> None:
    """One job: status, transitions, metrics, artefacts."""
    job = TRAINING.describe(client(settings_of(data=data), "sagemaker"), name)
    console.print(f"[bold]{name}[/bold]  {coloured(job['TrainingJobStatus'])}")
    if reason := job.get("FailureReason"):
        console.print(reason, style="red", markup=False, soft_wrap=True)
    table = Table(box=None, show_header=False)
    resources = job["ResourceConfig"]
    table.add_row("image", job["AlgorithmSpecification"].get("TrainingImage", ""))
    table.add_row("instances", f"{resources.get('InstanceCount', '')} x {resources.get('InstanceType', 'groups')}")
    table.add_row("model", job["ModelArtifacts"]["S3ModelArtifacts"])
    for metric in job.get("FinalMetricDataList", []):
        table.add_row(escape(metric["MetricName"]), f"{metric['Value']:g}")
    for step in job["SecondaryStatusTransitions"]:
        table.add_row(
            step["StartTime"].astimezone().strftime("%H:%M:%S.%f")[:-3],
            escape(f"{step['Status']}: {step['StatusMessage']}"),
        )
    console.print(table)


@app.command()
def interrupt(name: Name, data: DataOption = None) -> None:
    """Interrupt a spot job as a cloud would: SIGTERM, a grace period, SIGKILL; then it is queued again."""
    post(settings_of(data=data), f"jobs/{name}/interrupt")
    console.print(f"{name} is being interrupted")
