"""Logs that grow and lists of many rows in a real Chromium: what is kept, what is given up, and what is found again."""

from __future__ import annotations

import io
import json
import re
import time
import zipfile
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.conftest import SHELL_IMAGE
from tests.contract.studio.chromium import violations
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
    rows = page.locator(".tbl tbody:not(.more) > tr")
    chosen = ("studio-many-0005", "studio-many-0150", "studio-many-0499")
    for name in chosen:
        while not page.locator(f'[id="r-{name}"]').count():
            scroll.evaluate("one => one.scrollBy(0, 600)")
            page.wait_for_timeout(100)
        page.locator(f'[id="r-{name}"] .box input').check()
    scroll.evaluate("one => one.scrollTop = one.scrollHeight")
    expect(page.locator("[data-shown]")).to_have_text(re.compile(f" to {many}$"))
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
    assert page.locator("tbody[data-first]").evaluate_all("bodies => bodies.map(one => +one.dataset.first)") == [
        1, 101, 201, 301, 401,
    ]  # fmt: skip
    page.keyboard.press("Escape")
    expect(page.locator(".picked")).to_be_hidden()


RUNS = 650
FIRST_SEEN = """() => {
  const top = document.querySelector('.tbl thead th').getBoundingClientRect().bottom;
  const rows = [...document.querySelectorAll('.tbl tbody:not(.more) > tr')];
  const seen = rows.find(one => one.getBoundingClientRect().bottom > top + 2);
  return seen ? seen.querySelector('th').textContent.trim() : '';
}"""


def see_first(page: Page, name: str) -> None:
    """Waits until the first row that is seen has this name."""
    until = time.monotonic() + 30
    while page.evaluate(FIRST_SEEN) != name:
        assert time.monotonic() < until, page.evaluate(FIRST_SEEN)
        page.wait_for_timeout(50)


@pytest.fixture(scope="module")
def experiment(server: Any) -> str:
    """An experiment with runs number-649, the newest, to number-000: a list whose rows are counted."""
    sagemaker, name = server.boto("sagemaker"), f"studio-long-{time.time_ns()}"
    sagemaker.create_experiment(ExperimentName=name)
    sagemaker.create_trial(TrialName=f"{name}-trial", ExperimentName=name)
    for number in range(RUNS):
        component = f"{name}-{number:03d}"
        sagemaker.create_trial_component(TrialComponentName=component, DisplayName=f"number-{number:03d}")
        sagemaker.associate_trial_component(TrialComponentName=component, TrialName=f"{name}-trial")
    of_it = {"Filters": [{"Name": "Parents.ExperimentName", "Operator": "Equals", "Value": name}]}
    until = time.monotonic() + 60
    while sagemaker.search(Resource="ExperimentTrialComponent", SearchExpression=of_it)["TotalHits"]["Value"] < RUNS:
        assert time.monotonic() < until, "not all runs are indexed"
        time.sleep(0.2)
    return name


def test_the_scroll_bar_goes_over_all_rows(page: Page, experiment: str) -> None:
    page.goto(f"/studio/experiments/{experiment}")
    scroll, shown = page.locator(".page > .scroll"), page.locator("[data-shown]")
    expect(page.get_by_text(f"of {RUNS}")).to_be_visible()
    height = page.locator("tbody:not(.more) > tr").first.evaluate("row => row.getBoundingClientRect().height")
    whole = scroll.evaluate("one => one.scrollHeight")
    assert abs(whole - height * RUNS) < 3 * height
    scroll.evaluate(f"one => one.scrollTop = {400 * height}")
    expect(page.get_by_text("number-249", exact=True)).to_be_visible()
    see_first(page, "number-249")
    expect(shown).to_have_text(re.compile("^401 to "))
    assert scroll.evaluate("one => one.scrollHeight") == whole
    assert page.get_by_text("number-449", exact=True).count() == 0, "rows between are not loaded"
    scroll.evaluate("one => one.scrollTop = one.scrollHeight")
    expect(page.get_by_text("number-000", exact=True)).to_be_visible()
    expect(shown).to_have_text(re.compile(f" to {RUNS}$"))
    while scroll.evaluate("one => one.scrollTop"):
        scroll.evaluate("one => one.scrollBy(0, -600)")
        page.wait_for_timeout(150)
    names = page.locator("tbody:not(.more) > tr th").all_inner_texts()
    assert len(names) == len(set(names)), "no row twice"
    assert names == sorted(names, reverse=True)


def test_one_goes_to_a_row_by_keys_and_its_address(page: Page, experiment: str) -> None:
    page.goto(f"/studio/experiments/{experiment}?q=number")
    page.get_by_label("Go to row").focus()
    page.keyboard.press("Control+a")
    page.keyboard.type("501")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=number&start=501")
    see_first(page, "number-149")
    expect(page.locator("[data-shown]")).to_have_text(re.compile("^501 to "))
    assert violations(page) == []
    page.locator("tbody[data-first='501'] > tr").first.focus()
    page.keyboard.press("k")  # the row before, which the page did not bring
    expect(page.locator("tr:focus")).to_contain_text("number-150")
    page.keyboard.press("j")
    expect(page.locator("tr:focus")).to_contain_text("number-149")
    page.goto(f"/studio/experiments/{experiment}?start=100000")
    expect(page.get_by_role("heading", name="No row 100,000")).to_be_visible()
    page.get_by_role("link", name="The last ones").click()
    expect(page.get_by_text("number-000", exact=True)).to_be_attached()


@pytest.mark.parametrize("width", [1280, 360])
def test_rows_are_reached_without_scripts(chromium: Browser, browser: Any, experiment: str, width: int) -> None:
    context = chromium.new_context(
        base_url=browser.url, java_script_enabled=False, viewport={"width": width, "height": 800}
    )
    context.add_cookies([{"name": name, "value": value, "url": browser.url} for name, value in browser.cookies.items()])
    page = context.new_page()
    page.goto(f"/studio/experiments/{experiment}")
    page.get_by_label("Go to row").fill("301")
    page.get_by_role("button", name="Go", exact=True).click()
    expect(page.locator("tbody:not(.more) > tr").first).to_contain_text("number-349")
    expect(page.locator("[data-shown]")).to_have_text("301 to 400")
    page.get_by_role("link", name="More rows").click()
    expect(page.locator("tbody:not(.more) > tr").first).to_contain_text("number-249")
    expect(page.locator("[data-shown]")).to_have_text("401 to 500")
    page.get_by_role("link", name="Earlier rows").click()
    expect(page.locator("tbody:not(.more) > tr").first).to_contain_text("number-349")
    context.close()


@pytest.mark.parametrize("touch", [False, True])
def test_a_row_is_gone_to_on_a_phone(chromium: Browser, browser: Any, many: int, touch: bool) -> None:
    size: Any = {"width": 360, "height": 740}
    context = chromium.new_context(
        base_url=browser.url, viewport=size, has_touch=touch, is_mobile=touch, reduced_motion="reduce"
    )
    context.add_cookies([{"name": name, "value": value, "url": browser.url} for name, value in browser.cookies.items()])
    page = context.new_page()
    page.goto(f"/studio/alarms?q=studio-many-&start={many - 199}")
    expect(page.locator("[data-shown]")).to_have_text(re.compile(f"^{many - 199} to "))
    below = "document.querySelector('.side').getBoundingClientRect().bottom"
    row = page.locator(f'[id="r-studio-many-{many - 200:04d}"]')
    expect(row).to_have_count(1)
    assert abs(row.evaluate(f"row => row.getBoundingClientRect().top - {below}")) < 3
    context.close()


COUNTED = {
    "audit": ("user=admin", 150), "functions": ("", 3), "rules": ("q=studio-rows-", 130), "metrics": ("namespace=StudioRows", 130),
    "logs": ("q=studio-rows-", 130), "buckets": ("q=studio-rows-", 105), "alarms": ("q=studio-rows-", 130),
}  # fmt: skip


@pytest.fixture(scope="module")
def counted(server: Any) -> None:
    """More than a page of each of the things that COUNTED filters."""
    events, logs, s3, cloudwatch = (server.boto(name) for name in ("events", "logs", "s3", "cloudwatch"))
    for at in range(130):
        events.put_rule(Name=f"studio-rows-{at:03d}", ScheduleExpression="rate(1 day)", State="DISABLED")
        logs.create_log_group(logGroupName=f"/studio-rows-{at:03d}")
        cloudwatch.put_metric_alarm(
            AlarmName=f"studio-rows-{at:03d}", Namespace="StudioRows", MetricName="none", Statistic="Sum", Period=86_400,
            EvaluationPeriods=1, Threshold=1, ComparisonOperator="GreaterThanThreshold",
        )  # fmt: skip
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("f.py", "def handler(event, context):\n    return event\n")
    for at in range(3):
        server.boto("lambda").create_function(
            FunctionName=f"studio-rows-{at}",
            Runtime="python3.12",
            Handler="f.handler",
            Role=ROLE,
            Code={"ZipFile": archive.getvalue()},
        )
    for at in range(105):
        s3.create_bucket(Bucket=f"studio-rows-{at:03d}")
    data = [{"MetricName": f"m{at:03d}", "Value": 1.0} for at in range(130)]
    cloudwatch.put_metric_data(Namespace="StudioRows", MetricData=data)


@pytest.mark.parametrize("name", sorted(COUNTED))
def test_each_list_goes_to_a_row(browser: Any, counted: None, name: str) -> None:
    """Row by row, whatever the page that shows it, and with the number of all rows."""
    query, least = COUNTED[name]
    first = json.loads(browser.get(f"/studio/{name}.json?{query}").text)
    assert first["first"] == 1
    assert first["count"] >= least
    assert len(first["rows"]) == min(first["count"], 100)
    rest = json.loads(browser.get(f"/studio/{name}.json?{query}&start=41").text)
    assert rest["first"] == 41
    if name == "audit":  # each of these requests adds a record
        assert rest["count"] > first["count"] - 41
        return
    assert rest["count"] == first["count"]
    shown = [row["name"] for row in first["rows"]]
    assert [row["name"] for row in rest["rows"]][: len(shown) - 40] == shown[40:]
    if first["more"]:
        following = json.loads(browser.get(first["more"].replace("?", ".json?", 1)).text)
        assert following["first"] == 101
        assert [row["name"] for row in following["rows"]] == [row["name"] for row in rest["rows"]][
            60 : 60 + len(following["rows"])
        ]
    past = browser.get(f"/studio/{name}?{query}&start=100000")
    assert "<h2>No row 100,000</h2>" in past.text
    assert f"The list has {first['count']:,} rows" in past.text


def test_lists_begin_at_a_row(browser: Any, experiment: str) -> None:
    pages = [
        "jobs", "processing", "transform", "tuning", "pipelines", "models", "endpoints", "shadow-tests", "monitors", "trackers",
        "experiments", "alarms", "metrics", "logs", "rules", "functions", "buckets", "audit", "clarify", "jumpstart", "usage",
        "wrangler", "notebooks/profiles", "notebooks/images", "notebooks/image-configs", f"experiments/{experiment}",
    ]  # fmt: skip
    for one in pages:
        for start in ("2", "9" * 40, "-1", "x", "1"):
            answer = browser.get(f"/studio/{one}?start={start}")
            assert answer.status == 200, (one, start)
            assert ("<h2>No row " in answer.text) >= (start == "9" * 40), (one, start)
    first = json.loads(browser.get(f"/studio/experiments/{experiment}.json?start=201").text)
    assert first["rows"][0]["cells"][0]["value"] == "number-449"
    lines = browser.get(f"/studio/experiments/{experiment}.csv?start=649").text.splitlines()
    assert [one.partition(",")[0] for one in lines] == ["Run", "number-001", "number-000"]


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
