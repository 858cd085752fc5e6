"""Metric filters of log groups: Put, Describe, Delete, Test. `engine.monitoring.metric_filters` evaluates them.

Source: Logs' API reference.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy.exc import IntegrityError

from sagewright.engine.monitoring.filter_conditions import MISSING
from sagewright.engine.monitoring.filter_patterns import compile_fields, compile_filter, selectors_of
from sagewright.engine.monitoring.metric_filters import KIND, number, parent_of
from sagewright.model.errors import AwsError
from sagewright.services import paging
from sagewright.services.aws.logs.groups import require_group, scope_of
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.listing import PageRequest
from sagewright.store.memory import changes
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New, Resource

MOST_FILTERS = 100
MOST_DIMENSIONS = 3
NOT_SERVED = ("fieldSelectionCriteria", "emitSystemFieldDimensions")


@operation("logs", "PutMetricFilter")
def put_metric_filter(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    _check(request)
    group, name = request["logGroupName"], request["filterName"]
    require_group(context, group)
    transformations = [
        one | ({"defaultValue": float(one["defaultValue"])} if "defaultValue" in one else {})
        for one in request["metricTransformations"]
    ]
    document = {"filterPattern": request["filterPattern"], "metricTransformations": transformations}
    try:
        _put(context, (group, name), document)
    except IntegrityError:  # another request has put it meanwhile
        _put(context, (group, name), document)
    return {}


def _put(context: Context, named: tuple[str, str], document: dict[str, Any]) -> None:
    parent, principal = parent_of(scope_of(context), named[0]), context.principal.arn
    with context.store.write() as connection:
        changes(connection, parent)
        there = resources.find_in(connection, _scope(context), _name(*named))
        if there is not None:
            resources.change_in(connection, replace(there, document=document), principal)
            return
        if sum(one.kind == KIND for one in resources.children_in(connection, parent)) >= MOST_FILTERS:
            raise AwsError("LimitExceededException", "Resource limit exceeded.")
        new = New(_name(*named), document, "", {}, parent=parent, principal=principal)
        resources.create_in(connection, _scope(context), new)


@operation("logs", "DescribeMetricFilters")
def describe_metric_filters(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    if ("metricName" in request) != ("metricNamespace" in request):
        raise _invalid("metricName and metricNamespace go together.")
    rows = _rows(context, request)
    if "metricName" in request:
        rows = [row for row in rows if _counts(row, request["metricNamespace"], request["metricName"])]
    after = paging.decode(request.get("nextToken"), _invalid("The specified nextToken is invalid."))
    page, token = paging.page_of(rows, lambda row: [*_named(row)][::-1], after, request.get("limit", 50))
    return {"metricFilters": [_described(row) for row in page], **({"nextToken": token} if token else {})}


@operation("logs", "DeleteMetricFilter")
def delete_metric_filter(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    require_group(context, request["logGroupName"])
    with context.store.write() as connection:
        named = _name(request["logGroupName"], request["filterName"])
        found = resources.find_in(connection, _scope(context), named)
        if found is None:
            raise AwsError("ResourceNotFoundException", "The specified metric filter does not exist.")
        changes(connection, found.parent)
        resources.remove_in(connection, found, "", context.principal.arn)
    return {}


@operation("logs", "TestMetricFilter")
def test_metric_filter(_context: Context, request: dict[str, Any]) -> dict[str, Any]:
    pattern = request["filterPattern"]
    matches, fields, selectors = compile_filter(pattern), compile_fields(pattern), selectors_of(pattern)
    found = []
    for number_of, message in enumerate(request["logEventMessages"], 1):
        if matches(message):
            values = {selector: fields(message, selector) for selector in selectors}
            extracted = {selector: _text(value) for selector, value in values.items() if value is not MISSING}
            found.append({"eventNumber": number_of, "eventMessage": message, "extractedValues": extracted})
    return {"matches": found}


def _check(request: dict[str, Any]) -> None:
    """Raises InvalidParameterException."""
    for name in NOT_SERVED:
        if request.get(name):
            raise _invalid(f"Sagewright does not serve {name} of PutMetricFilter.")
    compile_filter(request["filterPattern"])
    for one in request["metricTransformations"]:
        value, dimensions = one["metricValue"], one.get("dimensions") or {}
        if not value.startswith("$") and number(value, lambda _message, _selector: MISSING, "") is None:
            raise _invalid(f"Invalid metricValue '{value}': it is a number, or a field that begins with $.")
        if dimensions and "defaultValue" in one:
            raise _invalid("A metric transformation has either dimensions or a defaultValue.")
        if len(dimensions) > MOST_DIMENSIONS:
            raise _invalid(f"A metric transformation has at most {MOST_DIMENSIONS} dimensions, not {len(dimensions)}.")
        if not all(selector.startswith("$") for selector in dimensions.values()):
            raise _invalid("The value of a dimension is a field that begins with $.")


def _rows(context: Context, request: dict[str, Any]) -> list[Resource]:
    prefix = request.get("filterNamePrefix", "")
    if "logGroupName" in request:
        require_group(context, request["logGroupName"])
        parent = parent_of(scope_of(context), request["logGroupName"])
        rows = [one for one in resources.children(context.store, parent) if one.kind == KIND]
    else:
        page = PageRequest(sort_by="name", descending=False, limit=100_000)
        rows = resources.page(context.store, _scope(context), page)
    return [row for row in rows if _named(row)[1].startswith(prefix)]


def _counts(row: Resource, namespace: str, name: str) -> bool:
    requested = (namespace, name)
    return any(
        (one["metricNamespace"], one["metricName"]) == requested for one in row.document["metricTransformations"]
    )


def _described(row: Resource) -> dict[str, Any]:
    group, name = _named(row)
    return {
        "filterName": name,
        "logGroupName": group,
        "creationTime": row.created_ms,
        "applyOnTransformedLogs": False,
        **row.document,
    }


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)


def _name(group: str, name: str) -> str:
    """Joins the names by a colon, which neither can contain."""
    return f"{group}:{name}"


def _named(row: Resource) -> tuple[str, str]:
    """Returns the group and the name of a filter."""
    group, _, name = row.name.partition(":")
    return group, name


def _scope(context: Context) -> ResourceScope:
    return ResourceScope(KIND, context.account, context.region)


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)
