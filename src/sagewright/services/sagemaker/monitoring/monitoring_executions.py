"""Executions of monitoring schedules: ListMonitoringExecutions, and the summary that schedules show of the latest one.

Source: AWS's API reference, ListMonitoringExecutions and MonitoringExecutionSummary.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sagewright.engine.model_monitors.documents import EXECUTION, MonitoringExecutionDocument
from sagewright.kinds.table import KINDS
from sagewright.model.clock import to_datetime, to_ms
from sagewright.model.jobs.state_machines import PROCESSING
from sagewright.services.context import Context
from sagewright.services.paging import FILTERS, ListSpec
from sagewright.services.registry import operation
from sagewright.store.database import Database
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.listing import Bound, Comparison, Condition, PageRequest
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

LISTED = ListSpec(
    "MonitoringExecutionSummaries",
    {"CreationTime": "created_ms", "ScheduledTime": "name", "Status": "status"},
    descending=True,
)
"""The names of executions sort by their scheduled time."""
MEMBERS = {
    "MonitoringScheduleName": "MonitoringScheduleName",
    "EndpointName": "EndpointName",
    "MonitoringJobDefinitionName": "MonitoringJobDefinitionName",
    "MonitoringTypeEquals": "MonitoringType",
}
"""Filters, with the members of documents that they compare."""
SCHEDULED = {"ScheduledTimeAfter": Comparison.AT_LEAST, "ScheduledTimeBefore": Comparison.AT_MOST}


@operation("sagemaker", "ListMonitoringExecutions")
def list_monitoring_executions(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    def fetch(page: PageRequest) -> list[Resource]:
        changed = replace(page, bounds=(*page.bounds, *_scheduled(request)))
        return resources.page(context.store, scope, changed, *members_are(request, MEMBERS))

    scope = ResourceScope(EXECUTION, context.account, context.region)
    return LISTED.answer(request, fetch, lambda rows: [summary(row) for row in rows])


def members_are(request: dict[str, Any], members: dict[str, str]) -> list[Condition]:
    """Returns conditions on documents: `members` are the filters in a request, with the members of documents that they compare."""
    document = resources.LISTING.table.c.document
    return [document[name].as_string() == request[filter_] for filter_, name in members.items() if filter_ in request]


def latest(store: Database, schedule: Resource) -> Resource | None:
    """Returns a schedule's execution with the latest scheduled time."""
    page = PageRequest(sort_by="name", limit=1)
    found = resources.page(store, None, page, resources.belongs_to(schedule.id, EXECUTION))
    return found[0] if found else None


def summary(execution: Resource) -> dict[str, Any]:
    document = MonitoringExecutionDocument.read(execution.document)
    shown: dict[str, Any] = {
        "MonitoringScheduleName": document.schedule,
        "ScheduledTime": to_datetime(document.scheduled_ms),
        "CreationTime": to_datetime(execution.created_ms),
        "LastModifiedTime": to_datetime(execution.modified_ms),
        "MonitoringExecutionStatus": execution.status,
        "MonitoringType": document.type,
    }
    if document.job:
        shown["ProcessingJobArn"] = KINDS[PROCESSING.kind].arn(execution.region, execution.account, document.job)
    optional = {
        "EndpointName": document.endpoint,
        "MonitoringJobDefinitionName": document.definition,
        "FailureReason": document.failure_reason,
    }
    return shown | {name: value for name, value in optional.items() if value}


def _scheduled(request: dict[str, Any]) -> list[Bound]:
    """Returns bounds on names: those before and after a time sort before and after its digits."""
    found = []
    for filter_, comparison in SCHEDULED.items():
        if filter_ in request:
            at_ms = max(0, to_ms(request[filter_])) + (comparison is Comparison.AT_MOST)
            found.append(Bound("name", comparison, f"{at_ms:015d}"))
    return found


assert set(SCHEDULED).isdisjoint(FILTERS)
