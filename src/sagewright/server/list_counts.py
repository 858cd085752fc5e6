"""Numbers of all rows of lists whose operations do not return them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sagewright.model.errors import AwsError
from sagewright.services.aws.cloudtrail.lookups import count_events
from sagewright.services.aws.cloudwatch.alarms import count_alarms
from sagewright.services.aws.cloudwatch.metrics import count_metrics
from sagewright.services.aws.events.rules import count_rules
from sagewright.services.aws.functions.functions import count_functions
from sagewright.services.aws.logs.groups import count_groups
from sagewright.services.context import Context

MOST = 100_000
"""Rows up to which they are counted: some 100 ms."""
MOST_METRICS = 20_000
"""Metrics up to which they are counted: each is one look-up in an index of their values."""
COUNTERS: dict[str, Callable[[Context, dict[str, Any]], int]] = {
    "LookupEvents": lambda context, request: count_events(context, request, MOST + 1),
    "DescribeAlarms": count_alarms,
    "ListMetrics": lambda context, request: count_metrics(context, request, MOST_METRICS + 1),
    "ListRules": count_rules,
    "ListFunctions": lambda context, _request: count_functions(context),
    "DescribeLogGroups": count_groups,
}
BOUNDS = {"LookupEvents": MOST, "ListMetrics": MOST_METRICS}


def count_rows(context: Context, operation: str, request: dict[str, Any]) -> int | None:
    """Returns the number of rows that a List operation returns on all its pages; None if it is not quickly known."""
    counter = COUNTERS.get(operation)
    if counter is None:
        return None
    try:
        found = counter(context, request)
    except AwsError:
        return None
    return found if found <= BOUNDS.get(operation, found) else None
