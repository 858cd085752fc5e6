"""Views of lists that a browser keeps: saved, opened, deleted, and what is refused."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

COOKIE = "sagewright-views"
BEST = "/studio/jobs?sort=-m.validation%3Aauc&q=depth%3D3"


def save(browser: Any, name: str, address: str = BEST, **more: str) -> Any:
    return browser.post("/studio/views", {"token": browser.token(), "name": name, "address": address, **more})


def test_a_view_is_saved_opened_and_deleted(browser: Any) -> None:
    answer = save(browser, "Best <b>")
    assert (answer.status, answer.headers["location"]) == (303, BEST)
    save(browser, "Failed", "/studio/jobs?status=Failed")
    page = browser.get("/studio/jobs").text
    assert f'href="{BEST.replace("&", "&amp;")}">Best &lt;b&gt;</a>' in page and "Best <b>" not in page
    assert ">Failed</a><span class" in page
    assert "Best" not in browser.get("/studio/alarms").text
    save(browser, "Best <b>", "/studio/jobs?sort=name")
    assert 'href="/studio/jobs?sort=name">Best' in browser.get("/studio/jobs").text
    for name in ("Best <b>", "Failed"):
        assert save(browser, "", drop=name).status == 303
    assert COOKIE not in browser.cookies


def test_views_that_are_refused(browser: Any) -> None:
    for address in (
        "https://example.com/",
        "//example.com/",
        "/studio/\\x",
        "javascript:alert(1)",
        "/studio/" + "x" * 1000,
    ):
        refused = save(browser, "x", address)
        assert refused.status == 400 and "must begin with /studio/" in refused.text
    assert "1 to 40 printable" in save(browser, "x" * 41).text
    assert "1 to 40 printable" in save(browser, " ").text
    for at in range(20):
        assert save(browser, f"view {at}", f"/studio/jobs?q={at}").status == 303
    assert "At most 20 views" in save(browser, "one more").text
    assert save(browser, "view 3").status == 303
    for at in range(20):
        last = save(browser, f"view {at}", f"/studio/jobs?q={'x' * 400}")
        if last.status != 303:
            break
    assert "3500 characters together" in last.text and len(browser.cookies[COOKIE]) <= 3500


def test_a_cookie_that_another_server_wrote_leads_nowhere_else(browser: Any) -> None:
    browser.cookies[COOKIE] = (
        f"evil={quote('https://example.com/', safe='')}&{'a' * 50}=%2Fstudio%2Fjobs&%FF&x&ok=%2Fstudio%2Fjobs%3Fq%3D1"
    )
    page = browser.get("/studio/jobs")
    assert page.status == 200 and "example.com" not in page.text and ">ok</a>" in page.text
    browser.cookies[COOKIE] = "a=%2Fstudio%2Fjobs&" * 100
    assert browser.get("/studio/jobs").status == 200
