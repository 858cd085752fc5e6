"""Pages of user profiles, images, their configurations and life-cycle scripts: made, shown and deleted without scripts."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.contract.studio.chromium import violations

HOME = "/studio/notebooks"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
SCRIPT = "#!/bin/bash\r\necho '<b>ready</b>'\r\n"


@pytest.fixture(scope="module")
def server(server_with: Callable[..., Any]) -> Any:
    """A server whose lists begin empty, whatever ran before."""
    return server_with()


def twin(browser: Any, path: str) -> Any:
    answer = browser.get(f"{path}.json")
    assert answer.status == 200, answer.text
    return json.loads(answer.text)


def names(browser: Any, tab: str) -> list[str]:
    return [row["name"] for row in twin(browser, f"{HOME}/{tab}")["rows"]]


def gone(browser: Any, path: str) -> None:
    """Waits until a resource that is being deleted has no page."""
    end = time.monotonic() + 30
    while browser.get(path).status != 404:
        assert time.monotonic() < end, path
        time.sleep(0.1)


def test_a_profile_is_made_and_deleted(browser: Any, server: Any) -> None:
    assert names(browser, "profiles") == ["default"]
    browser.press(f"{HOME}/profiles", "New profile", UserProfileName="ada")
    assert set(names(browser, "profiles")) == {"ada", "default"}
    domain = server.boto("sagemaker").list_domains()["Domains"][0]["DomainId"]
    found = twin(browser, f"{HOME}/profiles/{domain}/ada")
    assert (found["title"], found["kind"], found["facts"]) == ("ada", "user profile", [["Domain", domain]])
    browser.press(f"{HOME}/profiles/{domain}/ada", "Delete")
    gone(browser, f"{HOME}/profiles/{domain}/ada")
    taken = browser.press(f"{HOME}/profiles", "New profile", UserProfileName="default")
    assert taken.status == 303
    assert "ResourceInUse" in taken.headers["set-cookie"]


def test_an_image_and_its_versions(browser: Any) -> None:
    browser.press(f"{HOME}/images", "New image", ImageName="lab", DisplayName="Lab", Description="<i>mine</i>")
    assert names(browser, "images") == ["lab"]
    page = f"{HOME}/images/lab"
    assert "&lt;i&gt;mine" in browser.get(page).text
    browser.press(page, "New version", BaseImage=IMAGE)
    end = time.monotonic() + 60
    while (found := twin(browser, page)["parts"][1]) and found[0]["status"] == "CREATING" and time.monotonic() < end:
        time.sleep(0.2)
    assert [(one["name"], one["status"], one["about"]) for one in found] == [("Version 1", "CREATED", IMAGE)]
    assert "its versions have to be deleted first" in browser.get(page).text
    browser.press(page, "Delete")  # the version: the image's own button is off
    while twin(browser, page)["parts"][1]:
        assert time.monotonic() < end
        time.sleep(0.1)
    browser.press(page, "Delete")
    gone(browser, page)


@pytest.mark.parametrize(
    ("app", "kernel", "settings"),
    [("KernelGatewayImageConfig", "python3", "python3"), ("JupyterLabAppImageConfig", "", None)],
)
def test_a_configuration_of_an_image(browser: Any, app: str, kernel: str, settings: str | None) -> None:
    name = f"config-{app[:4]}"
    form = {"token": browser.token(), "name": name, "app": app, "kernel": kernel}
    made = browser.post(f"{HOME}/new/image-config", form)
    assert (made.status, made.headers["location"]) == (303, f"{HOME}/image-configs/{name}")
    assert name in names(browser, "image-configs")
    found = twin(browser, f"{HOME}/image-configs/{name}")
    assert settings is None or settings in {value for _, value in found["settings"]}
    again = browser.post(f"{HOME}/new/image-config", form)
    assert again.status == 200
    assert "already exists" in again.text
    assert f'value="{name}"' in again.text, "what was typed stays"
    browser.press(f"{HOME}/image-configs/{name}", "Delete")
    gone(browser, f"{HOME}/image-configs/{name}")


@pytest.mark.parametrize(
    ("runs", "kind"), [("JupyterLab", "apps"), ("OnStart", "instances"), ("OnCreate", "instances")]
)
def test_a_life_cycle_script(browser: Any, server: Any, runs: str, kind: str) -> None:
    name = f"script-{runs}"
    form = {"token": browser.token(), "name": name, "runs": runs, "script": SCRIPT}
    made = browser.post(f"{HOME}/new/script", form)
    assert (made.status, made.headers["location"]) == (303, f"{HOME}/scripts/{kind}/{name}"), made.text
    assert name in names(browser, "scripts")
    page = browser.get(f"{HOME}/scripts/{kind}/{name}").text
    assert "&lt;b&gt;ready" in page
    client = server.boto("sagemaker")
    if kind == "apps":
        found = client.describe_studio_lifecycle_config(StudioLifecycleConfigName=name)["StudioLifecycleConfigContent"]
    else:
        found = client.describe_notebook_instance_lifecycle_config(NotebookInstanceLifecycleConfigName=name)[runs][0][
            "Content"
        ]
    assert base64.b64decode(found).decode() == SCRIPT.replace("\r\n", "\n")
    browser.press(f"{HOME}/scripts/{kind}/{name}", "Delete")
    gone(browser, f"{HOME}/scripts/{kind}/{name}")


@pytest.mark.parametrize(
    ("path", "fields", "words"),
    [
        ("script", {"name": "x", "runs": "Sometimes", "script": "x"}, "not at &#39;Sometimes&#39;"),
        ("script", {"name": "-", "runs": "OnStart", "script": "x"}, "Nothing was created"),
        ("script", {"name": "long", "runs": "OnStart", "script": "x" * 20_000}, "Nothing was created"),
        ("image-config", {"name": "x", "app": "Word"}, "it is &#39;Word&#39;"),
    ],
)
def test_what_is_refused_says_why_and_keeps_the_form(
    browser: Any, path: str, fields: dict[str, str], words: str
) -> None:
    before = names(browser, "scripts"), names(browser, "image-configs")
    answer = browser.post(f"{HOME}/new/{path}", {**fields, "token": browser.token()})
    assert answer.status == 200
    assert words in answer.text
    assert (names(browser, "scripts"), names(browser, "image-configs")) == before


def test_pages_of_nothing_and_of_no_kind(browser: Any) -> None:
    for path in (
        "images/none",
        "image-configs/none",
        "scripts/apps/none",
        "scripts/other/none",
        "profiles/d-000000000000/none",
    ):
        assert browser.get(f"{HOME}/{path}").status in (400, 404), path
    for tab in ("images", "image-configs", "scripts"):
        text = browser.get(f"{HOME}/{tab}").text
        assert "yet" in text
        assert text.count('aria-current="page"') >= 1


def test_no_page_violates_axe_or_is_too_wide(browser: Any, page: Page) -> None:
    page.goto(f"{HOME}/images")
    expect(page.get_by_text("No image yet")).to_be_visible()
    assert not violations(page)
    browser.press(f"{HOME}/images", "New image", ImageName="wide" * 15, DisplayName="Lab", Description="mine " * 40)
    browser.press(f"{HOME}/images/{'wide' * 15}", "New version", BaseImage=IMAGE)
    form = {"token": browser.token(), "name": "shown", "runs": "JupyterLab", "script": "pip install " + "x" * 300}
    browser.post(f"{HOME}/new/script", form)
    browser.post(
        f"{HOME}/new/image-config",
        {"token": browser.token(), "name": "shown", "app": "KernelGatewayImageConfig", "kernel": "k"},
    )
    addresses = [f"{HOME}/{one}" for one in (
        "profiles", "images", "image-configs", "scripts", f"images/{'wide' * 15}", "scripts/apps/shown", "image-configs/shown",
        "new/script", "new/image-config",
    )]  # fmt: skip
    wrong = {}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        for address in addresses:
            page.set_viewport_size({"width": 1440, "height": 900})
            page.goto(address)
            if found := violations(page):
                wrong[f"{scheme} {address}"] = found
            page.set_viewport_size({"width": 360, "height": 780})
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                wrong[f"{scheme} {address} 360"] = ["too wide"]
    assert not wrong, json.dumps(wrong, indent=1)
    page.goto(f"{HOME}/new/script")
    page.get_by_label("Name").fill("-")
    page.get_by_label("Runs").select_option("OnStart")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was created")
    expect(page.get_by_label("Name")).to_have_value("-")
    expect(page.get_by_label("Runs")).to_have_value("OnStart")
    assert not violations(page)
    page.goto(f"{HOME}/profiles?q=none")
    page.goto(f"{HOME}/profiles")
    page.keyboard.press("c")
    expect(page.get_by_role("textbox", name="Name", exact=True)).to_be_visible()
