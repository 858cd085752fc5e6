"""`sagewright jobs`: training jobs."""

from __future__ import annotations

from typing import Any

import typer

from sagewright.cli.jobs.group import add_commands
from sagewright.cli.jobs.kinds import TRAINING
from sagewright.cli.jobs.names import Last, Name, resolve_name
from sagewright.cli.jobs.shell import shell
from sagewright.cli.lean import Document, lean_client, request
from sagewright.cli.options import DataOption, settings_of
from sagewright.cli.output import JsonOption, moment, print_facts, print_json, seconds_between

app = typer.Typer(help="Training jobs: list, show, logs, shell, wait, stop, interrupt.", no_args_is_help=True)
add_commands(app, TRAINING)
app.command()(shell)


@app.command()
def show(name: Name = "", data: DataOption = None, last: Last = False, json: JsonOption = False) -> None:
    """Show one job: status, inputs, hyperparameters, metrics, artefacts, history. JSON is the response of DescribeTrainingJob."""
    sagemaker = lean_client(settings_of(data=data), "sagemaker")
    job = TRAINING.describe(sagemaker, resolve_name(sagemaker, TRAINING, name, last))
    if json:
        print_json(job)
        return
    print_facts(TRAINING.name(job), TRAINING.status(job), [*_facts(job), *_results(job)])


def _facts(job: Document) -> list[tuple[str, str]]:
    """Returns the inputs and settings of the job's request."""
    resources = job["ResourceConfig"]
    groups = resources.get("InstanceGroups") or [resources]
    found = [("failure", one) for one in job.get("FailureReason", "").splitlines()]
    found += [("image", _image(job["AlgorithmSpecification"]))]
    found += [("instances", f"{one.get('InstanceCount', '')} x {one.get('InstanceType', '')}") for one in groups]
    found += [("created", moment(job["CreationTime"]))]
    seconds = seconds_between(job.get(TRAINING.start), job.get(TRAINING.end))
    found += [("seconds", f"{seconds} (without the queue)" if seconds else "waits in the queue")]
    found += [(f"input {one['ChannelName']}", _source(one["DataSource"])) for one in job.get("InputDataConfig", [])]
    given = sorted(job.get("HyperParameters", {}).items())
    return found + [(f"hyperparameter {key}", value) for key, value in given]


def _results(job: Document) -> list[tuple[str, str]]:
    """Returns the job's results and its transitions."""
    found = [(f"metric {one['MetricName']}", f"{one['Value']:g}") for one in job.get("FinalMetricDataList", [])]
    found += [("model", (job.get("ModelArtifacts") or {}).get("S3ModelArtifacts", ""))]
    found += [("output", job["OutputDataConfig"]["S3OutputPath"])]
    if checkpoints := job.get("CheckpointConfig"):
        found += [("checkpoints", checkpoints["S3Uri"])]
    for step in job.get("SecondaryStatusTransitions", []):
        at = step["StartTime"].astimezone().strftime("%H:%M:%S.%f")[:-3]
        found.append((at, f"{step['Status']}: {step.get('StatusMessage', '')}"))
    return found


def _image(algorithm: Document) -> str:
    return str(algorithm.get("TrainingImage") or algorithm.get("AlgorithmName", ""))


def _source(source: dict[str, Any]) -> str:
    s3 = source.get("S3DataSource")
    return str(s3["S3Uri"]) if s3 else ", ".join(source)


@app.command()
def interrupt(name: Name = "", data: DataOption = None, last: Last = False) -> None:
    """Interrupt a spot job as a cloud would: SIGTERM, a grace period, then SIGKILL. The job is queued again."""
    from urllib.parse import quote

    settings = settings_of(data=data)
    named = resolve_name(lean_client(settings, "sagemaker"), TRAINING, name, last)
    request(settings, "POST", f"jobs/{quote(named, safe='')}/interrupt")
    typer.echo(f"{named} is being interrupted")
