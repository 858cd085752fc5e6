"""`sagewright models`: the model registry."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from sagewright.cli.jobs.kinds import refuse
from sagewright.cli.lazy import LazyCommand, LazyGroup
from sagewright.cli.lean import ServiceError, lean_client, request
from sagewright.cli.options import DataOption, fail, settings_of
from sagewright.cli.output import Format, JsonOption, OutputColumn, OutputOption, chosen, moment, print_json, print_rows
from sagewright.model.aws.statuses import ApprovalStatus

COLOURS: dict[str, str] = {
    ApprovalStatus.APPROVED: "green",
    ApprovalStatus.REJECTED: "red",
    ApprovalStatus.PENDING: "yellow",
}
GROUPS = [
    OutputColumn("group", lambda one: str(one["ModelPackageGroupName"])),
    OutputColumn("created", lambda one: moment(one["CreationTime"])),
    OutputColumn("description", lambda one: str(one.get("ModelPackageGroupDescription", ""))),
    OutputColumn("arn", lambda one: str(one["ModelPackageGroupArn"]), wide=True),
]
VERSIONS = [
    OutputColumn("version", lambda one: f"{one['ModelPackageGroupName']}/{one['ModelPackageVersion']}"),
    OutputColumn("approval", lambda one: str(one["ModelApprovalStatus"])),
    OutputColumn("created", lambda one: moment(one["CreationTime"])),
    OutputColumn("description", lambda one: str(one.get("ModelPackageDescription", ""))),
    OutputColumn("arn", lambda one: str(one["ModelPackageArn"]), wide=True),
]
Version = Annotated[str, typer.Argument(help="A version as GROUP/NUMBER, or its ARN.")]
Why = Annotated[str, typer.Option("--why", help="Description of the decision.")]


class ModelCommands(LazyGroup):
    """The registry's commands, and those of JumpStart's catalogue, which imports much."""

    table = {  # noqa: RUF012 - never changed
        "catalogue": LazyCommand("hosting.catalogue:catalogue", "JumpStart's models: which are here, and their size."),
        "add": LazyCommand("hosting.catalogue:add", "Add the weights of a model."),
        "remove": LazyCommand("hosting.catalogue:remove", "Delete the weights that were added for a model."),
    }


app = typer.Typer(
    cls=ModelCommands,
    help="The model registry: list, show, approve, reject; JumpStart: catalogue, add, remove.",
    no_args_is_help=True,
)


@app.command("list")
def list_(
    data: DataOption = None,
    group: Annotated[str | None, typer.Option(help="List the versions of this group; without it, all groups.")] = None,
    limit: Annotated[int, typer.Option(help="Number of entries, newest first.")] = 20,
    output: OutputOption = Format.TABLE,
    json: JsonOption = False,
) -> None:
    """List groups of model packages, or the versions of one. JSON has the summaries of the List operation."""
    sagemaker = lean_client(settings_of(data=data), "sagemaker")
    order = {"SortBy": "CreationTime", "SortOrder": "Descending"}
    operation, member, fields = "ListModelPackageGroups", "ModelPackageGroupSummaryList", GROUPS
    if group is not None:
        order |= {"ModelPackageGroupName": group}
        operation, member, fields = "ListModelPackages", "ModelPackageSummaryList", VERSIONS
    try:
        pages = sagemaker.pages(operation, most=limit, **order)
        found = [one for page in pages for one in page[member]][:limit]
    except ServiceError as error:
        refuse(error)
    print_rows(found, fields, chosen(output, json))


@app.command()
def show(version: Version, data: DataOption = None, json: JsonOption = False) -> None:
    """Show one version: containers and history of changes. JSON is the response of DescribeModelPackage with History."""
    from rich.markup import escape
    from rich.table import Table

    from sagewright.cli.options import console

    settings = settings_of(data=data)
    found = _describe(lean_client(settings, "sagemaker"), version)
    group, number = found["ModelPackageGroupName"], found["ModelPackageVersion"]
    changes = request(settings, "GET", f"model-packages/{group}/{number}/history")
    if json:
        print_json(found | {"History": changes})
        return
    console.print(f"[bold]{group}/{number}[/bold]  {coloured(found['ModelApprovalStatus'])}")
    table = Table(box=None, show_header=False)
    for container in found.get("InferenceSpecification", {}).get("Containers", []):
        source = container.get("ModelDataSource", {}).get("S3DataSource", {})
        table.add_row("image", escape(container.get("Image", "")))
        table.add_row("model", escape(container.get("ModelDataUrl", source.get("S3Uri", ""))))
    for name, value in found.get("CustomerMetadataProperties", {}).items():
        table.add_row(escape(name), escape(value))
    console.print(table)
    history = Table("when", "who", "what", "approval", "why", box=None)
    for change in changes:
        what = ", ".join(change["fields"]) or change["step"]
        at = _time(datetime.fromtimestamp(change["at_ms"] / 1000, tz=UTC))
        approval = coloured(change["ModelApprovalStatus"])
        history.add_row(at, escape(change["by"]), escape(what), approval, escape(change["ApprovalDescription"]))
    console.print(history)


@app.command()
def approve(version: Version, data: DataOption = None, why: Why = "") -> None:
    """Approve a version. Rules for its group then deploy it."""
    _judge(version, ApprovalStatus.APPROVED, data, why)


@app.command()
def reject(version: Version, data: DataOption = None, why: Why = "") -> None:
    """Reject a version. Rules that deployed it return to the latest version that is still approved."""
    _judge(version, ApprovalStatus.REJECTED, data, why)


def _judge(version: str, status: str, data: Any, why: str) -> None:
    from sagewright.cli.options import console

    sagemaker = lean_client(settings_of(data=data), "sagemaker")
    arn = _describe(sagemaker, version)["ModelPackageArn"]
    described = {"ApprovalDescription": why} if why else {}
    try:
        sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus=status, **described)
    except ServiceError as error:
        refuse(error)
    console.print(f"{arn} is {status}")


def _describe(sagemaker: Any, version: str) -> dict[str, Any]:
    """Ends the command if the name is not that of an existing version."""
    arn = version
    if not version.startswith("arn:"):
        group, _, number = version.partition("/")
        if not number.isdecimal():
            fail(f"'{version}' is not a version; name it as GROUP/NUMBER")
        try:
            of_group = sagemaker.describe_model_package_group(ModelPackageGroupName=group)["ModelPackageGroupArn"]
        except ServiceError as error:
            refuse(error)
        arn = f"{of_group.replace(':model-package-group/', ':model-package/')}/{number}"
    try:
        found: dict[str, Any] = sagemaker.describe_model_package(ModelPackageName=arn)
    except ServiceError as error:
        refuse(error)
    if "ModelPackageVersion" not in found:
        fail(f"{arn} is not a version in a group, so it can't be approved or rejected")
    return found


def coloured(status: str) -> str:
    colour = COLOURS.get(status, "default")
    return f"[{colour}]{status}[/{colour}]"


def _time(at: datetime) -> str:
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
