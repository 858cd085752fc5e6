"""`sagewright open`: a page of Studio in the browser, by its section, its path, or its resource."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import quote, urlencode

import typer

from sagewright.cli.options import FAILURE, DataOption, fail, settings_of
from sagewright.cli.server.studio import open_url, signed_in
from sagewright.model.settings import Settings

SECTIONS = (
    "home", "jobs", "processing", "transform", "tuning", "experiments", "pipelines", "models", "endpoints", "functions",
    "clarify", "monitors", "alarms", "buckets", "wrangler", "notebooks", "jumpstart", "solutions", "guide",
)  # fmt: skip
PAGES = {
    "training-job": "jobs",
    "processing-job": "processing",
    "transform-job": "transform",
    "hyper-parameter-tuning-job": "tuning",
    "endpoint": "endpoints",
    "pipeline": "pipelines",
    "model-package": "models",
    "monitoring-schedule": "monitors",
}
"""The section in which a resource has its page, by its kind."""
_S3 = "s3://"
_EXECUTION = re.compile(r"arn:[^/]*:pipeline/([^/]+)/execution/([^/]+)")


def open_page(
    what: Annotated[
        str,
        typer.Argument(
            help=f"A section ({', '.join(SECTIONS)}), a path (/studio/jobs?q=churn), s3://BUCKET/KEY, or a resource's name or ARN."
        ),
    ] = "home",
    kind: Annotated[str, typer.Option(help=f"Only a resource of this kind: {', '.join(PAGES)}.")] = "any",
    data: DataOption = None,
    show: Annotated[bool, typer.Option("--show", help="Print the URL instead of opening the browser.")] = False,
) -> None:
    """Open a page of Studio in the browser, signed in. The URL works once, within five minutes."""
    settings = settings_of(data=data)
    open_url(signed_in(settings, _path(settings, what, kind)), show)


def _path(settings: Settings, what: str, kind: str) -> str:
    """Returns the path of a page below /studio; the search page for a text that is not the name of a resource. Ends the command
    for several."""
    if what.startswith("/"):
        return what.removeprefix("/studio").lstrip("/")
    if what.startswith(_S3):
        return f"buckets/{quote(what.removeprefix(_S3))}"
    if what in SECTIONS and kind == "any":
        return "" if what == "home" else what
    if match := _EXECUTION.fullmatch(what):
        return f"pipelines/{match[1]}/{match[2]}"
    found = _named(settings, what, kind)
    if len(found) > 1:
        fail(f"{what} is the name of {len(found)} resources; add --kind with one of: {', '.join(sorted(found))}.")
    for one, name in found.items():
        return f"{PAGES[one]}/{quote(name)}"
    if kind != "any":
        fail(f"There is no {kind.replace('-', ' ')} named {what}.", FAILURE)
    return f"search?{urlencode({'q': what})}"


def _named(settings: Settings, what: str, kind: str) -> dict[str, str]:
    """Returns the names of the resources that have a page, by kind."""
    from sagewright.cli.lean import ServiceError, connect

    path = f"/_sagewright/why/{quote(kind, safe='')}/{quote(what, safe='/')}"
    try:
        found = connect(settings).send("GET", path, "sagewright", {})
    except ServiceError as error:
        if error.code in ("ResourceNotFound", "ResourceNotFoundException"):
            return {}
        fail(error.message, FAILURE)
    return {one["kind"]: one["name"] for one in found if one["kind"] in PAGES}
