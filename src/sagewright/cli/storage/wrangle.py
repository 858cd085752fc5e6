"""`sagewright wrangle`: runs a Data Wrangler flow as a processing job, or prints it as a program."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from botocore.exceptions import BotoCoreError, ClientError

from sagewright.cli.client import client
from sagewright.cli.jobs.kinds import POLL_S, PROCESSING, coloured, log_lines, refuse
from sagewright.cli.lean import ServiceError, lean_client
from sagewright.cli.options import FAILURE, DataOption, console, fail, settings_of
from sagewright.wrangler import flows
from sagewright.wrangler.errors import FlowError, StepError
from sagewright.wrangler.flows import Flow, NodeType
from sagewright.wrangler.requests import FlowJob, FlowOutput, processing_request, source_names

ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"

FileArgument = Annotated[Path, typer.Argument(help="The flow.", exists=True, dir_okay=False)]
InputOption = Annotated[
    list[str], typer.Option("--input", help="S3 URI of the source, or NAME=URI; repeat for several sources.")
]
OutputOption = Annotated[str, typer.Option("--output", help="S3 URI of the output's folder.")]
NodeOption = Annotated[str, typer.Option("--node", help="Id of the node to write, with its output after a dot.")]
RefitOption = Annotated[bool, typer.Option("--refit", help="Fit the steps on all rows, and write the fitted flow too.")]
CodeOption = Annotated[bool, typer.Option("--code", help="Print the flow as a polars program, and run nothing.")]
WaitOption = Annotated[bool, typer.Option("--wait/--no-wait", help="Follow the job's log until its end.")]
TypeOption = Annotated[str, typer.Option("--instance-type", help="Instance type.")]


@dataclass(frozen=True)
class FlowRequest:
    """One run of a flow. `inputs`: S3 URIs by the source's name, "" for the only one."""

    file: Path
    flow: Flow
    inputs: dict[str, str]
    output: str
    node: str
    refit: bool
    instance_type: str


def wrangle(  # a parameter is an option of the command
    file: FileArgument,
    inputs: InputOption = [],  # noqa: B006 - never changed
    output: OutputOption = "",
    node: NodeOption = "",
    refit: RefitOption = False,
    code: CodeOption = False,
    wait: WaitOption = True,
    instance_type: TypeOption = "ml.m5.large",
    data: DataOption = None,
) -> None:
    """Run a Data Wrangler flow on all rows, as a processing job, and follow its log."""
    try:
        flow = flows.read(file.read_bytes())
        if code:
            from sagewright.wrangler.code import program

            console.print(program(flow), markup=False, soft_wrap=True, highlight=False)
            return
        request = FlowRequest(file, flow, _named(flow, inputs), output, _target(flow, node), refit, instance_type)
    except (FlowError, StepError) as error:
        fail(str(error))
    settings = settings_of(data=data)
    sagemaker, s3 = lean_client(settings, "sagemaker"), client(settings, "s3")
    if not output.startswith("s3://"):
        fail("--output has to be an S3 URI, s3://bucket/folder/.")
    try:
        name = _start(sagemaker, s3, request)
    except (ClientError, ServiceError) as error:
        refuse(error)
    except (BotoCoreError, FlowError) as error:
        fail(str(error))
    console.print(f"processing job {name}", markup=False)
    if wait:
        _follow(sagemaker, lean_client(settings, "logs"), name)


def _sources(flow: Flow) -> list[str]:
    """Raises FlowError."""
    return list(source_names(flow).values())


def _named(flow: Flow, given: list[str]) -> dict[str, str]:
    """Returns the inputs by the source's name. Raises FlowError."""
    sources = _sources(flow)
    named: dict[str, str] = {}
    for one in given:
        name, equals, uri = one.partition("=")
        if not equals or name.startswith("s3://"):
            if len(sources) != 1:
                raise FlowError(f"The flow has the sources {', '.join(sources) or 'none'}: write --input NAME=URI.")
            name, uri = sources[0], one
        if name not in sources:
            raise FlowError(f"The flow has no source {name!r}; it has {', '.join(sources) or 'none'}.")
        named[name] = uri
    return named


def _target(flow: Flow, node: str) -> str:
    """Returns the name of the output: that of --node, of the only destination, or of the last node. Raises FlowError."""
    if node:
        name, _, port = node.partition(".")
        flow.node(name)
        return f"{name}.{port or flows.PORT}"
    places = [one for one in flow.nodes if one.type is NodeType.DESTINATION]
    if len(places) > 1:
        raise FlowError("The flow has several destinations: choose one by --node.")
    last = places or [one for one in flow.ordered() if one.type in flows.TABLES and not flow.followers(one.node_id)]
    if not last:
        raise FlowError("The flow has nothing to write.")
    if len(last[-1].output_names) > 1:
        raise FlowError(
            f"The last node has the outputs {', '.join(last[-1].output_names)}: choose one by --node {last[-1].node_id}.NAME."
        )
    return f"{last[-1].node_id}.{last[-1].output_names[0] if last[-1].output_names else flows.PORT}"


def _start(sagemaker: Any, s3: Any, request: FlowRequest) -> str:
    """Uploads the flow next to the output and creates the job. Returns its name."""
    stem = re.sub(r"[^A-Za-z0-9]+", "-", request.file.stem).strip("-")[:30] or "flow"
    name = f"{stem}-{time.strftime('%Y-%m-%d-%H-%M-%S', time.gmtime())}-{time.time_ns() // 1_000_000 % 1000:03}"
    bucket = request.output.removeprefix("s3://").partition("/")[0]
    key = f"wrangler/{name}/{stem}.flow"
    s3.put_object(Bucket=bucket, Key=key, Body=request.flow.text().encode())
    node_id, _, port = request.node.partition(".")
    target = FlowOutput(node_id, request.output, port, "" if _is_destination(request) else "CSV")
    fitted = f"{stem}.flow" if request.refit else ""
    uri = f"s3://{bucket}/{key}"
    run = FlowJob(name, ROLE, uri, (target,), request.instance_type, fitted, request.inputs)
    sagemaker.create_processing_job(**processing_request(request.flow, run))
    return name


def _is_destination(request: FlowRequest) -> bool:
    return request.flow.node(request.node.partition(".")[0]).type is NodeType.DESTINATION


def _follow(sagemaker: Any, logs: Any, name: str) -> None:
    """Prints the log until the job ends; ends the command with 1 unless it is Completed."""
    tokens: dict[str, str] = {}
    while True:
        job = PROCESSING.describe(sagemaker, name)
        status = PROCESSING.status(job)
        for _, line in log_lines(logs, PROCESSING, name, tokens):
            console.print(line, markup=False, soft_wrap=True, highlight=False)
        if status in {"Completed", "Failed", "Stopped"}:
            break
        time.sleep(POLL_S)
    console.print(f"{name}  {coloured(status)}")
    if status != "Completed":
        fail(job.get("ExitMessage") or job.get("FailureReason") or status, FAILURE)
