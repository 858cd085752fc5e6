"""`sagewright doctor`: the capabilities of this machine, and how to enable missing ones."""

from __future__ import annotations

import textwrap
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from sagewright.cli.options import FAILURE, DataOption, settings_of
from sagewright.cli.output import JsonOption, print_json, print_table, width

if TYPE_CHECKING:
    from sagewright.cli.server.findings import Finding

MOST_COLUMNS = 80
_LEAST = 20


def doctor(data: DataOption = None, json: JsonOption = False) -> None:
    """Check what this machine offers to jobs, with a trial run. The exit status is 1 if no job can run.

    JSON has an array of findings: what, good, detail.
    """
    from sagewright.cli.server.findings import TRIAL, findings  # imports much that no other command needs

    found = findings(settings_of(data=data))
    if json:
        print_json([asdict(one) for one in found])
    else:
        print_table(("", "what", "detail"), _rows(found))
    if not all(one.good for one in found if one.what == TRIAL):
        raise typer.Exit(FAILURE)


def _rows(found: list[Finding]) -> list[tuple[str, str, str]]:
    """Returns the lines of a table of at most MOST_COLUMNS columns."""
    room = max(_LEAST, min(width(), MOST_COLUMNS) - 3 - 4 - max(len(one.what) for one in found))
    rows = []
    for one in found:
        first, *rest = textwrap.wrap(one.detail, room) or [""]
        rows.append(("yes" if one.good else "no", one.what, first))
        rows += [("", "", line) for line in rest]
    return rows
