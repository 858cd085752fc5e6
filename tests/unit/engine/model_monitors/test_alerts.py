"""The alert of a schedule: enough of the latest executions have violations."""

from __future__ import annotations

import pytest

from sagewright.engine.model_monitors.alerts import status_of
from sagewright.engine.model_monitors.documents import Alert, AlertStatus

GOOD, BAD = "Completed", "CompletedWithViolations"


@pytest.mark.parametrize(
    ("datapoints", "period", "statuses", "expected"),
    [
        (1, 1, [BAD, GOOD], AlertStatus.IN_ALERT),
        (1, 1, [GOOD, BAD], AlertStatus.OK),
        (2, 3, [BAD, GOOD, BAD, BAD], AlertStatus.IN_ALERT),
        (2, 3, [BAD, GOOD, GOOD, BAD], AlertStatus.OK),
        (1, 5, [], AlertStatus.OK),
    ],
)
def test_it_counts_the_latest_executions(
    datapoints: int, period: int, statuses: list[str], expected: AlertStatus
) -> None:
    assert status_of(Alert(datapoints=datapoints, period=period), statuses) == expected
