"""A hand-written request arrives like one of an S3 client."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import botocore.config
import botocore.session
import pytest

from sagewright.agent.hostfile import Credentials, JobObjects
from sagewright.agent.smallput import put_small

KEYS = ("job/output/model.tar.gz", "a b/ü+%41?x=y&z#~'()!$*,;:@=.gz", "//./../x", "ends/", "\N{GRINNING FACE}")


class Taking:
    """Takes every PUT. `status`: what it answers."""

    def __init__(self) -> None:
        self.status = 200
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        taking = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                taking.requests.append((self.path, {name.lower(): text for name, text in self.headers.items()}, body))
                self.send_response(taking.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_arguments: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def objects(self) -> JobObjects:
        endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"
        return JobObjects(endpoint, "eu-west-1", Credentials("AKID", "secret", "token"), None)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def taking() -> Iterator[Taking]:
    made = Taking()
    yield made
    made.close()


def by_client(objects: JobObjects, key: str, content: bytes) -> None:
    own = objects.credentials
    botocore.session.Session().create_client(
        "s3", region_name=objects.region, endpoint_url=objects.endpoint, aws_access_key_id=own.access_key_id,
        aws_secret_access_key=own.secret_access_key, aws_session_token=own.session_token,
        config=botocore.config.Config(s3={"addressing_style": "path"}, proxies={}),
    ).put_object(Bucket="bucket", Key=key, Body=content)  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("content", [b"", b"x" * 1000])
def test_as_a_client_sends_it(taking: Taking, key: str, content: bytes) -> None:
    assert put_small(taking.objects, "bucket", key, content, {})
    by_client(taking.objects, key, content)
    ours, theirs = taking.requests
    assert (ours[0], ours[2]) == (theirs[0], theirs[2])
    for header in ("host", "x-amz-content-sha256", "x-amz-checksum-crc32", "x-amz-security-token", "content-type"):
        assert ours[1].get(header) == theirs[1].get(header), header
    scopes = [headers["authorization"].partition(", SignedHeaders")[0] for _path, headers, _body in taking.requests]
    assert scopes[0] == scopes[1]


@pytest.mark.parametrize("status", [204, 301, 403, 404, 500, 503])
def test_whatever_is_no_success_is_left_to_a_client(taking: Taking, status: int) -> None:
    taking.status = status
    assert not put_small(taking.objects, "bucket", "key", b"content", {})


def test_nobody_there(taking: Taking) -> None:
    objects = taking.objects
    taking.close()
    assert not put_small(objects, "bucket", "key", b"content", {})
