"""The application under `/docs`: what it takes from S3, and what it answers."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest

from sagewright.docsite.application import DocsApplication

POLICY = "default-src 'none'"
PAGE = b"<!doctype html><title>Tune</title>" + b"x" * 200_000
HTML = {"accept": "text/html,*/*"}


def built(folder: Path, page: bytes = PAGE) -> Path:
    """A site of two files and a page for all others."""
    files = {}
    for name, kind, content, lasting in (
        ("", "text/html; charset=utf-8", b"<!doctype html><title>Docs</title>", False),
        ("how-to/tune/", "text/html; charset=utf-8", page, False),
        ("404.html", "text/html; charset=utf-8", b"<!doctype html><title>Nothing</title>", False),
        ("assets/main.js", "text/javascript; charset=utf-8", b"let a", True),
        ("images/one.png", "image/png", b"\x89PNG", False),
    ):
        packed = b"" if kind == "image/png" else gzip.compress(content)
        stored = f"{len(files)}-{len(content)}"
        (folder / stored).write_bytes(packed or content)
        files[name] = {
            "file": stored, "type": kind, "size": len(content), "packed_size": len(packed), "tag": f"t{stored}",
            "lasting": lasting,
        }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps({"policy": POLICY, "files": files}))
    return folder


def scope(path: str, headers: dict[str, str], method: str = "GET", query: str = "") -> dict[str, Any]:
    return {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }


def answer(
    application: DocsApplication, path: str, headers: dict[str, str], method: str = "GET"
) -> tuple[int, dict[str, str], bytes]:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(application(scope(path, headers, method), None, send))
    names = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], names, b"".join(one.get("body", b"") for one in sent[1:])


@pytest.fixture
def application(tmp_path: Path) -> DocsApplication:
    return DocsApplication(built(tmp_path))


def test_a_page_is_sent_whole_with_its_policy(application: DocsApplication) -> None:
    status, headers, body = answer(application, "/docs/how-to/tune/", HTML)
    assert (status, body) == (200, PAGE)
    assert headers["content-length"] == str(len(PAGE))
    assert headers["content-security-policy"] == POLICY
    assert headers["x-content-type-options"] == "nosniff"


def test_a_client_that_takes_gzip_gets_the_file_as_it_is(application: DocsApplication) -> None:
    status, headers, body = answer(application, "/docs/how-to/tune/", {"accept-encoding": "gzip, br"})
    assert status == 200
    assert headers["content-encoding"] == "gzip"
    assert len(body) < 2000
    assert gzip.decompress(body) == PAGE


def test_pictures_are_not_compressed_and_have_no_policy(application: DocsApplication) -> None:
    _, headers, body = answer(application, "/docs/images/one.png", {"accept-encoding": "gzip"})
    assert body == b"\x89PNG"
    assert headers["content-type"] == "image/png"
    assert not {"content-encoding", "content-security-policy"} & set(headers)


def test_a_client_that_has_a_file_does_not_get_it_again(application: DocsApplication) -> None:
    _, first, _ = answer(application, "/docs/", {"accept-encoding": "gzip"})
    status, _, body = answer(
        application, "/docs/", {"accept-encoding": "gzip", "if-none-match": f'"a", {first["etag"]}'}
    )
    assert (status, body) == (304, b"")
    assert answer(application, "/docs/", {"if-none-match": first["etag"]})[0] == 200  # of the compressed form alone
    assert first["cache-control"] == "no-cache"
    assert "immutable" in answer(application, "/docs/assets/main.js", {})[1]["cache-control"]


def test_head_has_the_length_and_no_body(application: DocsApplication) -> None:
    status, headers, body = answer(application, "/docs/how-to/tune/", {}, "HEAD")
    assert (status, headers["content-length"], body) == (200, str(len(PAGE)), b"")


def test_a_folder_leads_to_its_page(application: DocsApplication) -> None:
    for path, target in (("/docs", "/docs/"), ("/docs/how-to/tune", "/docs/how-to/tune/")):
        status, headers, _ = answer(application, path, HTML)
        assert (status, headers["location"]) == (308, target)


@pytest.mark.parametrize("path", ["/docs/nope", "/docs/../manifest.json", "/docs/manifest.json", "/docs//etc/passwd"])
def test_what_the_manifest_does_not_name_is_not_found(application: DocsApplication, path: str) -> None:
    status, _, body = answer(application, path, HTML)
    assert status == 404
    assert b"Nothing" in body


def test_a_checkout_without_the_site_says_how_it_is_built(tmp_path: Path) -> None:
    application = DocsApplication(tmp_path / "none")
    assert application.takes(scope("/docs/", {}))
    status, headers, body = answer(application, "/docs/", HTML)
    assert status == 404
    assert b"make docs" in body
    assert headers["cache-control"] == "no-store"
    assert not application.takes(scope("/docs/data.csv", {}))  # of a bucket
    built(tmp_path)
    application = DocsApplication(tmp_path)
    assert answer(application, "/docs/", HTML)[0] == 200


def test_a_site_that_is_built_anew_is_read_anew(tmp_path: Path) -> None:
    application = DocsApplication(built(tmp_path))
    assert answer(application, "/docs/how-to/tune/", {})[2] == PAGE
    built(tmp_path, b"other")
    os.utime(tmp_path / "manifest.json", ns=(1, 1))
    assert answer(application, "/docs/how-to/tune/", {})[2] == b"other"


def test_requests_for_a_bucket_of_that_name_go_to_s3(application: DocsApplication) -> None:
    assert application.takes(scope("/docs", {}))
    assert application.takes(scope("/docs/how-to/tune/", {}))
    assert application.takes(scope("/docs/nope", HTML))
    for passed in (
        scope("/docs/nope", {}),
        scope("/docs/data.csv", {"accept": "*/*"}),
        scope("/docs/", {"authorization": "AWS4-HMAC-SHA256 …"}),
        scope("/docs/", HTML, query="X-Amz-Signature=1"),
        scope("/docs/", HTML, method="PUT"),
        scope("/docs/", {**HTML, "host": "bucket.localhost:4700"}),
        scope("/docs/", {**HTML, "host": "bucket.s3.amazonaws.com"}),
        scope("/docsets/", HTML),
    ):
        assert not application.takes(passed), passed
