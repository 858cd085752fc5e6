"""Logs that grow and lists of many rows in a real Chromium: what is kept, what is given up, and what is found again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect
from tests.conftest import SHELL_IMAGE
from tests.contract.studio.world import ROLE

GROUP = "/aws/sagemaker/TrainingJobs"
SCRIPT = (
    'for i in $(seq 20); do echo "early $i"; done; sleep 4; for i in $(seq 6000); do echo "late $i"; done; '
    'echo "score=0.25;"; echo "ERROR: <b>the last</b>"; sleep 8; echo "at the end"'
)
AT_END = "list => list.scrollHeight - list.scrollTop - list.clientHeight < 40"
ROWS = 500


@pytest.fixture
def job(server: Any) -> str:
    """A job that prints a few lines, then more than a page keeps, then one more."""
    name = f"studio-log-{time.time_ns()}"
    server.boto("s3").create_bucket(Bucket="studio-log")
    server.boto("sagemaker").create_training_job(
        TrainingJobName=name,
        RoleArn=ROLE,
        AlgorithmSpecification={
            "TrainingImage": SHELL_IMAGE,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["/bin/bash", "-c"],
            "ContainerArguments": [SCRIPT],
            "MetricDefinitions": [{"Name": "score", "Regex": "score=([0-9.]+);"}],
        },
        OutputDataConfig={"S3OutputPath": "s3://studio-log/out"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 600},
    )
    return name


def test_a_log_grows_and_stays_where_one_reads(page: Page, job: str, browser: Any, server: Any) -> None:
    page.goto(f"/studio/jobs/{job}")
    lines = page.locator("#lines li")
    expect(lines.last).to_contain_text("early 20")
    page.get_by_placeholder("Find in log").fill("late 599")
    expect(page.locator("#lines li:visible")).to_have_count(10)  # 5990 to 5999: 599 is not kept
    page.get_by_placeholder("Find in log").fill("")
    expect(lines.last).to_contain_text("ERROR: <b>the last</b>")
    assert lines.count() == 5000
    assert page.evaluate(f"({AT_END})(document.querySelector('#lines'))")
    page.locator("[data-level=error]").click()
    expect(page.locator("#lines li:visible")).to_have_count(1)
    page.locator("[data-level='']").click()
    page.evaluate("document.querySelector('#lines').scrollTop = 100")
    expect(lines.last).to_contain_text("at the end")
    assert page.evaluate("document.querySelector('#lines').scrollTop") < 1000
    expect(page.locator(".title .st")).to_contain_text("Completed")
    assert lines.count() == 5000
    stream = server.boto("logs").describe_log_streams(logGroupName=GROUP, logStreamNamePrefix=f"{job}/")
    asked = urlencode({"group": GROUP, "stream": stream["logStreams"][0]["logStreamName"]})
    file = browser.get(f"/studio/log-file?{asked}")
    assert file.headers["content-disposition"].startswith(f'attachment; filename="{job}_algo-1-')
    found = file.text.splitlines()
    assert [one for one in found if one.startswith(("early", "late"))] == [
        *(f"early {at}" for at in range(1, 21)),
        *(f"late {at}" for at in range(1, 6001)),
    ]
    assert browser.get("/studio/log-file?group=x&stream=y").status == 400
    number = found.index("ERROR: <b>the last</b>") + 1
    page.goto(f"/studio/jobs/{job}/log#L{number}")
    expect(page.locator(":target")).to_contain_text("ERROR: <b>the last</b>")


@pytest.fixture
def many(server: Any) -> Iterator[int]:
    """Alarms that do nothing: a list of many pages."""
    cloudwatch = server.boto("cloudwatch")
    names = [f"studio-many-{at:04d}" for at in range(ROWS)]
    for name in names:
        cloudwatch.put_metric_alarm(
            AlarmName=name, Namespace="Mine", MetricName="many", Statistic="Sum", Period=86_400, EvaluationPeriods=1,
            Threshold=1, ComparisonOperator="GreaterThanThreshold",
        )  # fmt: skip
    yield len(names)
    for at in range(0, ROWS, 100):
        cloudwatch.delete_alarms(AlarmNames=names[at : at + 100])


def test_many_rows_scroll_as_one_and_few_are_kept(page: Page, many: int) -> None:
    page.goto("/studio/alarms?q=studio-many-")
    scroll = page.locator(".page > .scroll")
    rows = page.locator(".tbl tbody:not(.more) > tr:not(.gap)")
    chosen = ("studio-many-0005", "studio-many-0150", "studio-many-0499")
    for name in chosen:
        while not page.locator(f'[id="r-{name}"]').count():
            scroll.evaluate("one => one.scrollTop = one.scrollHeight")
            page.wait_for_timeout(100)
        page.locator(f'[id="r-{name}"] .box input').check()
    expect(page.locator("[data-shown]")).to_have_text(str(many))
    expect(page.locator('[id="r-studio-many-0150"]')).to_have_count(0)
    assert rows.count() < many - 50
    expect(page.locator(".picked b")).to_have_text("3")
    sent = page.evaluate("new FormData(document.querySelector('#chosen')).getAll('pick').sort()")
    assert sent == sorted(chosen)
    page.locator('[id="r-studio-many-0499"]').focus()
    for _ in range(3):
        page.keyboard.press("k")
    expect(page.locator('[id="r-studio-many-0496"]')).to_be_focused()
    scroll.evaluate("one => one.scrollTop = 4200")
    expect(page.locator('[id="r-studio-many-0150"] .box input')).to_be_checked()
    expect(page.locator(".picked b")).to_have_text("3")
    assert page.locator("tbody:not(.more)").evaluate_all("bodies => bodies.map(one => one.dataset.rows || 100)") == [
        100, "100", "100", "100", "100",
    ]  # fmt: skip
    page.keyboard.press("Escape")
    expect(page.locator(".picked")).to_be_hidden()


def test_enter_saves_a_view_and_deletes_none(page: Page) -> None:
    page.goto("/studio/alarms?q=none")
    for name in ("First", "Second"):
        page.get_by_role("button", name="Views").click()
        page.locator("#views [name=name]").fill(name)
        page.keyboard.press("Enter")
        expect(page.locator("#done")).to_contain_text(f"Saved the view {name}")
    page.get_by_role("button", name="Views").click()
    expect(page.locator("#views a")).to_have_text(["First", "Second"])
    page.get_by_role("button", name="Delete the view First").click()
    expect(page.locator("#done")).to_contain_text("Deleted the view First")
