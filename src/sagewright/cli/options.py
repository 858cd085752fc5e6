"""What several commands share: the option for the data directory, and errors that end a command in one line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from sagewright.model.settings import BadSetting, Settings, load_settings

DataOption = Annotated[
    Path | None,
    typer.Option("--data", help="Directory that holds everything the server keeps.", show_default="SAGEWRIGHT_DATA"),
]
UNBOUNDED = 10_000
console = Console(highlight=False, width=None if sys.stdout.isatty() else UNBOUNDED)
"""Tables fit a terminal; what goes into a pipe or a file is never cut."""


def settings_of(**given: Any) -> Settings:
    """The settings in force, from options and environment; ends the command on a bad one."""
    try:
        return load_settings(given)
    except BadSetting as error:
        fail(str(error))


def fail(message: str) -> NoReturn:
    print(f"sagewright: {message}", file=sys.stderr)  # noqa: T201
    raise typer.Exit(2)
