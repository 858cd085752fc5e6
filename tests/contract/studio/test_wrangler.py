"""Data Wrangler's pages: from data in S3 to kept steps, a run and a picture, in a separate session."""

from __future__ import annotations

import gzip
import html
import json
import re
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from tests.contract.studio.chromium import violations

BUCKET = "sagemaker-us-east-1-000000000000"
MISSING, COLUMNS = "sagemaker.spark.handle_missing_0.1", "sagemaker.spark.manage_columns_0.1"
ROWS = [
    ("id", "tenure", "contract", "charges"),
    ("c300", "9", "<script>alert(1)</script>", "1.5"),
    *((f"c{n}", "" if n % 10 == 0 else n % 72, ("month", "year")[n % 3 == 0], f"{n}.5") for n in range(300)),
]


@pytest.fixture(scope="module")
def data(server: Any) -> str:
    s3 = server.boto("s3")
    s3.create_bucket(Bucket=BUCKET)
    body = "\n".join(",".join(f'"{value}"' if "," in str(value) else str(value) for value in row) for row in ROWS)
    s3.put_object(Bucket=BUCKET, Key="wrangler/customers.csv", Body=body.encode())
    return f"s3://{BUCKET}/wrangler/customers.csv"


@pytest.fixture
def flow(browser: Any, data: str) -> str:
    """A new flow with a source and its types, whose session answers."""
    name = f"flow-{uuid.uuid4().hex[:8]}"
    given = {"token": browser.token(), "name": name, "uri": data, "format": "csv", "header": "on", "delimiter": ","}
    made = browser.post("/studio/wrangler/new", given)
    assert (made.status, made.headers["location"]) == (303, f"/studio/wrangler/{name}")
    shown(browser, f"/studio/wrangler/{name}")
    return name


def shown(browser: Any, path: str) -> dict[str, Any]:
    """Returns the page's JSON once the session answers."""
    address, _, query = path.partition("?")
    end = time.monotonic() + 300
    while True:
        answer = browser.get(f"{address}.json?{query}")
        assert answer.status == 200, answer.text
        found: dict[str, Any] = json.loads(answer.text)
        if not found["starting"] or time.monotonic() > end:
            return found
        time.sleep(0.3)


def keep(browser: Any, flow: str, step: str, operator: str, tool: str, **values: str) -> Any:
    page = shown(browser, f"/studio/wrangler/{flow}")
    given = {"token": browser.token(), "tag": page["tag"], "step": step, "op": operator, "tool": tool, "filled": "1"}
    return browser.post(f"/studio/wrangler/{flow}/keep", given | {f"v.{name}": value for name, value in values.items()})


def names(page: dict[str, Any]) -> list[str]:
    return [one["name"] for one in page["steps"]]


def test_the_sample_is_shown_with_its_types(browser: Any, flow: str) -> None:
    page = shown(browser, f"/studio/wrangler/{flow}")
    assert names(page) == ["customers.csv", "Types"]
    columns = {one["name"]: one for one in page["table"]["columns"]}
    assert (columns["tenure"]["type"], columns["tenure"]["missing"]) == ("long", 30)
    assert page["table"]["count"] == 301
    text = browser.get(f"/studio/wrangler/{flow}").text
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_a_step_is_previewed_before_it_is_kept_and_can_be_taken_back(browser: Any, flow: str) -> None:
    types = shown(browser, f"/studio/wrangler/{flow}")["step"]
    draft = (
        f"/studio/wrangler/{flow}?step={types}&op={MISSING}&tool=Impute&filled=1&v.column_type=Numeric"
        "&v.numeric_parameters.input_column:0=tenure&v.numeric_parameters.strategy=Mean"
    )
    page = shown(browser, draft)
    assert page["draft"]["effect"].startswith("1 column changes, all 301 rows stay.")
    assert next(one for one in page["table"]["columns"] if one["name"] == "tenure")["missing"] == 0
    assert names(shown(browser, f"/studio/wrangler/{flow}")) == ["customers.csv", "Types"]
    values = {
        "column_type": "Numeric",
        "numeric_parameters.input_column:0": "tenure",
        "numeric_parameters.strategy": "Mean",
    }
    assert keep(browser, flow, types, MISSING, "Impute", **values).status == 303
    assert keep(browser, flow, types, COLUMNS, "Drop column", **{"column_to_drop:0": "contract"}).status == 303
    page = shown(browser, f"/studio/wrangler/{flow}")
    assert names(page) == ["customers.csv", "Types", "Drop column", "Impute"]
    assert "contract" not in [one["name"] for one in page["table"]["columns"]]
    change = {"token": browser.token(), "tag": page["tag"], "step": page["steps"][3]["node_id"], "what": "earlier"}
    assert browser.post(f"/studio/wrangler/{flow}/change", change).status == 303
    assert names(shown(browser, f"/studio/wrangler/{flow}")) == ["customers.csv", "Types", "Impute", "Drop column"]
    for expected in (["Drop column", "Impute"], ["Impute"], []):
        browser.post(f"/studio/wrangler/{flow}/change", {"token": browser.token(), "what": "undo"})
        assert names(shown(browser, f"/studio/wrangler/{flow}"))[2:] == expected


def test_a_flow_changed_elsewhere_is_not_overwritten(browser: Any, flow: str) -> None:
    page = shown(browser, f"/studio/wrangler/{flow}")
    values = {"column_to_drop:0": "contract"}
    assert keep(browser, flow, page["step"], COLUMNS, "Drop column", **values).status == 303
    given = {
        "token": browser.token(), "tag": page["tag"], "step": page["step"], "op": COLUMNS, "tool": "Drop column",
        "v.column_to_drop:0": "id",
    }  # fmt: skip
    refused = browser.post(f"/studio/wrangler/{flow}/keep", given)
    assert refused.status == 400
    assert "was changed elsewhere" in refused.text


def test_a_form_with_a_fault_says_which_field(browser: Any, flow: str) -> None:
    page = shown(browser, f"/studio/wrangler/{flow}?op={COLUMNS}&tool=Drop+column&filled=1")
    assert [one["fault"] for one in page["draft"]["fields"] if one["fault"]] == ["is needed"]
    assert page["table"]["count"] == 301
    refused = keep(browser, flow, page["step"], COLUMNS, "Drop column")
    assert refused.status == 400
    assert "column_to_drop is needed" in refused.text


def test_a_step_that_fails_says_what_is_wrong_and_shows_what_came_in(browser: Any, flow: str) -> None:
    step = shown(browser, f"/studio/wrangler/{flow}")["step"]
    page = shown(
        browser, f"/studio/wrangler/{flow}?step={step}&op={COLUMNS}&tool=Drop+column&filled=1&v.column_to_drop:0=gone"
    )
    assert "gone" in page["fault"]["reason"]
    assert page["table"]["count"] == 301


def test_the_flow_runs_on_all_rows(server: Any, browser: Any, flow: str) -> None:
    step = shown(browser, f"/studio/wrangler/{flow}")["step"]
    keep(browser, flow, step, COLUMNS, "Drop column", **{"column_to_drop:0": "contract"})
    page = shown(browser, f"/studio/wrangler/{flow}")
    form = browser.get(f"/studio/wrangler/{flow}/run").text
    end = re.search(r'<option value="([^"]+)" selected>Drop column', form)
    assert end is not None
    given = {
        "token": browser.token(), "job": f"{flow}-run", "end": end[1], "uri": f"s3://{BUCKET}/{flow}/", "format": "CSV",
        "instance": "ml.m5.large", "refit": "on",
    }  # fmt: skip
    made = browser.post(f"/studio/wrangler/{flow}/run", given)
    assert made.headers["location"].startswith(f"/studio/processing/{flow}-run"), html.unescape(made.text)
    sagemaker, s3 = server.boto("sagemaker"), server.boto("s3")
    while (job := sagemaker.describe_processing_job(ProcessingJobName=f"{flow}-run"))["ProcessingJobStatus"] in (
        "InProgress",
    ):
        time.sleep(0.3)
    assert job["ProcessingJobStatus"] == "Completed", job
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{flow}/")["Contents"]]
    key = next(one for one in keys if one.endswith(".csv"))
    lines = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode().splitlines()
    assert lines[0].split(",") == ["id", "tenure", "charges"]
    assert len(lines) == 302
    assert page["steps"][-1]["name"] == "Drop column"
    run = json.loads(browser.get(f"/studio/wrangler/{flow}/run.json").text)
    ran = dict(run["steps"])
    assert list(ran) == ["customers.csv", "Types", "Drop column"]
    assert (ran["Drop column"]["rows_in"], ran["Drop column"]["rows_out"], ran["Drop column"]["columns"]) == (
        "301",
        "301",
        "3",
    )
    assert ran["Drop column"]["seconds"] is None
    assert "its steps" in browser.get(f"/studio/wrangler/{flow}").text


def test_a_stranger_sees_nothing(stranger: Any, flow: str) -> None:
    assert stranger.get(f"/studio/wrangler/{flow}").status == 401
    assert stranger.post(f"/studio/wrangler/{flow}/change", {"what": "delete-flow"}).status == 403


def test_a_step_is_added_by_keyboard_alone_and_no_page_violates_axe(browser: Any, page: Page, flow: str) -> None:
    shown(browser, f"/studio/wrangler/{flow}")
    address = f"/studio/wrangler/{flow}"
    page.goto(address)
    page.keyboard.press("c")
    expect(page.get_by_role("heading", name="Add a step")).to_be_visible()
    page.get_by_role("searchbox", name="Find a step").focus()
    page.keyboard.type("duplicates")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Drop column").or_(page.get_by_role("link", name="Drop duplicates")).first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Drop duplicates")).to_be_visible()
    page.keyboard.press("Control+Enter")
    expect(page.locator(".flow")).to_contain_text("Drop duplicates")
    page.keyboard.press("z")
    expect(page.locator(".flow")).not_to_contain_text("Drop duplicates")
    draft = f"{address}?op={MISSING}&tool=Impute"
    chart = f"{address}/chart?op=sagemaker.visualizations.histogram_0.1&filled=1&v.x_axis=tenure"
    further = (f"{address}/run", f"{address}/code", f"{address}/insights?target=contract", chart)
    wrong = {}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        for path in ("/studio/wrangler", "/studio/wrangler/new", address, f"{address}?choose=1", draft, *further):
            page.goto(path)
            if found := violations(page):
                wrong[f"{scheme} {path}"] = found
    assert not wrong, json.dumps(wrong, indent=1)


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("id;kosten\n1;2,5\n2;3,5\n", {"id": "long", "kosten": "string"}),
        ("1\t2.5\n3\t4.5\n", {"_c0": "long", "_c1": "float"}),
        ("name;année\nJosé;1\n".encode("latin-1"), {"name": "string", "année": "long"}),
        ("name,année\nJosé,1\n".encode("utf-16"), {"name": "string", "année": "long"}),
        (gzip.compress("name,année\nJosé,1\n".encode()), {"name": "string", "année": "long"}),
    ],
)
def test_a_file_of_this_computer_becomes_a_flow(
    page: Page, browser: Any, tmp_path: Path, text: str | bytes, columns: dict[str, str]
) -> None:
    """Its delimiter, its header and its encoding are found."""
    name = f"upload-{uuid.uuid4().hex[:8]}"
    (tmp_path / f"{name} & co.csv").write_bytes(text.encode() if isinstance(text, str) else text)
    page.goto("/studio/wrangler/new")
    page.get_by_role("button", name="Upload a file…").click()
    page.locator("#file").set_input_files(tmp_path / f"{name} & co.csv")
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.locator("#uri")).to_have_value(f"s3://{BUCKET}/uploads/{name} & co.csv")
    page.locator("#name").fill(name)
    page.get_by_role("button", name="Create").click()
    page.wait_for_url(f"**/studio/wrangler/{name}")
    assert {
        one["name"]: one["type"] for one in shown(browser, f"/studio/wrangler/{name}")["table"]["columns"]
    } == columns


def test_a_folder_is_not_another_one_whose_name_begins_alike(server: Any, browser: Any, data: str) -> None:
    s3, name = server.boto("s3"), f"flow-{uuid.uuid4().hex[:8]}"
    s3.put_object(Bucket=BUCKET, Key=f"{name}-old/a.csv", Body=b"a,b\n1,2\n")
    s3.put_object(Bucket=BUCKET, Key=f"{name}/a.csv", Body=b"x;y\n1;2\n")
    given = {"token": browser.token(), "name": name, "uri": f"s3://{BUCKET}/{name}", "format": "csv"}
    assert browser.post("/studio/wrangler/new", given).status == 303
    assert [one["name"] for one in shown(browser, f"/studio/wrangler/{name}")["table"]["columns"]] == ["x", "y"]


def test_a_file_without_bytes_says_so(server: Any, browser: Any, data: str) -> None:
    server.boto("s3").put_object(Bucket=BUCKET, Key="wrangler/empty.csv", Body=b"")
    name = f"flow-{uuid.uuid4().hex[:8]}"
    given = {"token": browser.token(), "name": name, "uri": data.replace("customers", "empty"), "format": "csv"}
    assert browser.post("/studio/wrangler/new", given).status == 303
    fault = shown(browser, f"/studio/wrangler/{name}")["fault"]
    assert fault["reason"] == f"s3://{BUCKET}/wrangler/empty.csv has no bytes."


def test_a_bucket_is_made(page: Page) -> None:
    name = f"made-{uuid.uuid4().hex[:8]}"
    page.goto("/studio/buckets")
    page.get_by_role("link", name="New bucket").click()
    page.get_by_label("Name").fill("No_Bucket")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("alert")).to_contain_text("not valid")
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Create").click()
    page.wait_for_url(f"**/studio/buckets/{name}")
    expect(page.get_by_text(f"Created {name}")).to_be_visible()


def test_a_form_previews_itself_while_it_is_filled(page: Page, flow: str) -> None:
    page.goto(f"/studio/wrangler/{flow}?op={COLUMNS}&tool=Drop+column")
    page.get_by_label("contract").check()
    expect(page.get_by_text("1 column goes, all 301 rows stay.")).to_be_visible()
    assert "contract" in page.url
    page.set_viewport_size({"width": 320, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.keyboard.press("Escape")
    expect(page.get_by_text("Not kept yet")).to_have_count(0)


def test_insights_find_what_to_mend_and_mend_it(browser: Any, flow: str) -> None:
    page = shown(browser, f"/studio/wrangler/{flow}/insights?target=contract")
    assert page["metric"]
    found = {one["title"]: one for one in page["findings"]}
    assert any("missing" in title or "tenure" in title for title in found), found.keys()
    fix = next(fix for one in page["findings"] for fix in one["fixes"])
    given = {
        "token": browser.token(),
        "tag": page["tag"],
        "step": page["step"],
        "target": "contract",
        "fix": fix["call"],
    }
    assert browser.post(f"/studio/wrangler/{flow}/fix", given).status == 303
    assert len(names(shown(browser, f"/studio/wrangler/{flow}"))) == 3
    refused = browser.post(
        f"/studio/wrangler/{flow}/fix", {**given, "tag": "", "fix": '["sagemaker.spark.nothing_0.1", {}]'}
    )
    assert (refused.status, "has no step" in refused.text) == (400, True)


def test_a_chart_is_drawn_and_kept(browser: Any, flow: str) -> None:
    step = shown(browser, f"/studio/wrangler/{flow}")["step"]
    histogram = "sagemaker.visualizations.histogram_0.1"
    address = f"/studio/wrangler/{flow}/chart?step={step}&op={histogram}&filled=1&v.x_axis=tenure"
    assert len(shown(browser, address)["rows"]) > 3
    text = browser.get(address).text
    assert text.count("data:image/svg+xml;base64,") == 2
    kept = keep(browser, flow, step, histogram, "", name="Tenures", x_axis="tenure")
    assert kept.headers["location"].startswith(f"/studio/wrangler/{flow}/chart?node=")
    assert "Tenures" in names(shown(browser, f"/studio/wrangler/{flow}"))
    assert len(shown(browser, kept.headers["location"])["rows"]) > 3


def test_the_flow_as_code_names_its_job_and_runs_by_itself(browser: Any, flow: str) -> None:
    page = shown(browser, f"/studio/wrangler/{flow}/code")
    parts = {label: text for label, _, text in page["parts"]}
    assert set(parts) == {"Python", "SDK v2", "Pipeline", "CLI", "boto3", "Flow file"}
    compile(parts["Python"], "flow.py", "exec")
    compile(parts["boto3"], "job.py", "exec")
    assert json.loads(parts["Flow file"])["nodes"][0]["operator"] == "sagemaker.s3_source_0.1"


ALTAIR = """
chart = alt.Chart(df).mark_point().encode(x="id", y="charges", tooltip=["id", "charges"]).properties(
    usermeta={"embedOptions": {"ast": False, "actions": True}}
)
"""
REACHES = """async () => {
    const tried = {};
    for (const [name, reach] of Object.entries({
        cookie: () => document.cookie,
        storage: () => localStorage.length,
        parent: () => parent.document.title,
        fetch: () => fetch("/studio").then(answer => answer.text()),
        image: () => new Promise((loaded, failed) => {
            Object.assign(new Image(), {onload: loaded, onerror: failed, src: "/studio/static/icons.svg"});
        }),
        compile: () => new Function("return 1")(),
    })) try { await reach(); tried[name] = "reached"; } catch { tried[name] = "refused"; }
    return tried;
}"""


def test_a_chart_by_code_answers_to_the_mouse_and_reaches_nothing(page: Page, browser: Any, flow: str) -> None:
    step = shown(browser, f"/studio/wrangler/{flow}")["step"]
    kept = keep(browser, flow, step, "sagemaker.visualizations.custom_visualization_0.1", "", name="Own", code=ALTAIR)
    assert kept.status == 303, kept.text
    shown(browser, kept.headers["location"])
    page.goto(kept.headers["location"])
    frame = page.frame_locator("#chart-live")
    points = frame.locator("g.mark-symbol path")
    expect(points).to_have_count(301, timeout=20_000)
    expect(page.locator("#chart-picture")).to_be_hidden()
    points.nth(5).hover(force=True)
    expect(frame.locator("#vg-tooltip-element.visible")).to_contain_text("charges")
    expect(frame.locator(".vega-actions")).to_have_count(0)
    assert not violations(page)
    other = page.context.new_page()  # whose console may hold the refusals
    other.goto(kept.headers["location"])
    expect(other.frame_locator("#chart-live").locator("g.mark-symbol path")).to_have_count(301, timeout=20_000)
    (inner,) = (one for one in other.frames if one.url.endswith("/studio/chart-frame"))
    assert inner.evaluate("origin") == "null"
    tried = inner.evaluate(REACHES)
    assert set(tried.values()) == {"refused"}, tried


def test_a_chart_that_no_frame_draws_stays_a_picture(context: BrowserContext, browser: Any, flow: str) -> None:
    page = context.new_page()
    step = shown(browser, f"/studio/wrangler/{flow}")["step"]
    code = 'chart = alt.Chart(df).mark_point().encode(x="id", y="charges")'
    kept = keep(browser, flow, step, "sagemaker.visualizations.custom_visualization_0.1", "", name="Own", code=code)
    page.route("**/vega.min.js*", lambda route: route.abort())
    shown(browser, kept.headers["location"])
    page.goto(kept.headers["location"])
    expect(page.locator("#chart-picture")).to_be_visible()
    page.wait_for_timeout(1000)
    expect(page.locator("#chart-picture")).to_be_visible()
