"""Crontab lines as expressions of EventBridge Scheduler."""

from __future__ import annotations

import pytest

from sagewright.toolkit.notebook_jobs.crontabs import BadCrontab, crontab_line, schedule_expression

LINES = [
    ("*/5 * * * *", "cron(*/5 * * * ? *)"),
    ("0 6 1 * *", "cron(0 6 1 * ? *)"),
    ("30 23 * * 0", "cron(30 23 ? * 1 *)"),
    ("0 9 * * 1-5", "cron(0 9 ? * 2-6 *)"),
    ("0 9 * * 1,3,5", "cron(0 9 ? * 2,4,6 *)"),
]


OTHERS = [
    ("@daily", "cron(0 0 * * ? *)"),
    ("@weekly", "cron(0 0 ? * 1 *)"),
    ("0 9 * * 7", "cron(0 9 ? * 1 *)"),
    ("0 9 * * MON-FRI", "cron(0 9 ? * MON-FRI *)"),
    ("0 9 * * 0-7", "cron(0 9 ? * 1-7 *)"),
    ("0 9 * * 0-7/2", "cron(0 9 ? * 1-7/2 *)"),
    ("rate(1 hour)", "rate(1 hour)"),
    (" cron(0 9 ? * 2 *) ", "cron(0 9 ? * 2 *)"),
]


@pytest.mark.parametrize(("line", "expression"), [*LINES, *OTHERS])
def test_expressions(line: str, expression: str) -> None:
    assert schedule_expression(line) == expression


@pytest.mark.parametrize(("line", "expression"), LINES)
def test_lines_are_found_again(line: str, expression: str) -> None:
    assert crontab_line(expression) == line


def test_other_expressions_stay() -> None:
    assert crontab_line("rate(1 hour)") == "rate(1 hour)"
    assert crontab_line("cron(0 9 ? * 2 2030)") == "cron(0 9 ? * 2 2030)"


@pytest.mark.parametrize("line", ["", "every day", "* * * *", "* * * * * *", "0 9 ; rm", "0 9 1 * 1"])
def test_what_is_no_schedule(line: str) -> None:
    with pytest.raises(BadCrontab):
        schedule_expression(line)
