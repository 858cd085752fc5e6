"""`sagewright transform`: transform jobs."""

from __future__ import annotations

import typer

from sagewright.cli.jobs.group import add_commands
from sagewright.cli.jobs.kinds import TRANSFORM
from sagewright.cli.jobs.names import Last, Name, resolve_name
from sagewright.cli.lean import Document, lean_client
from sagewright.cli.options import DataOption, settings_of
from sagewright.cli.output import JsonOption, moment, print_facts, print_json, seconds_between

app = typer.Typer(help="Transform jobs: list, show, logs, wait, stop.", no_args_is_help=True)
add_commands(app, TRANSFORM)


@app.command()
def show(name: Name = "", data: DataOption = None, last: Last = False, json: JsonOption = False) -> None:
    """Show one job: status, model, input and output. JSON is the response of DescribeTransformJob."""
    sagemaker = lean_client(settings_of(data=data), "sagemaker")
    job = TRANSFORM.describe(sagemaker, resolve_name(sagemaker, TRANSFORM, name, last))
    if json:
        print_json(job)
        return
    print_facts(TRANSFORM.name(job), TRANSFORM.status(job), _facts(job))


def _facts(job: Document) -> list[tuple[str, str]]:
    given, output, resources = job["TransformInput"], job["TransformOutput"], job["TransformResources"]
    processing = job["DataProcessing"]
    return [
        *[("failure", one) for one in job.get("FailureReason", "").splitlines()],
        ("model", job["ModelName"]),
        ("instances", f"{resources['InstanceCount']} x {resources['InstanceType']}"),
        ("created", moment(job["CreationTime"])),
        ("seconds", seconds_between(job.get(TRANSFORM.start), job.get(TRANSFORM.end)) or "waits in the queue"),
        ("input", given["DataSource"]["S3DataSource"]["S3Uri"]),
        ("output", output["S3OutputPath"]),
        ("content type", f"{given.get('ContentType', '')} -> {output.get('Accept', '')}"),
        ("split, assemble", f"{given['SplitType']}, {output['AssembleWith']}"),
        ("filters", f"{processing['InputFilter']} -> {processing['OutputFilter']}"),
        ("join", processing["JoinSource"]),
    ]
