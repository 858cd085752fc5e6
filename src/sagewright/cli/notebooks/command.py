"""`sagewright notebook`: opens JupyterLab of a space, lists and stops spaces, and runs a notebook as a job."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from botocore.exceptions import BotoCoreError, ClientError

from sagewright.cli.client import client
from sagewright.cli.jobs.kinds import refuse
from sagewright.cli.lazy import DefaultGroup
from sagewright.cli.notebooks.jobs import NAMES, NotebookRun, read_run_options, run_notebook
from sagewright.cli.notebooks.spaces import ListedSpace, NotebookUnavailable, Spaces
from sagewright.cli.options import DataOption, console, fail, settings_of
from sagewright.cli.output import Format, JsonOption, OutputColumn, OutputOption, chosen, print_rows
from sagewright.cli.server.studio import has_screen
from sagewright.toolkit.notebook_jobs.crontabs import BadCrontab
from sagewright.toolkit.notebook_jobs.outputs import NoOutput
from sagewright.toolkit.notebook_jobs.requests import BadNotebookJob
from sagewright.toolkit.notebook_jobs.service import NotebookJobService

DEFAULT = "default"
OPEN = "open"
LISTED = [
    OutputColumn("name", lambda one: str(one["SpaceName"])),
    OutputColumn("owner", lambda one: str(one["OwnerUserProfileName"] or "shared")),
    OutputColumn("JupyterLab", lambda one: str(one["Status"])),
    OutputColumn("reason", lambda one: str(one["FailureReason"])),
]
START_S = 1800.0
"""Maximum wait for JupyterLab: the first start builds its environment."""


class OpeningGroup(DefaultGroup):
    """`sagewright notebook NAME` is `sagewright notebook open NAME`."""

    default = OPEN


app = typer.Typer(cls=OpeningGroup, help="JupyterLab in a space of this server, and notebooks that run as jobs.")


@app.command(OPEN)
def open_(
    name: Annotated[str, typer.Argument(help="Name of the space; it is created if it is missing.")] = DEFAULT,
    data: DataOption = None,
    no_open: Annotated[bool, typer.Option("--no-open", help="Only print the URL.")] = False,
    stop: Annotated[bool, typer.Option("--stop", help="Stop the space's JupyterLab; its files stay.")] = False,
    list_: Annotated[bool, typer.Option("--list", help="List the spaces and their state.")] = False,
    instance_type: Annotated[
        str, typer.Option("--instance-type", help="Instance type of a space that is started, such as ml.m5.large.")
    ] = "",
) -> None:
    """Open JupyterLab in the browser, signed in, and start its space if needed. The URL works once, within five minutes."""
    try:
        spaces = Spaces(client(settings_of(data=data), "sagemaker"))
        if list_:
            print_rows([document_of(one) for one in spaces.all()], LISTED, Format.TABLE)
        elif stop:
            console.print(f"{name} stops; its files stay." if spaces.stop(name) else f"{name} does not run.")
        else:
            spaces.ensure(name, instance_type)
            spaces.wait(name, START_S, console.print)
            _show(spaces.url(name), no_open)
    except ClientError as error:
        refuse(error)
    except (BotoCoreError, NotebookUnavailable) as error:
        fail(str(error))


@app.command("list")
def list_spaces(data: DataOption = None, output: OutputOption = Format.TABLE, json: JsonOption = False) -> None:
    """List the spaces and their state. JSON has SpaceName, OwnerUserProfileName, Status and FailureReason."""
    try:
        found = [document_of(one) for one in Spaces(client(settings_of(data=data), "sagemaker")).all()]
    except ClientError as error:
        refuse(error)
    except BotoCoreError as error:
        fail(str(error))
    print_rows(found, LISTED, chosen(output, json))


@app.command("run")
def run(
    file: Annotated[Path, typer.Argument(help="The notebook.", exists=True, dir_okay=False)],
    data: DataOption = None,
    param: Annotated[
        list[str] | None, typer.Option("--param", help="NAME=VALUE, a parameter of the notebook; may be repeated.")
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option("--option", help=f"NAME=VALUE; names are {', '.join(NAMES)}.")
    ] = None,
    schedule: Annotated[
        str, typer.Option("--schedule", help="Times to run at, as a crontab line: '0 6 * * 1-5', or @daily.")
    ] = "",
    output: Annotated[
        Path | None, typer.Option("--output", help="File for the notebook as it was run; beside FILE by default.")
    ] = None,
) -> None:
    """Run a whole notebook as a job, with parameters, now or on a schedule. The exit status is 1 if a cell failed."""
    service = NotebookJobService(_Session(settings_of(data=data)))
    try:
        options = read_run_options(_pairs(option, "--option"))
        one = NotebookRun(file, _pairs(param, "--param"), options, schedule, output)
        done = run_notebook(service, one, lambda line: console.print(line, markup=False, soft_wrap=True))
    except ClientError as error:
        refuse(error)
    except (BotoCoreError, BadNotebookJob, BadCrontab, NoOutput) as error:
        fail(str(error))
    if not done:
        raise typer.Exit(1)


class _Session:
    """Clients of the running server, as boto3's session makes them."""

    def __init__(self, settings: Any) -> None:
        self._settings = settings

    def client(self, service: str) -> Any:
        return client(self._settings, service)


def _pairs(given: list[str] | None, option: str) -> dict[str, str]:
    found = {}
    for one in given or ():
        name, equals, value = one.partition("=")
        if not equals or not name:
            fail(f"{option} {one}: it must be NAME=VALUE")
        found[name] = value
    return found


def document_of(space: ListedSpace) -> dict[str, Any]:
    """Returns a space as JSON shows it. A space without an app, or whose app is deleted, is stopped."""
    status = space.status if space.status not in {"", "Deleted"} else "Stopped"
    return {
        "SpaceName": space.name,
        "OwnerUserProfileName": space.owner,
        "Status": status,
        "FailureReason": space.reason,
    }


def _show(url: str, no_open: bool) -> None:
    import webbrowser

    console.print(url, soft_wrap=True, markup=False)
    if not no_open and has_screen():
        webbrowser.open(url)
