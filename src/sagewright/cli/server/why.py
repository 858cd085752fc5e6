"""`sagewright why NAME`: why a job, endpoint, pipeline or another resource is in its status."""

from __future__ import annotations

import json
from typing import Annotated
from urllib.parse import quote

import typer

from sagewright.cli.options import DataOption, console, settings_of


def why(
    name: Annotated[str, typer.Argument(help="Name or ARN; for a model package, GROUP/VERSION.")],
    kind: Annotated[str, typer.Option(help="Only this kind: training-job, endpoint, pipeline, …")] = "any",
    data: DataOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document per line.")] = False,
) -> None:
    """Say why a resource waits, runs or has failed, in one sentence."""
    from sagewright.cli.lean import request

    found = request(settings_of(data=data), "GET", f"why/{quote(kind, safe='')}/{quote(name, safe='/')}")
    for one in found:
        if as_json:
            typer.echo(json.dumps(one))
            continue
        console.print(f"{one['kind']} {one['name']}: {one['status']}", markup=False, soft_wrap=True)
        console.print(f"  {one['reason'] or 'Nothing is amiss.'}", markup=False, soft_wrap=True)
