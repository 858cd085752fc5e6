"""`sagewright quotas`: limits of the account, users and roles, and weights in the queue."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer

from sagewright.cli.lean import ServiceError, lean_client, request
from sagewright.cli.options import FAILURE, DataOption, fail, settings_of
from sagewright.cli.output import Format, JsonOption, OutputColumn, OutputOption, chosen, moment, print_rows

app = typer.Typer(no_args_is_help=True, help="Limits of the account, users and roles; weights in the queue.")
Document = dict[str, Any]
UserOption = Annotated[str | None, typer.Option("--user", help="A user's, instead of the account's.")]
RoleOption = Annotated[
    str | None, typer.Option("--role", help="A role's: of jobs that run as it, and of its sessions.")
]
QuotaName = Annotated[
    str,
    typer.Argument(
        help="jobs, cpus, memory, gpus, disk, endpoints, weight; or an AWS quota by its code or name.", metavar="QUOTA"
    ),
]
_OF_QUOTAS = (
    OutputColumn("code", lambda one: str(one["QuotaCode"])),
    OutputColumn("quota", lambda one: str(one["QuotaName"])),
    OutputColumn("limit", lambda one: "none" if one["Value"] >= 1e10 else f"{one['Value']:g}"),
)
RequestId = Annotated[str, typer.Argument(help="The request's id.", metavar="ID")]


@app.command("list")
def list_(
    data: DataOption = None,
    all_: Annotated[bool, typer.Option("--all", help="All quotas, also those without a limit.")] = False,
    output: OutputOption = Format.TABLE,
    json: JsonOption = False,
) -> None:
    """List the limits that are set, with what is used of them.

    JSON has subject (empty for the account), code, name, unit, limit and used; with --all the members of ListServiceQuotas.
    """
    settings = settings_of(data=data)
    if all_:
        every = _every(lean_client(settings, "service-quotas"))
        print_rows(every, _OF_QUOTAS, chosen(output, json))
        return
    columns = (
        OutputColumn("of", lambda one: str(one["subject"] or "account")),
        OutputColumn("quota", lambda one: str(one["name"])),
        OutputColumn("limit", lambda one: f"{one['limit']:g}"),
        OutputColumn("used", lambda one: f"{one['used']:g}"),
        OutputColumn("unit", lambda one: str(one["unit"])),
    )
    print_rows(request(settings, "GET", "quotas"), columns, chosen(output, json))


def _every(client: Any) -> list[Document]:
    try:
        return [
            one
            for service in client.call("ListServices")["Services"]
            for page in client.pages("ListServiceQuotas", ServiceCode=service["ServiceCode"])
            for one in page["Quotas"]
        ]
    except ServiceError as error:
        fail(error.message, FAILURE)


@app.command("set")
def set_(
    quota: QuotaName,
    value: Annotated[float, typer.Argument(help="The limit, or the weight.", min=0)],
    data: DataOption = None,
    user: UserOption = None,
    role: RoleOption = None,
) -> None:
    """Set a limit of the account, or of a user or role."""
    query = urlencode({"subject": _subject(user, role), "value": f"{value:g}" if value < 1e6 else f"{value:.0f}"})
    request(settings_of(data=data), "PUT", f"quotas/{quote(quota, safe='')}?{query}")


@app.command()
def unset(quota: QuotaName, data: DataOption = None, user: UserOption = None, role: RoleOption = None) -> None:
    """Remove a limit."""
    query = urlencode({"subject": _subject(user, role)})
    request(settings_of(data=data), "DELETE", f"quotas/{quote(quota, safe='')}?{query}")


@app.command()
def requests(data: DataOption = None, output: OutputOption = Format.TABLE, json: JsonOption = False) -> None:
    """List requests for larger limits, newest first. JSON has the members of ListRequestedServiceQuotaChangeHistory."""
    client = lean_client(settings_of(data=data), "service-quotas")
    columns = (
        OutputColumn("id", lambda one: str(one["Id"])),
        OutputColumn("quota", lambda one: str(one["QuotaName"])),
        OutputColumn("value", lambda one: f"{one['DesiredValue']:g}"),
        OutputColumn("requester", lambda one: str(one["Requester"]).rpartition("/")[2]),
        OutputColumn("status", lambda one: str(one["Status"])),
        OutputColumn("created", lambda one: moment(one["Created"])),
    )
    try:
        pages = client.pages("ListRequestedServiceQuotaChangeHistory")
        found = [one for page in pages for one in page["RequestedQuotas"]]
    except ServiceError as error:
        fail(error.message, FAILURE)
    print_rows(found, columns, chosen(output, json))


@app.command()
def approve(id_: RequestId, data: DataOption = None) -> None:
    """Approve a request: the limit becomes what it asks for."""
    request(settings_of(data=data), "POST", f"quota-requests/{quote(id_, safe='')}?decision=approve")


@app.command()
def deny(id_: RequestId, data: DataOption = None) -> None:
    """Deny a request."""
    request(settings_of(data=data), "POST", f"quota-requests/{quote(id_, safe='')}?decision=deny")


def _subject(user: str | None, role: str | None) -> str:
    if user and role:
        fail("Give one of --user and --role.")
    return f"user/{user}" if user else f"role/{role}" if role else ""
