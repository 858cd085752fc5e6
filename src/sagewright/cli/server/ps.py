"""`sagewright ps`: Sagewright's processes on this machine, whether or not a server runs."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from sagewright.cli.output import print_table


def ps(
    data: Annotated[
        Path | None, typer.Option(help="Only processes of this data directory.", show_default="all of this user's")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document per line.")] = False,
) -> None:
    """List the processes of the server and of its jobs. This works without a server."""
    from sagewright.model.titles import running

    found = running(None if data is None else data.expanduser().absolute())
    if as_json:
        for one in found:
            since = datetime.fromtimestamp(one.since_s, UTC).isoformat(timespec="seconds")
            typer.echo(json.dumps({**{k: v for k, v in asdict(one).items() if k != "since_s"}, "since": since}))
        return
    rows = [[str(one.pid), one.kind, one.job, one.host, _moment(one.since_s), one.data] for one in found]
    print_table(("pid", "kind", "job or instance", "host", "since", "data directory"), rows)


def _moment(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
