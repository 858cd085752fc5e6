"""`sagewright exec` and `sagewright env`: environments for the user's programs."""

from __future__ import annotations

import os
import shlex
from typing import Annotated

import typer

from sagewright.cli.options import DataOption, fail, settings_of
from sagewright.door.environment import NOWHERE, NoServer, applied, find_target, variables
from sagewright.model.settings import Settings

FastWaits = Annotated[
    bool | None,
    typer.Option(
        "--fast-waits/--no-fast-waits",
        help="Shorten the sleeps of SDKs and waiters between polls. The default is SAGEWRIGHT_FAST_WAITS, or yes.",
    ),
]


def _changes(settings: Settings, fast_waits: bool | None) -> dict[str, str | None]:
    try:
        target = find_target(settings.data, settings.region, settings.account)
    except NoServer as error:
        fail(str(error))
    return variables(target, settings.data, os.environ, fast_waits)


def exec_(
    command: Annotated[list[str], typer.Argument(help="The program and its arguments, after `--`.")],
    data: DataOption = None,
    fast_waits: FastWaits = None,
) -> None:
    """Run any program with endpoint, credentials, region and role of the running server."""
    environ = applied(_changes(settings_of(data=data), fast_waits), os.environ)
    try:
        os.execvpe(command[0], command, environ)  # noqa: S606
    except OSError as error:
        fail(f"{command[0]}: {error.strerror}")


def env(data: DataOption = None, fast_waits: FastWaits = None) -> None:
    """Print the same environment as shell commands: eval "$(sagewright env)"."""
    try:
        changes = _changes(settings_of(data=data), fast_waits)
    except typer.Exit:
        # A shell ignores the exit status of an evaluated command: `false` fails there, and keeps later commands from reaching AWS
        # itself.
        print(f"export AWS_ENDPOINT_URL={NOWHERE}; false")  # noqa: T201
        raise
    for name, value in changes.items():
        print(f"unset {name}" if value is None else f"export {name}={shlex.quote(value)}")  # noqa: T201
