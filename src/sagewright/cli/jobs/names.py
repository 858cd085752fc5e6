"""Names of jobs on the command line: unique prefixes, the newest job, and the nearest names of an unknown one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sagewright.cli.lean import ServiceClient, ServiceError
from sagewright.cli.options import FAILURE, fail

if TYPE_CHECKING:
    from sagewright.cli.jobs.kinds import JobKind

Name = Annotated[str, typer.Argument(help="Name of the job, or a prefix that no other job has.", show_default=False)]
AllNames = Annotated[list[str] | None, typer.Argument(help="Names of jobs, or prefixes that no other job has.")]
Last = Annotated[bool, typer.Option("--last", help="The newest job.")]
_NEAR = 1000
"""Newest jobs whose names are compared with an unknown one."""
_SHOWN = 5


def resolve_names(sagemaker: ServiceClient, kind: JobKind, given: list[str], last: bool) -> list[str]:
    """Returns the full names; ends the command for one that no job or several jobs have."""
    if not given:
        return [resolve_name(sagemaker, kind, "", last)]
    return list(dict.fromkeys(resolve_name(sagemaker, kind, one, last) for one in given))


def resolve_name(sagemaker: ServiceClient, kind: JobKind, given: str, last: bool) -> str:
    """Returns a job's full name; an exact match wins over jobs that merely begin with it."""
    if last and given:
        fail("Name the job or write --last, not both.")
    if not last and not given:
        fail(f"Name a {kind.noun}, or write --last for the newest one.")
    try:
        return _newest(sagemaker, kind) if last else _named(sagemaker, kind, given)
    except ServiceError as error:
        fail(error.message, FAILURE)


def _newest(sagemaker: ServiceClient, kind: JobKind) -> str:
    for name in _listed(sagemaker, kind, 1):
        return name
    fail(f"There is no {kind.noun} yet.", FAILURE)


def _named(sagemaker: ServiceClient, kind: JobKind, given: str) -> str:
    try:
        return kind.name(sagemaker.call(f"Describe{kind.member}", **{f"{kind.member}Name": given}))
    except ServiceError as error:
        if error.code not in {"ResourceNotFound", "ValidationException"}:
            raise
        refused = error
    try:
        longer = [one for one in _listed(sagemaker, kind, _NEAR, NameContains=given) if one.startswith(given)]
    except ServiceError:  # no job can have such a name
        raise refused from None
    if len(longer) == 1:
        return longer[0]
    if longer:
        more = " …" if len(longer) > _SHOWN else ""
        fail(f"{len(longer)} {kind.noun}s begin with {given}: {', '.join(longer[:_SHOWN])}{more}", FAILURE)
    from difflib import get_close_matches

    near = get_close_matches(given, _listed(sagemaker, kind, _NEAR), 3, 0.6)
    fail(f"There is no {kind.noun} {given}." + (f" Did you mean {' or '.join(near)}?" if near else ""), FAILURE)


def _listed(sagemaker: ServiceClient, kind: JobKind, most: int, **filters: str) -> list[str]:
    """Returns names, newest first."""
    order = {"SortBy": "CreationTime", "SortOrder": "Descending"}
    pages = sagemaker.pages(f"List{kind.member}s", most=most, **order, **filters)
    return [kind.name(job) for page in pages for job in page[f"{kind.member}Summaries"]][:most]
