"""`sagewright jobs shell`: a shell, or one command, inside a running job."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from sagewright.cli.jobs.kinds import TRAINING
from sagewright.cli.jobs.names import Last, Name, resolve_name
from sagewright.cli.lean import lean_client
from sagewright.cli.options import FAILURE, DataOption, fail, settings_of

if TYPE_CHECKING:
    from sagewright.model.settings import Settings
    from sagewright.sandbox.inhabitants import Inhabitant

SHELLS = [["bash"], ["sh"]]
_SHOWN = ("TERM", "COLORTERM")
"""Variables of the terminal, which the program gets as the user has them."""

Command = Annotated[
    list[str] | None,
    typer.Argument(help="After --: a command and its arguments.", show_default="a shell", metavar="[-- COMMAND...]"),
]


def shell(
    name: Name = "",
    command: Command = None,
    data: DataOption = None,
    last: Last = False,
    host: Annotated[str, typer.Option(help="Host of the job.")] = "algo-1",
) -> None:
    """Open a shell inside a running job: its files, packages, variables, network, user and limits.

    The shell ends with the job. The exit status is the command's, or 125 if the shell could not enter the job. It works only on
    the machine that runs the job, for the user who runs the server.
    """
    words = [word for word in (name, *(command or [])) if word] if last else list(command or [])
    settings = settings_of(data=data)
    sagemaker = lean_client(settings, "sagemaker")
    named = resolve_name(sagemaker, TRAINING, "" if last else name, last)
    state = TRAINING.status(TRAINING.describe(sagemaker, named))
    if state != "InProgress":
        fail(f"{named} is {state}: only a running job has a shell.", FAILURE)
    found = _inhabitant(settings, named, host)
    from sagewright.cli.jobs.joined import run_joined
    from sagewright.sandbox.inhabitants import JoiningProgram

    shown = {name: os.environ[name] for name in _SHOWN if name in os.environ}
    try:
        status = run_joined(found, JoiningProgram([words] if words else SHELLS, shown))
    except OSError as error:
        fail(f"{named} cannot be joined: {error.strerror}.", FAILURE)
    raise typer.Exit(status)


def _inhabitant(settings: Settings, name: str, host: str) -> Inhabitant:
    """Returns the process of a job's host; ends the command if there is none to join."""
    from sagewright.model import titles
    from sagewright.sandbox.inhabitants import NoInhabitant, find_inhabitant

    if not sys.platform.startswith("linux"):
        fail("A shell in a job needs Linux.", FAILURE)
    agents = [one for one in titles.running(settings.data) if one.kind == titles.AGENT and one.job == name]
    agent = next((one for one in agents if one.host == host), None)
    if agent is None:
        hosts = ", ".join(sorted(one.host for one in agents))
        here = f"here are {hosts}" if hosts else "it waits for its machine, or runs on another one or as another user"
        fail(f"Host {host} of {name} is not a process of yours on this machine: {here}.", FAILURE)
    try:
        return find_inhabitant(agent.pid)
    except NoInhabitant as error:
        fail(f"{name} cannot be joined: {error}.{_container_hint(str(error))}", FAILURE)


def _container_hint(reason: str) -> str:
    return " Its engine joins it: `podman exec -it ID sh`, with the ID of `podman ps`." if "container" in reason else ""
