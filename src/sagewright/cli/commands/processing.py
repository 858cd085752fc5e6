"""`sagewright processing`: processing jobs."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from sagewright.cli.client import client
from sagewright.cli.jobkinds import JobKind, Name, add_commands, coloured
from sagewright.cli.options import DataOption, console, settings_of

PROCESSING = JobKind("ProcessingJob", "processing_job", "ProcessingEndTime")

PortOption = Annotated[int, typer.Option("--port", help="Port on this machine for the pages. 0: any free port.")]
EventsOf = Annotated[str, typer.Argument(help="Name of the job, or the S3 URI of its event logs.")]

app = typer.Typer(help="Processing jobs: list, show, logs, stop, history.", no_args_is_help=True)
add_commands(app, PROCESSING)


@app.command()
def show(name: Name, data: DataOption = None) -> None:
    """One job: status, program, inputs, outputs, and exit message."""
    job = PROCESSING.describe(client(settings_of(data=data), "sagemaker"), name)
    console.print(f"[bold]{name}[/bold]  {coloured(job['ProcessingJobStatus'])}")
    if reason := job.get("FailureReason"):
        console.print(reason, style="red", markup=False, soft_wrap=True)
    if message := job.get("ExitMessage"):
        console.print(message, markup=False, soft_wrap=True)
    table = Table(box=None, show_header=False)
    app_, cluster = job["AppSpecification"], job["ProcessingResources"]["ClusterConfig"]
    table.add_row("image", app_["ImageUri"])
    program = [*app_.get("ContainerEntrypoint", []), *app_.get("ContainerArguments", [])]
    table.add_row("program", escape(" ".join(program)))
    count = cluster.get("SelectedInstanceCount") or cluster["InstanceCount"]
    table.add_row("instances", f"{count} x {cluster.get('SelectedInstanceType') or cluster['InstanceType']}")
    for entry in job.get("ProcessingInputs", []):
        table.add_row(escape(f"input {entry['InputName']}"), _route(entry.get("S3Input", {}), "S3Uri", "LocalPath"))
    for entry in job.get("ProcessingOutputConfig", {}).get("Outputs", []):
        table.add_row(escape(f"output {entry['OutputName']}"), _route(entry.get("S3Output", {}), "LocalPath", "S3Uri"))
    console.print(table)


@app.command()
def history(name: EventsOf, port: PortOption = 0, data: DataOption = None) -> None:
    """Spark's history pages over a job's event logs, until Ctrl-C."""
    from sagewright.cli.history import show_history

    show_history(PROCESSING, name, port, data)


def _route(moved: dict[str, str], source: str, target: str) -> str:
    return escape(f"{moved.get(source, '')} -> {moved.get(target, '')}")
