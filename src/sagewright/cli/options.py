"""Common parts of commands: the option for the data directory, and errors that end a command with one line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from sagewright.model.settings import Settings

    console: Console
    """Tables fit a terminal; output to a pipe or a file is never truncated."""

DataOption = Annotated[
    Path | None,
    typer.Option("--data", help="Directory that holds everything the server keeps.", show_default="SAGEWRIGHT_DATA"),
]
UNBOUNDED = 10_000
_CONTROLS = {code: "\ufffd" for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n"}
FAILURE, USAGE = 1, 2
"""Exit statuses: the command could not do its work, or was used wrongly."""


def __getattr__(name: str) -> Console:
    """Makes `console` when a command first needs it, since rich takes as long to import as a query."""
    if name != "console":
        raise AttributeError(name)
    from sagewright.cli.terminal import TerminalConsole

    made = TerminalConsole(highlight=False, width=None if sys.stdout.isatty() else UNBOUNDED)
    globals()["console"] = made
    return made


def settings_of(**given: Any) -> Settings:
    """Returns the effective settings, from options and environment; ends the command on an invalid one."""
    from sagewright.model.settings import BadSetting, load_settings

    try:
        return load_settings(given)
    except BadSetting as error:
        fail(str(error))


def plain(text: str) -> str:
    """Replaces the control characters of a text, which may be a user's: they must not reach the terminal. Lines and tabs stay."""
    return text.translate(_CONTROLS)


def fail(message: str, status: int = USAGE) -> NoReturn:
    """Ends the command with a message and an exit status: USAGE or FAILURE. Control characters of users' texts are replaced."""
    print(f"sagewright: {plain(message)}", file=sys.stderr)  # noqa: T201
    raise typer.Exit(status)
