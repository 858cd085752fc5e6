"""Studio in a real Chromium: no error in the console, no violation of axe, by keyboard alone, and live."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.contract.studio.chromium import violations
from tests.contract.studio.world import BUCKET, ROLE, XGBOOST, World, train
from tests.tuning import Tuners


def addresses(world: World) -> list[str]:
    return [
        "/studio",
        "/studio/jobs",
        f"/studio/jobs/{world.job}",
        f"/studio/jobs/{world.failed}",
        f"/studio/jobs/{world.job}/log",
        "/studio/jobs/new",
        f"/studio/compare?pick={world.job}&pick={world.failed}",
        "/studio/tuning",
        "/studio/experiments",
        "/studio/pipelines",
        f"/studio/pipelines/{world.pipeline}",
        f"/studio/pipelines/{world.pipeline}/{world.execution}",
        "/studio/models",
        f"/studio/models/{world.group}",
        f"/studio/models/{world.group}/2",
        f"/studio/models/new?job={world.job}",
        "/studio/endpoints",
        f"/studio/endpoints/new?job={world.job}",
        "/studio/functions",
        "/studio/trackers",
        "/studio/shadow-tests",
        "/studio/notebooks",
        "/studio/notebooks/jobs",
        "/studio/rules",
        "/studio/alarms",
        "/studio/alarms/studio-alarm",
        "/studio/metrics",
        "/studio/logs",
        "/studio/audit",
        "/studio/usage",
        "/studio/buckets",
        f"/studio/buckets/{BUCKET}/",
        f"/studio/buckets/{BUCKET}/train/data.csv",
        f"/studio/search?q={world.job}",
        "/studio/guide",
        "/studio/clarify",
        "/studio/jumpstart",
        "/studio/solutions",
        "/studio/jumpstart/sagewright-tc-minilm-l6",
        "/studio/jumpstart/meta-textgeneration-llama-2-7b",
        f"/studio/upload?bucket={BUCKET}&prefix=train/",
        "/studio/new-bucket",
        "/studio/wrangler/new",
    ]


@pytest.mark.sampled(1)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_violation_of_axe(page: Page, world: World, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    wrong = {}
    for address in addresses(world):
        response = page.goto(address)
        assert response is not None
        assert response.status == 200, address
        if found := violations(page):
            wrong[address] = found
    assert not wrong, json.dumps(wrong, indent=1)


def test_no_page_scrolls_sideways_on_a_phone(page: Page, world: World) -> None:
    page.set_viewport_size({"width": 320, "height": 700})
    wide = []
    for address in addresses(world):
        page.goto(address)
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            wide.append(address)
    assert not wide


OVERLAPPING = """() => [...document.querySelectorAll(".tbl.fold tbody tr")].flatMap(row => {
  const boxes = [...row.children].map(cell => cell.getBoundingClientRect()).filter(box => box.width && box.height);
  const meet = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
  return boxes.some((a, i) => boxes.slice(i + 1).some(b => meet(a, b))) ? [row.textContent] : [];
})"""
"""The rows of which two cells lie on each other."""


def test_no_cell_of_a_row_lies_on_another_on_a_phone(page: Page, world: World, server: Any) -> None:
    """Also those with two times, which endpoints, experiments and pipelines have."""
    sagemaker = server.boto("sagemaker")
    sagemaker.create_model(ModelName="thin", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": XGBOOST})
    variant = {"VariantName": "all", "ModelName": "thin", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName="thin", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="thin", EndpointConfigName="thin")
    page.set_viewport_size({"width": 360, "height": 700})
    wrong = {}
    for address in addresses(world):
        page.goto(address)
        if rows := page.evaluate(OVERLAPPING):
            wrong[address] = rows
    assert not wrong


def test_rows_are_compared_by_keys_alone(page: Page, world: World) -> None:
    page.goto("/studio")
    page.keyboard.press("g")
    page.keyboard.press("j")
    page.wait_for_url("**/studio/jobs")
    for key in ("j", "x", "j", "x"):
        page.keyboard.press(key)
    expect(page.locator(".picked b")).to_have_text("2")
    page.keyboard.press("v")
    page.wait_for_url("**/studio/compare?*")
    expect(page.get_by_role("heading", level=1)).to_have_text("Compare 2 runs")


def test_a_range_of_an_axis_is_kept_by_dragging_and_by_typing(page: Page, world: World, server: Any) -> None:
    tuners = Tuners(server)
    name = f"ranges-{time.time_ns() % 10**12}"
    tuners.run(name, strategy="Random", jobs=6, parallel=3)
    page.goto(f"/studio/tuning/{name}")
    axis = page.locator(".grip").first.bounding_box()
    assert axis is not None
    page.mouse.move(axis["x"] + 9, axis["y"] + axis["height"] * 0.4)
    page.mouse.down()
    page.mouse.move(axis["x"] + 9, axis["y"] + axis["height"] + 20, steps=3)
    page.mouse.up()
    page.wait_for_url("**in=*")
    expect(page.locator(".brush")).to_have_count(1)
    expect(page.locator(".chip")).to_contain_text("at most")
    hidden = page.locator(".ln.gone").count()
    assert 0 < hidden < 6
    expect(page.get_by_role("status").filter(has_text="of 6 trials")).to_have_text(f"{6 - hidden} of 6 trials")
    assert violations(page) == []
    page.get_by_label("Axis", exact=True).focus()
    page.keyboard.press("Tab")
    page.keyboard.type("1e9")
    page.keyboard.press("Enter")
    page.wait_for_url("**from=1e9*")
    expect(page.get_by_text("No trial is within these ranges.")).to_be_visible()
    page.get_by_label("Remove the range of").click()
    page.wait_for_url(f"**/studio/tuning/{name}")
    expect(page.locator(".ln.gone")).to_have_count(0)


HOSTILE = "<script>alert(1)</script>&'~,=\"x"


def test_values_of_a_preview_choose_its_rows(page: Page, server: Any) -> None:
    rows = "\n".join(
        f'{at},{("red", "green")[at % 2]},"{HOSTILE.replace(chr(34), chr(34) * 2) if at % 5 else ""}"'
        for at in range(400)
    )
    server.boto("s3").create_bucket(Bucket="studio-facets")
    server.boto("s3").put_object(Bucket="studio-facets", Key="t/rows.csv", Body=f"id,colour,odd\n{rows}\n".encode())
    address = "/studio/buckets/studio-facets/t/rows.csv"
    page.goto(address)
    colour, odd = page.get_by_role("group", name="colour"), page.get_by_role("group", name="odd")
    expect(colour.get_by_role("link")).to_have_text(["green200", "red200"])
    expect(odd.get_by_role("link")).to_have_text([f"{HOSTILE}320", "(empty)80"])
    odd.get_by_role("link").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**is=2*")
    expect(colour.get_by_role("link")).to_have_text(["green160", "red160"])
    colour.get_by_role("link").first.click()
    expect(page.locator(".chip")).to_have_count(2)
    expect(page.get_by_text("160 of 400 that were read; the first 50")).to_be_visible()
    expect(page.get_by_role("region", name="First rows").locator("tbody tr td:nth-child(2)")).to_have_text(
        ["green"] * 50
    )
    expect(odd.locator("[aria-current=true]")).to_have_text(f"{HOSTILE}320".replace("320", "160"))
    assert violations(page) == []
    page.get_by_label("Remove the filter colour green").click()
    expect(page.locator(".chip")).to_have_count(1)
    odd.locator("[aria-current=true]").click()
    page.wait_for_url(f"**{address}?")
    page.goto(f"{address}?is=1~violet&is=zz&is=9~~")
    expect(page.get_by_text("No row that was read has these values.")).to_be_visible()


def test_an_object_names_its_jobs_and_models(page: Page, world: World, server: Any) -> None:
    image, data = (
        "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1",
        "s3://studio-served/m/model.tar.gz",
    )
    server.boto("s3").create_bucket(Bucket="studio-served")
    server.boto("s3").put_object(Bucket="studio-served", Key="m/model.tar.gz", Body=b"\x1f\x8b")
    sagemaker = server.boto("sagemaker")
    sagemaker.create_model(
        ModelName="studio-served",
        ExecutionRoleArn="arn:aws:iam::000000000000:role/SageMakerExecutionRole",
        PrimaryContainer={"Image": image, "ModelDataUrl": data},
    )
    sagemaker.create_model_package_group(ModelPackageGroupName="studio-served")
    sagemaker.create_model_package(
        ModelPackageGroupName="studio-served",
        InferenceSpecification={
            "Containers": [{"Image": image, "ModelDataUrl": data}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
    )
    page.goto("/studio/buckets/studio-served/m/model.tar.gz")
    expect(page.get_by_role("link", name="studio-served", exact=True).last).to_have_attribute(
        "href", "/studio/search?q=studio-served"
    )
    page.get_by_role("link", name="studio-served/1").click()
    page.wait_for_url("**/studio/models/studio-served/1")
    page.goto(f"/studio/buckets/{BUCKET}/train/")
    expect(page.locator("main .same")).to_contain_text(world.job)


def test_a_version_is_rejected_by_keys_alone(page: Page, world: World, server: Any) -> None:
    page.goto(f"/studio/models/{world.group}/2")
    page.get_by_role("button", name="Reject…").focus()
    page.keyboard.press("Enter")
    field = page.get_by_label("Note, kept with the decision").locator("visible=true")
    field.focus()
    page.keyboard.type("not <b>yet</b>")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/studio/models/{world.group}")
    arn = f"arn:aws:sagemaker:us-east-1:000000000000:model-package/{world.group}/2"
    found = server.boto("sagemaker").describe_model_package(ModelPackageName=arn)
    assert (found["ModelApprovalStatus"], found["ApprovalDescription"]) == ("Rejected", "not <b>yet</b>")


def test_a_live_page_keeps_what_is_typed_and_chosen(page: Page, world: World, server: Any) -> None:
    page.goto("/studio/jobs")
    page.locator("tbody .box input").first.check()
    page.get_by_placeholder("Name, max_depth=3").fill("half a wor")
    name = f"studio-live-{time.time_ns()}"
    train(server, name, {"objective": "binary:logistic", "num_round": "2"})
    expect(page.locator(f'[id="r-{name}"]')).to_be_visible()
    expect(page.get_by_placeholder("Name, max_depth=3")).to_have_value("half a wor")
    expect(page.locator("tbody .box input:checked")).to_have_count(1)
    server.wait(name)
    expect(page.locator(f'[id="r-{name}"] .f-state')).to_contain_text("Completed")


def test_the_palette_finds_while_one_types(page: Page, world: World) -> None:
    page.goto("/studio")
    page.keyboard.press("/")
    page.keyboard.type(world.job)
    hit = page.locator("#hits a", has_text=world.job).first
    expect(hit).to_be_visible()
    hit.click()
    page.wait_for_url(f"**/studio/jobs/{world.job}")


def test_pages_work_without_scripts(chromium: Browser, browser: Any, world: World) -> None:
    context = chromium.new_context(base_url=browser.url, java_script_enabled=False)
    context.add_cookies([{"name": name, "value": value, "url": browser.url} for name, value in browser.cookies.items()])
    page = context.new_page()
    page.goto("/studio/jobs")
    page.get_by_role("link", name="Failed", exact=True).click()
    expect(page.locator("tbody tr").first).to_contain_text("Failed")
    page.get_by_role("link", name="Training", exact=False).first.click()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    context.close()


def test_trained_registered_approved_and_deployed_in_the_browser(page: Page, world: World, server: Any) -> None:
    name, group = f"studio-shipped-{time.time_ns()}", f"studio-shipped-{time.time_ns()}"
    page.goto("/studio/guide")
    page.get_by_role("link", name="A table").click()
    page.get_by_role("link", name="A class").click()
    page.get_by_role("link", name="Open the form").first.click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("train, where").fill(f"s3://{BUCKET}/train/")
    page.get_by_label("train, content type").fill("text/csv")
    page.get_by_label("Output").fill(f"s3://{BUCKET}/output/")
    page.get_by_label("num_round", exact=True).fill("3")
    page.get_by_role("button", name="Start").click()
    page.wait_for_url(f"**/studio/jobs/{name}")
    expect(page.get_by_role("link", name="Register…")).to_be_visible()
    page.get_by_role("link", name="Register…").click()
    page.get_by_label("Group").fill(group)
    page.get_by_role("button", name="Register").click()
    page.wait_for_url(f"**/studio/models/{group}")
    page.get_by_role("button", name="Approve…").click()
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(page.locator("#done")).to_contain_text("Approved")
    page.get_by_role("link", name="Deploy…").click()
    page.get_by_label("Endpoint").fill(group[:60])
    page.get_by_role("button", name="Deploy").click()
    page.wait_for_url("**/studio/endpoints/*")
    expect(page.locator(".title .st")).to_contain_text("In service")
    page.get_by_label("Body").fill("1,2")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("heading", name="Answer")).to_be_visible()
    assert 0 < float(page.locator("aside pre.code").first.inner_text()) < 1
    server.boto("sagemaker").delete_endpoint(EndpointName=group[:60])
