"""`sagewright processing`: processing jobs."""

from __future__ import annotations

from typing import Annotated

import typer

from sagewright.cli.jobs.group import add_commands
from sagewright.cli.jobs.kinds import PROCESSING
from sagewright.cli.jobs.names import Last, Name, resolve_name
from sagewright.cli.lean import Document, lean_client
from sagewright.cli.options import DataOption, settings_of
from sagewright.cli.output import JsonOption, moment, print_facts, print_json, seconds_between

PortOption = Annotated[int, typer.Option("--port", help="Port on this machine for the pages. 0: any free port.")]
EventsOf = Annotated[str, typer.Argument(help="Name of the job, or the S3 URI of its event logs.")]

app = typer.Typer(help="Processing jobs: list, show, logs, wait, stop, history.", no_args_is_help=True)
add_commands(app, PROCESSING)


@app.command()
def show(name: Name = "", data: DataOption = None, last: Last = False, json: JsonOption = False) -> None:
    """Show one job: status, program, inputs, outputs, exit message. JSON is the response of DescribeProcessingJob."""
    sagemaker = lean_client(settings_of(data=data), "sagemaker")
    job = PROCESSING.describe(sagemaker, resolve_name(sagemaker, PROCESSING, name, last))
    if json:
        print_json(job)
        return
    print_facts(PROCESSING.name(job), PROCESSING.status(job), _facts(job))


def _facts(job: Document) -> list[tuple[str, str]]:
    found = [("failure", one) for one in job.get("FailureReason", "").splitlines()]
    found += [("exit message", one) for one in job.get("ExitMessage", "").splitlines()]
    app_, cluster = job["AppSpecification"], job["ProcessingResources"]["ClusterConfig"]
    found += [("image", app_["ImageUri"])]
    found += [("program", " ".join([*app_.get("ContainerEntrypoint", []), *app_.get("ContainerArguments", [])]))]
    count = cluster.get("SelectedInstanceCount") or cluster["InstanceCount"]
    found += [("instances", f"{count} x {cluster.get('SelectedInstanceType') or cluster['InstanceType']}")]
    found += [("created", moment(job["CreationTime"]))]
    found += [("seconds", seconds_between(job.get(PROCESSING.start), job.get(PROCESSING.end)) or "waits in the queue")]
    for entry in job.get("ProcessingInputs", []):
        found.append((f"input {entry['InputName']}", _route(entry.get("S3Input", {}), "S3Uri", "LocalPath")))
    for entry in job.get("ProcessingOutputConfig", {}).get("Outputs", []):
        found.append((f"output {entry['OutputName']}", _route(entry.get("S3Output", {}), "LocalPath", "S3Uri")))
    return found


@app.command()
def history(name: EventsOf, port: PortOption = 0, data: DataOption = None) -> None:
    """Serve Spark's history pages for a job's event logs, until Ctrl-C."""
    from sagewright.cli.jobs.history import show_history

    show_history(PROCESSING, name, port, data)


def _route(moved: dict[str, str], source: str, target: str) -> str:
    return f"{moved.get(source, '')} -> {moved.get(target, '')}"
