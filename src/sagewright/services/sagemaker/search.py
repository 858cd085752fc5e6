"""Search over training jobs. What the store can narrow, it narrows; the rest is looked at job by job, in order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from sagewright.model.clock import to_ms
from sagewright.model.errors import ValidationException
from sagewright.services import paging
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.services.sagemaker import expressions
from sagewright.services.sagemaker.training_jobs import place_of
from sagewright.services.sagemaker.training_shapes import description, outline
from sagewright.store import jobs, tags
from sagewright.store.jobs import Job, Query

SORT_COLUMNS = {
    "LastModifiedTime": "modified_ms",
    "CreationTime": "created_ms",
    "TrainingJobName": "name",
    "TrainingJobStatus": "status",
}
FIRST_BATCH = 20  # most searches want a page of ten
BATCH = 1000
ELSEWHERE = {"Metrics", "FinalMetricDataList", "SecondaryStatusTransitions", "Tags"}
"""Properties that stand in other rows than the job's own."""
NOT_IN_SEARCH = frozenset({"ProfilingStatus", "RemoteDebugConfig", "InfraCheckConfig", "ProfilerRuleConfigurations"})
"""Members of Describe that the TrainingJob shape of Search lacks."""

Found = tuple[Job, dict[str, Any]]


@operation("sagemaker", "Search")
def search(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """In the order of a column the store gives pages; in any other (a metric, a hyperparameter) all matches are sorted."""
    if request["Resource"] != "TrainingJob":
        raise ValidationException(f"Sagewright searches the resource TrainingJob only, got {request['Resource']}.")
    size, sort_by = request.get("MaxResults", 10), request.get("SortBy", "LastModifiedTime")
    descending = request.get("SortOrder", "Descending") == "Descending"
    position = paging.decode(request.get("NextToken"))
    column = SORT_COLUMNS.get(sort_by)
    query = _narrowed(request.get("SearchExpression", {}), Query(sort_by=column or "name", descending=descending))
    if column:
        after = replace(query, after=(position[0], position[1]) if position else None)
        found = list(islice(_matching(context, request, after), size + 1))
        rest, page = len(found) > size, found[:size]
        token = paging.encode([getattr(page[-1][0], column), page[-1][0].name]) if rest else None
    else:
        start = int(position[0]) if position else 0
        everything = _sorted(_matching(context, request, query), sort_by, descending)
        page, rest = everything[start : start + size], len(everything) > start + size
        token = paging.encode([start + size]) if rest else None
    results = [{"TrainingJob": {k: v for k, v in document.items() if k not in NOT_IN_SEARCH}} for _, document in page]
    return {"Results": results, **({"NextToken": token} if token else {})}


def _matching(context: Context, request: dict[str, Any], query: Query) -> Iterator[Found]:
    """Matches in order. A job's other rows are read only where the expression needs them, or the job matches."""
    expression = request.get("SearchExpression", {})
    in_outline = not expressions.property_names(expression) & ELSEWHERE
    after, size = query.after, FIRST_BATCH
    while True:
        batch = jobs.page(context.store, place_of(context), replace(query, limit=size, after=after))
        for job in batch:
            if in_outline and not expressions.matches(expression, outline(job)):
                continue
            document = _document(context, job)
            if in_outline or expressions.matches(expression, document):
                yield job, document
        if len(batch) < size:
            return
        after, size = (getattr(batch[-1], query.sort_by), batch[-1].name), BATCH


def _document(context: Context, job: Job) -> dict[str, Any]:
    document = description(context, job)
    pairs = tags.of(context.store, document["TrainingJobArn"])
    document["Tags"] = [{"Key": key, "Value": value} for key, value in pairs.items()]
    return document


def _sorted(found: Iterator[Found], sort_by: str, descending: bool) -> list[Found]:
    """By the first value at the property; jobs without one come last."""
    valued = [(expressions.lookup(document, sort_by), (job, document)) for job, document in found]
    having = [(values[0], one) for values, one in valued if values]
    having.sort(key=lambda pair: (isinstance(pair[0], str), pair[0]), reverse=descending)
    return [one for _, one in having] + [one for values, one in valued if not values]


def _narrowed(expression: dict[str, Any], query: Query) -> Query:
    """What all matches have in common and the store can select by; `expressions` decides in the end."""
    if expression.get("Operator", "And") != "And":
        return query
    for one in expression.get("Filters") or ():
        query = replace(query, **_bound(one["Name"], one.get("Operator", "Equals"), one.get("Value") or ""))
    return query


def _bound(name: str, operator: str, value: str) -> dict[str, Any]:
    if name == "TrainingJobName" and operator in {"Equals", "Contains"}:
        return {"name_contains": value}
    if name == "TrainingJobStatus" and operator == "Equals":
        return {"status": value}
    time = {"CreationTime": "created", "LastModifiedTime": "modified"}.get(name)
    side = "after" if operator.startswith("Greater") else "before" if operator.startswith("Less") else None
    moment = _moment(value) if time and side else None
    return {f"{time}_{side}_ms": to_ms(moment)} if moment else {}


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
