"""A notebook in a real Chromium: it works, and its page's scripts reach neither Studio nor the session."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, sync_playwright
from playwright.sync_api import TimeoutError as TooLate
from tests.contract.notebooks.conftest import Lab

CHROMIUM = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
WAIT_MS = 60_000
READ = """async ([url, credentials, mode]) => {
  try { const got = await fetch(url, {credentials, mode}); return [got.type, (await got.text()).length]; }
  catch (error) { return ["refused", 0]; }
}"""
SEND = """async (url) => { try { return (await fetch(url, {method: "POST", mode: "no-cors", credentials: "include",
  headers: {"content-type": "application/x-www-form-urlencoded"}, body: "token=x"})).type } catch (error) { return "refused" } }"""
SOCKET = """(url) => new Promise(done => {
  const one = new WebSocket(url);
  one.onopen = () => done("open");
  one.onerror = () => done("refused");
})"""
FRAME = """(url) => {
  const one = document.createElement("iframe");
  one.src = url;
  document.body.append(one);
}"""


@pytest.fixture(scope="module")
def context() -> Iterator[BrowserContext]:
    path = next((one for one in CHROMIUM if Path(one).exists()), None)
    assert path is not None, "make system installs Chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        made = browser.new_context()
        made.set_default_timeout(WAIT_MS)
        yield made
        browser.close()


@pytest.fixture(scope="module")
def page(context: BrowserContext, lab: Lab) -> Page:
    """JupyterLab, opened by a one-time URL, in a browser that is signed in to Studio too."""
    made = context.new_page()
    sagemaker = lab.server.boto("sagemaker")
    made.goto(sagemaker.create_presigned_domain_url(DomainId=lab.domain, UserProfileName="default")["AuthorizedUrl"])
    made.goto(lab.url())
    made.wait_for_selector(".jp-Launcher")
    return made


def studio(lab: Lab) -> list[str]:
    return [lab.server.endpoint, f"http://localhost:{lab.port}"]


def test_a_cell_runs(page: Page) -> None:
    page.click('.jp-LauncherCard[data-category="Notebook"] >> nth=0')
    page.wait_for_selector(".jp-Notebook .cm-content")
    page.wait_for_selector("text=/\\| Idle/")
    page.click(".jp-Notebook .cm-content")
    page.keyboard.type("import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])")
    for _ in range(10):  # JupyterLab drops what is run before its kernel is connected
        page.click(".jp-Notebook .cm-content >> nth=0")
        page.keyboard.press("Shift+Enter")
        with contextlib.suppress(TooLate):
            page.wait_for_selector(".jp-OutputArea-output pre", timeout=5000)
            break
    assert "SageMakerExecutionRole" in page.inner_text(".jp-OutputArea-output")


def test_a_script_of_the_page_reads_nothing_of_studio(page: Page, lab: Lab) -> None:
    for origin in studio(lab):
        for path in ("/studio", "/studio/jobs.json", "/studio/live", "/studio/static/studio.css"):
            for credentials in ("include", "omit"):
                assert page.evaluate(READ, [origin + path, credentials, "cors"]) == ["refused", 0]
            assert page.evaluate(READ, [origin + path, "include", "no-cors"])[1] == 0
    assert "Studio" not in page.evaluate("async () => await (await fetch('/studio')).text()")


def test_a_script_of_the_page_has_neither_session(page: Page) -> None:
    assert "sagewright" not in page.evaluate("document.cookie")


def test_a_script_of_the_page_presses_no_button(page: Page, lab: Lab) -> None:
    jobs = len(lab.server.boto("sagemaker").list_spaces()["Spaces"])
    for origin in studio(lab):
        assert page.evaluate(SEND, f"{origin}/studio/act") in {"opaque", "refused"}
    assert len(lab.server.boto("sagemaker").list_spaces()["Spaces"]) == jobs


def test_studio_is_not_framed_by_a_notebook(page: Page, lab: Lab) -> None:
    for origin in studio(lab):
        page.evaluate(FRAME, f"{origin}/studio")
    page.wait_for_timeout(500)
    framed: list[Any] = [frame.url for frame in page.frames[1:] if "/studio" in frame.url]
    assert framed == []


def test_a_page_of_another_origin_opens_no_websocket(context: BrowserContext, lab: Lab) -> None:
    made = context.new_page()
    made.goto(f"http://localhost:{lab.port}/studio")
    for url in (f"ws://{lab.host}/api/events/subscribe", f"ws://{lab.host}/terminals/websocket/1"):
        assert made.evaluate(SOCKET, url) == "refused"
    made.close()
