"""Dashboards: stored and returned, but not rendered.

Source: CloudWatch's API reference; AWS's answers as localstack/localstack recorded them (`test_cloudwatch.snapshot.json`,
test_dashboard_lifecycle, test_invalid_dashboard_name).
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

from sagewright.model.clock import to_datetime
from sagewright.model.documents import read_json
from sagewright.model.errors import AwsError
from sagewright.services import paging
from sagewright.services.aws.cloudwatch.periods import invalid
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.listing import PageRequest
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New, Resource, ResourceNameTaken
from sagewright.store.schema.resources import resources as table

KIND = "cloudwatch-dashboard"
MOST_NAME, MOST_LISTED, MOST_DELETED = 255, 1000, 100
_NAME = re.compile(r"[A-Za-z0-9_-]+")


@operation("cloudwatch", "PutDashboard")
def put_dashboard(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    name, body = request["DashboardName"], request["DashboardBody"]
    _check_name(name)
    _check_body(body)
    pairs = {pair["Key"]: pair["Value"] for pair in request.get("Tags") or ()}
    new = New(name, {"Body": body}, arn_of(context, name), pairs, principal=context.principal.arn)
    try:
        resources.create(context.store, _scope(context), new)
    except ResourceNameTaken:
        there = find(context, name)
        if there is None or not _changed(context, there, body):
            return put_dashboard(context, request)
    return {"DashboardValidationMessages": []}


def _changed(context: Context, there: Resource, body: str) -> bool:
    """Returns False if the dashboard was deleted meanwhile."""
    return resources.alter(context.store, there.id, lambda now: replace(now, document={"Body": body})) is not None


@operation("cloudwatch", "GetDashboard")
def get_dashboard(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    found = find(context, request["DashboardName"])
    if found is None:
        raise _absent([request["DashboardName"]])
    return {
        "DashboardArn": arn_of(context, found.name),
        "DashboardBody": found.document["Body"],
        "DashboardName": found.name,
    }


@operation("cloudwatch", "ListDashboards")
def list_dashboards(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    prefix = request.get("DashboardNamePrefix", "")
    wrong = invalid("NextToken is not one of this list.")
    position = paging.decode(request.get("NextToken"), wrong)
    if position is not None and (len(position) != 1 or not isinstance(position[0], str)):
        raise wrong
    after = (position[0], position[0]) if position else None
    requested = PageRequest(sort_by="name", descending=False, limit=MOST_LISTED, after=after)
    named = table.c.name.startswith(prefix, autoescape=True)
    page, more = paging.read_page(lambda part: resources.page(context.store, _scope(context), part, named), requested)
    answer: dict[str, Any] = {"DashboardEntries": [_entry(context, row) for row in page]}
    return answer | ({"NextToken": paging.encode([page[-1].name])} if more else {})


@operation("cloudwatch", "DeleteDashboards")
def delete_dashboards(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Deletes the dashboards that exist, and ignores unknown names."""
    names = request["DashboardNames"]
    if len(names) > MOST_DELETED:
        raise invalid(f"At most {MOST_DELETED} dashboards can be deleted at a time, not {len(names)}.")
    found = {name: find(context, name) for name in names}
    for name, there in found.items():
        if there is not None:
            resources.remove(context.store, there, arn_of(context, name), context.principal.arn)
    if absent := [name for name, there in found.items() if there is None]:
        raise _absent(absent)
    return {}


def arn_of(context: Context, name: str) -> str:
    """Returns the ARN, which has no region."""
    return f"arn:aws:cloudwatch::{context.account}:dashboard/{name}"


def find(context: Context, name: str) -> Resource | None:
    return resources.find(context.store, _scope(context), name)


def _scope(context: Context) -> ResourceScope:
    return ResourceScope(KIND, context.account, context.region)


def _entry(context: Context, row: Resource) -> dict[str, Any]:
    return {
        "DashboardArn": arn_of(context, row.name),
        "DashboardName": row.name,
        "LastModified": to_datetime(row.modified_ms),
        "Size": len(row.document["Body"].encode()),
    }


def _check_name(name: str) -> None:
    """Raises InvalidParameterValue."""
    if len(name) > MOST_NAME:
        raise invalid(f"The value for field DashboardName has more than {MOST_NAME} characters.")
    if _NAME.fullmatch(name) is None:
        raise invalid(
            "The value for field DashboardName contains invalid characters. It can only contain alphanumerics, dash (-) and "
            "underscore (_).\n"
        )


def _check_body(body: str) -> None:
    """Raises InvalidParameterInput unless the body is a JSON object whose widgets are a list."""
    try:
        found = read_json(body)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("widgets", []), list):
        problem = {"dataPath": "", "message": "The body must be a JSON object, and its widgets a list"}
        message = f"The dashboard body is invalid, there are 1 validation errors:\n{json.dumps([problem])}"
        raise AwsError("InvalidParameterInput", message)


def _absent(names: list[str]) -> AwsError:
    return AwsError("ResourceNotFound", f"Dashboard {', '.join(names)} does not exist", 404)
