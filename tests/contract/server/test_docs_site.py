"""The docs as a running server shows them."""

from __future__ import annotations

import gzip
import http.client
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser
from tests.contract.studio.chromium import WAIT_MS, chromium  # noqa: F401 - a fixture

ROOT = Path(__file__).parents[3]
HTML = {"Accept": "text/html"}
Ask = Callable[..., tuple[int, dict[str, str], bytes]]


@pytest.fixture(scope="module")
def ask(server: Any) -> Ask:
    """Sends one request, unsigned, with a path as it is."""
    subprocess.run([sys.executable, ROOT / "tools" / "docs.py"], check=True, stdout=subprocess.DEVNULL, timeout=120)

    def send(
        path: str, headers: dict[str, str] | None = None, method: str = "GET"
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(urlsplit(server.endpoint).netloc, timeout=30)
        try:
            connection.request(method, path, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    return send


def test_the_first_page_leads_to_the_docs(ask: Ask) -> None:
    assert b'href="/docs/"' in ask("/", HTML)[2]
    status, headers, _ = ask("/docs", HTML)
    assert (status, headers["location"]) == (308, "/docs/")
    status, headers, body = ask("/docs/", HTML)
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert b'href="tutorial/"' in body
    assert "script-src 'self' 'sha256-" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]


def test_a_page_a_picture_and_the_index_of_the_search(ask: Ask) -> None:
    assert b"Tune hyperparameters" in ask("/docs/how-to/tune-models/")[2]
    status, headers, body = ask("/docs/images/studio/jobs.png")
    assert (status, headers["content-type"], body[:4]) == (200, "image/png", b"\x89PNG")
    status, headers, body = ask("/docs/search/search_index.json", {"Accept-Encoding": "gzip"})
    assert (status, headers["content-type"]) == (200, "application/json")
    assert gzip.decompress(body) == ask("/docs/search/search_index.json")[2]


def test_head_and_a_condition(ask: Ask) -> None:
    status, headers, body = ask("/docs/", method="HEAD")
    assert (status, body) == (200, b"")
    assert int(headers["content-length"]) == len(ask("/docs/")[2])
    status, headers, body = ask("/docs/", {"If-None-Match": headers["etag"]})
    assert (status, body) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/docs/nope/",
        "/docs/../../../etc/passwd",
        "/docs/%2e%2e/%2e%2e/etc/passwd",
        "/docs/..%2f..%2fpages.py",
        "/docs//etc/passwd",
        "/docs/manifest.json",
        "/docs/%00",
    ],
)
def test_what_the_site_does_not_have_is_its_page_404(ask: Ask, path: str) -> None:
    status, headers, body = ask(path, HTML)
    assert status == 404
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert b"/docs/assets/" in body
    assert b"root:" not in body


def test_a_bucket_named_docs_is_still_a_bucket(ask: Ask, server: Any) -> None:
    s3 = server.boto("s3")
    s3.create_bucket(Bucket="docs")
    try:
        s3.put_object(Bucket="docs", Key="tutorial/", Body=b"mine")
        assert s3.get_object(Bucket="docs", Key="tutorial/")["Body"].read() == b"mine"
        assert b"AccessDenied" in ask("/docs/data.csv")[2]
        assert b"AccessDenied" in ask("/docs/data.csv", {"Accept": "*/*"})[2]
    finally:
        s3.delete_object(Bucket="docs", Key="tutorial/")
        s3.delete_bucket(Bucket="docs")


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (360, "dark")])
def test_a_browser_shows_pages_and_finds_words(
    ask: Ask,
    chromium: Browser,  # noqa: F811
    server: Any,
    width: int,
    scheme: Literal["light", "dark"],
) -> None:
    """Nothing is refused by the policy or loaded from elsewhere, no page is wider than the screen, and the search answers."""
    assert ask("/docs/")[0] == 200
    context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    errors, hosts = [], set()
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    for name in ("", "reference/wrangler/", "reference/limits/", "how-to/use-boto3-and-cli/"):
        page.goto(f"{server.endpoint}/docs/{name}")
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), name
    assert page.evaluate("document.body.getAttribute('data-md-color-scheme')") == (
        "slate" if scheme == "dark" else "default"
    )
    if width == 360:
        page.locator("label[for=__search]").first.click()
    page.wait_for_load_state("networkidle")  # keys that come before the script count for nothing
    page.locator("input[name=query]").press_sequentially("warm pools")
    page.locator(".md-search-result__item").first.wait_for()
    context.close()
    assert errors == []
    assert hosts == {urlsplit(server.endpoint).netloc}
