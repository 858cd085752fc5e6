"""Lines of a job's log about its steps; all else in a log is a user's."""

from __future__ import annotations

from typing import Any, cast

from sagewright.model.errors import AwsError
from sagewright.studio.visit import Place, Visit
from sagewright.studio.wrangling.lastruns import StepRun, step_runs

LINES = [
    "2026-11-30 00:00:00,000 INFO step 1 s3_source (node s): rows out 1,200, columns 4, streamed",
    "INFO step 2 split Randomized split (node a-b): rows in 1,200, rows out train 900, test ?, columns 4, 12.5 s",
    "  step 3 rows out <script>",
    "step 3 x (node " + "y" * 5000 + "): rows out 1, columns 1, streamed",
    "step 4 manage_rows (node d): rows in 1, 2, rows out 3, columns 1, 1.0.0 seconds",
]


class Logs:
    def __init__(self, error: AwsError | None = None) -> None:
        self.error, self.asked = error, []  # type: ignore[var-annotated]

    def aside(self, _service: str, operation: str, **request: Any) -> dict[str, Any]:
        self.asked.append((operation, request))
        if self.error:
            raise self.error
        return {"events": [{"message": line} for line in LINES]}


def _visit(logs: Logs) -> Visit:
    return Visit(cast(Any, logs), Place("", "000000000000", "us-east-1"))


def test_steps_are_read_and_other_lines_are_not() -> None:
    logs = Logs()
    assert step_runs(_visit(logs), "job") == (
        StepRun("s", "", "1,200", "4", None),
        StepRun("a-b", "1,200", "train 900, test ?", "4", 12.5),
    )
    assert logs.asked[0][1]["logStreamNamePrefix"] == "job/"


def test_a_log_that_cannot_be_read_has_no_steps() -> None:
    assert step_runs(_visit(Logs(AwsError("AccessDenied", "no", 403))), "job") == ()
