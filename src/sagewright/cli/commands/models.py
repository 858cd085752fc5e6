"""`sagewright models`: the model registry."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from botocore.exceptions import ClientError
from rich.markup import escape
from rich.table import Column, Table

from sagewright.cli.client import client, get
from sagewright.cli.jobkinds import answer
from sagewright.cli.options import DataOption, console, fail, settings_of
from sagewright.model.aws.statuses import ApprovalStatus

COLOURS: dict[str, str] = {
    ApprovalStatus.APPROVED: "green",
    ApprovalStatus.REJECTED: "red",
    ApprovalStatus.PENDING: "yellow",
}
Version = Annotated[str, typer.Argument(help="A version as GROUP/NUMBER, or its ARN.")]
Why = Annotated[str, typer.Option("--why", help="Description of the decision.")]

app = typer.Typer(
    help="The model registry: list, show, approve, reject; JumpStart: catalogue, add, remove.", no_args_is_help=True
)


@app.command("list")
def list_(
    data: DataOption = None,
    group: Annotated[str | None, typer.Option(help="The versions of this group; without it, all groups.")] = None,
    limit: Annotated[int, typer.Option(help="Number of entries, newest first.")] = 20,
) -> None:
    """Groups of model packages, or the versions of one."""
    sagemaker = client(settings_of(data=data), "sagemaker")
    order = {
        "SortBy": "CreationTime",
        "SortOrder": "Descending",
        "PaginationConfig": {"MaxItems": limit, "PageSize": 100},
    }
    try:
        if group is None:
            console.print(_groups(sagemaker.get_paginator("list_model_package_groups").paginate(**order)))
        else:
            pages = sagemaker.get_paginator("list_model_packages").paginate(ModelPackageGroupName=group, **order)
            console.print(_versions(pages))
    except ClientError as error:
        fail(answer(error))


def _groups(pages: Any) -> Table:
    table = Table(Column("group", overflow="fold"), "created", "description", box=None)
    for found in (summary for page in pages for summary in page["ModelPackageGroupSummaryList"]):
        description = escape(found.get("ModelPackageGroupDescription", ""))
        table.add_row(found["ModelPackageGroupName"], _time(found["CreationTime"]), description)
    return table


def _versions(pages: Any) -> Table:
    table = Table(Column("version", overflow="fold"), "approval", "created", "description", box=None)
    for found in (summary for page in pages for summary in page["ModelPackageSummaryList"]):
        name = f"{found['ModelPackageGroupName']}/{found['ModelPackageVersion']}"
        description = escape(found.get("ModelPackageDescription", ""))
        table.add_row(name, coloured(found["ModelApprovalStatus"]), _time(found["CreationTime"]), description)
    return table


@app.command()
def show(version: Version, data: DataOption = None) -> None:
    """One version: its containers, and the history of its changes."""
    settings = settings_of(data=data)
    found = _describe(client(settings, "sagemaker"), version)
    group, number = found["ModelPackageGroupName"], found["ModelPackageVersion"]
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
    for change in get(settings, f"model-packages/{group}/{number}/history"):
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
    sagemaker = client(settings_of(data=data), "sagemaker")
    arn = _describe(sagemaker, version)["ModelPackageArn"]
    described = {"ApprovalDescription": why} if why else {}
    try:
        sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus=status, **described)
    except ClientError as error:
        fail(answer(error))
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
        except ClientError as error:
            fail(answer(error))
        arn = f"{of_group.replace(':model-package-group/', ':model-package/')}/{number}"
    try:
        found: dict[str, Any] = sagemaker.describe_model_package(ModelPackageName=arn)
    except ClientError as error:
        fail(answer(error))
    if "ModelPackageVersion" not in found:
        fail(f"{arn} is not a version of a group, and so neither approved nor rejected")
    return found


def coloured(status: str) -> str:
    colour = COLOURS.get(status, "default")
    return f"[{colour}]{status}[/{colour}]"


def _time(at: datetime) -> str:
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
