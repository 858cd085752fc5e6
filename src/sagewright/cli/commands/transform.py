"""`sagewright transform`: transform jobs."""

from __future__ import annotations

import typer
from rich.markup import escape
from rich.table import Table

from sagewright.cli.client import client
from sagewright.cli.jobkinds import JobKind, Name, add_commands, coloured
from sagewright.cli.options import DataOption, console, settings_of

TRANSFORM = JobKind("TransformJob", "transform_job", "TransformEndTime")

app = typer.Typer(help="Transform jobs: list, show, logs, stop.", no_args_is_help=True)
add_commands(app, TRANSFORM)


@app.command()
def show(name: Name, data: DataOption = None) -> None:
    """One job: status, model, input and output."""
    job = TRANSFORM.describe(client(settings_of(data=data), "sagemaker"), name)
    console.print(f"[bold]{name}[/bold]  {coloured(job['TransformJobStatus'])}")
    if reason := job.get("FailureReason"):
        console.print(reason, style="red", markup=False, soft_wrap=True)
    given, output, resources = job["TransformInput"], job["TransformOutput"], job["TransformResources"]
    table = Table(box=None, show_header=False)
    table.add_row("model", job["ModelName"])
    table.add_row("instances", f"{resources['InstanceCount']} x {resources['InstanceType']}")
    table.add_row("input", escape(given["DataSource"]["S3DataSource"]["S3Uri"]))
    table.add_row("output", escape(output["S3OutputPath"]))
    table.add_row("content type", escape(f"{given.get('ContentType', '')} -> {output.get('Accept', '')}"))
    table.add_row("split, assemble", f"{given['SplitType']}, {output['AssembleWith']}")
    processing = job["DataProcessing"]
    table.add_row("filters", escape(f"{processing['InputFilter']} -> {processing['OutputFilter']}"))
    table.add_row("join", processing["JoinSource"])
    console.print(table)
