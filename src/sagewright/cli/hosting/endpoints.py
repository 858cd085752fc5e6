"""`sagewright endpoints`: endpoints and their variants."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sagewright.cli.jobs.kinds import refuse
from sagewright.cli.lean import Document, ServiceClient, ServiceError, lean_client
from sagewright.cli.options import DataOption, fail, settings_of
from sagewright.cli.output import Format, JsonOption, OutputColumn, OutputOption, chosen, moment, print_json, print_rows

if TYPE_CHECKING:
    from rich.table import Table

COLOURS = {"InService": "green", "Failed": "red"}
LISTED = [
    OutputColumn("name", lambda one: str(one["EndpointName"])),
    OutputColumn("status", lambda one: str(one["EndpointStatus"])),
    OutputColumn("created", lambda one: moment(one["CreationTime"])),
    OutputColumn("changed", lambda one: moment(one["LastModifiedTime"]), wide=True),
    OutputColumn("arn", lambda one: str(one["EndpointArn"]), wide=True),
]
CHANGING = {"Creating", "Updating", "RollingBack", "Deleting"}
POLL_S = 0.5
Name = Annotated[str, typer.Argument(help="Name of the endpoint.")]
OneName = Annotated[str, typer.Argument(help="Name of the endpoint, or ENDPOINT/COMPONENT.")]

app = typer.Typer(help="Endpoints: list, show, invoke, logs, compare, delete.", no_args_is_help=True)


@app.command("list")
def list_(
    data: DataOption = None,
    status: Annotated[str | None, typer.Option(help="Only endpoints with this status.")] = None,
    contains: Annotated[str | None, typer.Option(help="Only endpoints with this in their name.")] = None,
    limit: Annotated[int, typer.Option(help="Number of entries, newest first.")] = 20,
    output: OutputOption = Format.TABLE,
    json: JsonOption = False,
) -> None:
    """List the newest endpoints. JSON has the summaries of ListEndpoints."""
    filters = {"StatusEquals": status, "NameContains": contains}
    requested = {name: value for name, value in filters.items() if value is not None}
    order = {"SortBy": "CreationTime", "SortOrder": "Descending"}
    pages = lean_client(settings_of(data=data), "sagemaker").pages("ListEndpoints", most=limit, **order, **requested)
    try:
        found = [one for page in pages for one in page["Endpoints"]][:limit]
    except ServiceError as error:
        refuse(error)
    print_rows(found, LISTED, chosen(output, json))


@app.command()
def show(
    name: Name,
    data: DataOption = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until no change is in progress.")] = False,
    json: JsonOption = False,
) -> None:
    """Show one endpoint: status, reason, variants, operations in progress. JSON is the response of DescribeEndpoint."""
    sagemaker = lean_client(settings_of(data=data), "sagemaker")
    found = _describe(sagemaker, name)
    said = ""
    while wait and found["EndpointStatus"] in CHANGING:
        said = _progress(found, said)
        time.sleep(POLL_S)
        found = _describe(sagemaker, name)
    if json:
        print_json(found)
    else:
        _print_endpoint(sagemaker, name, found)
    if wait and found["EndpointStatus"] == "Failed":
        raise typer.Exit(1)


def _print_endpoint(sagemaker: ServiceClient, name: str, found: Document) -> None:
    from rich.markup import escape

    from sagewright.cli.options import console

    console.print(f"[bold]{name}[/bold]  {coloured(found['EndpointStatus'])}  {escape(found['EndpointConfigName'])}")
    if reason := found.get("FailureReason"):
        console.print(reason, style="red", markup=False, soft_wrap=True)
    console.print(_variants(found))
    if components := _components(sagemaker, name):
        console.print(_component_table(components))
    if pending := found.get("PendingDeploymentSummary"):
        console.print(f"on the way to {escape(pending['EndpointConfigName'])}:")
        console.print(_variants(pending))


@app.command()
def invoke(
    name: OneName,
    body: Annotated[str, typer.Argument(help="Body of the request; @FILE for a file's content, - for standard input.")],
    data: DataOption = None,
    content_type: Annotated[str, typer.Option(help="Content type of the body.")] = "application/json",
    accept: Annotated[str | None, typer.Option(help="Content type of the response.")] = None,
    variant: Annotated[str | None, typer.Option(help="Variant to invoke, regardless of the weights.")] = None,
) -> None:
    """Invoke an endpoint and print its response."""
    from botocore.exceptions import ClientError

    from sagewright.cli.client import client

    endpoint, _, component = name.partition("/")
    requested = {"Accept": accept, "TargetVariant": variant, "InferenceComponentName": component or None}
    runtime = client(settings_of(data=data), "sagemaker-runtime")
    try:
        described = runtime.invoke_endpoint(
            EndpointName=endpoint,
            Body=_body(body),
            ContentType=content_type,
            **{member: value for member, value in requested.items() if value is not None},
        )
    except ClientError as error:
        refuse(error)
    sys.stdout.buffer.write(described["Body"].read())
    sys.stdout.buffer.write(b"\n" if sys.stdout.isatty() else b"")
    sys.stdout.buffer.flush()


@app.command()
def logs(
    name: OneName,
    data: DataOption = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Follow until Ctrl-C.")] = False,
) -> None:
    """Print the output of the model servers, variant by variant."""
    cloudwatch = lean_client(settings_of(data=data), "logs")
    endpoint, _, component = name.partition("/")
    group = f"/aws/sagemaker/InferenceComponents/{component}" if component else f"/aws/sagemaker/Endpoints/{endpoint}"
    tokens: dict[str, str] = {}
    while True:
        try:
            streams = [
                one["logStreamName"]
                for page in cloudwatch.get_paginator("describe_log_streams").paginate(logGroupName=group)
                for one in page["logStreams"]
            ]
        except ServiceError as error:
            refuse(error)
        for stream in streams:
            _print_new(cloudwatch, group, stream, tokens)
        if not follow:
            return
        time.sleep(POLL_S)


@app.command()
def compare(
    name: Name,
    data: DataOption = None,
    minutes: Annotated[int, typer.Option(help="Minutes to look back.")] = 60,
    json: JsonOption = False,
) -> None:
    """Compare the variants: invocations, errors and latency, each with its 95 % confidence interval.

    JSON has a document for each variant, with the table's texts.
    """
    from sagewright.cli.client import client
    from sagewright.cli.hosting.comparing import compared, comparison
    from sagewright.cli.options import console

    settings = settings_of(data=data)
    found = _describe(lean_client(settings, "sagemaker"), name)
    variants = [*found.get("ProductionVariants", []), *found.get("ShadowProductionVariants", [])]
    names = [one["VariantName"] for one in variants]
    if json:
        print_json(compared(client(settings, "cloudwatch"), name, names, minutes))
    else:
        console.print(comparison(client(settings, "cloudwatch"), name, names, minutes))


@app.command()
def delete(name: Name, data: DataOption = None) -> None:
    """Delete an endpoint; its configuration and models stay."""
    from sagewright.cli.options import console

    try:
        lean_client(settings_of(data=data), "sagemaker").delete_endpoint(EndpointName=name)
    except ServiceError as error:
        refuse(error)
    console.print(f"{name} is being deleted")


def _describe(sagemaker: Any, name: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = sagemaker.describe_endpoint(EndpointName=name)
    except ServiceError as error:
        refuse(error)
    return found


def _progress(found: dict[str, Any], said: str) -> str:
    """Prints the current activity unless it equals `said`; returns it."""
    from sagewright.cli.options import console

    source = found.get("PendingDeploymentSummary", found)
    messages = [
        f"{variant['VariantName']}: {status['Status']}, {status.get('StatusMessage', '')}"
        for variant in source.get("ProductionVariants", [])
        for status in variant.get("VariantStatus", [])
    ]
    text = "; ".join([found["EndpointStatus"], *messages])
    if text != said:
        console.print(text, markup=False, soft_wrap=True)
    return text


def _variants(found: dict[str, Any]) -> Table:
    from rich.markup import escape
    from rich.table import Column, Table

    table = Table(
        Column("variant", overflow="fold"), "weight", "instances", Column("image", overflow="fold"), "", box=None
    )
    for member, kind in (("ProductionVariants", ""), ("ShadowProductionVariants", "shadow")):
        for variant in found.get(member, []):
            images = ", ".join(one["SpecifiedImage"] for one in variant.get("DeployedImages", []))
            status = "; ".join(one.get("StatusMessage", one["Status"]) for one in variant.get("VariantStatus", []))
            table.add_row(
                escape(variant["VariantName"]),
                f"{variant.get('CurrentWeight', 0):g}",
                _size(variant),
                escape(images),
                escape(" ".join(filter(None, (kind, status)))),
            )
    return table


def _components(sagemaker: Any, endpoint: str) -> list[dict[str, Any]]:
    """The inference components on an endpoint, oldest first."""
    pages = sagemaker.get_paginator("list_inference_components").paginate(
        EndpointNameEquals=endpoint, SortBy="CreationTime", SortOrder="Ascending"
    )
    names = [one["InferenceComponentName"] for page in pages for one in page["InferenceComponents"]]
    return [sagemaker.describe_inference_component(InferenceComponentName=name) for name in names]


def _component_table(components: list[dict[str, Any]]) -> Table:
    from rich.markup import escape
    from rich.table import Column, Table

    table = Table(Column("component", overflow="fold"), "variant", "status", "copies", Column("model", overflow="fold"), "",
                  box=None)  # fmt: skip
    for one in components:
        runs, specification = one["RuntimeConfig"], one["Specification"]
        image = specification.get("Container", {}).get("DeployedImage", {}).get("SpecifiedImage", "")
        table.add_row(
            escape(one["InferenceComponentName"]),
            escape(one["VariantName"]),
            coloured(one["InferenceComponentStatus"]),
            f"{runs['CurrentCopyCount']} of {runs['DesiredCopyCount']}",
            escape(specification.get("ModelName") or image),
            escape(one.get("FailureReason", "")),
        )
    return table


def _size(variant: dict[str, Any]) -> str:
    serverless = variant.get("CurrentServerlessConfig")
    if serverless:
        return f"serverless, {serverless['MemorySizeInMB']} MB, at most {serverless['MaxConcurrency']} at a time"
    return f"{variant.get('CurrentInstanceCount', 0)} of {variant.get('DesiredInstanceCount', 0)}"


def _body(text: str) -> bytes:
    if text == "-":
        return sys.stdin.buffer.read()
    if not text.startswith("@"):
        return text.encode()
    try:
        return Path(text[1:]).read_bytes()
    except OSError as error:
        fail(f"{text[1:]}: {error.strerror}")


def _print_new(cloudwatch: Any, group: str, stream: str, tokens: dict[str, str]) -> None:
    from sagewright.cli.options import console

    while True:
        requested = {"nextToken": tokens[stream]} if stream in tokens else {}
        page = cloudwatch.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True, **requested)
        tokens[stream] = page["nextForwardToken"]
        if not page["events"]:
            return
        for event in page["events"]:
            console.print(f"{stream} | {event['message']}", markup=False, soft_wrap=True)


def coloured(status: str) -> str:
    colour = COLOURS.get(status, "yellow" if status in CHANGING else "default")
    return f"[{colour}]{status}[/{colour}]"
