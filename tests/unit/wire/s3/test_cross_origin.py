"""Preflights and headers by the rules of a bucket."""

from __future__ import annotations

from pathlib import Path

import pytest

from sagewright.http.body import BytesBody
from sagewright.http.messages import HttpRequest
from sagewright.model.errors import AwsError
from sagewright.objects.bucketstore import BucketStore
from sagewright.store.database import Database
from sagewright.wire.s3.cross_origin import CrossOrigin
from sagewright.wire.s3.routes import S3Router


@pytest.fixture
def crossing(tmp_path: Path) -> CrossOrigin:
    objects = BucketStore(Database(f"sqlite:///{tmp_path / 'store'}"), tmp_path, "off", "000000000000", "us-east-1")
    rules = [{"AllowedMethods": ["GET"], "AllowedOrigins": ["https://a"], "MaxAgeSeconds": 9}]
    objects.buckets.create("open", configuration={"cors": {"CORSRules": rules}})
    objects.buckets.create("closed")
    return CrossOrigin(objects, S3Router())


def requested(path: str, method: str = "OPTIONS", **headers: str) -> HttpRequest:
    return HttpRequest(method, path, "", {n.replace("_", "-"): v for n, v in headers.items()}, BytesBody(b""))


GOOD = {"origin": "https://a", "access_control_request_method": "GET"}


def test_a_preflight(crossing: CrossOrigin) -> None:
    answer = crossing.preflight(requested("/open/k", **GOOD))
    assert answer.status == 200
    assert dict(answer.headers)["Access-Control-Max-Age"] == "9"
    answer = crossing.preflight(requested("/k", host="open.localhost:4700", **GOOD))
    assert dict(answer.headers)["Access-Control-Allow-Origin"] == "https://a"


@pytest.mark.parametrize(
    ("path", "headers", "code"),
    [
        ("/", GOOD, "MethodNotAllowed"),
        ("/none/k", GOOD, "AccessForbidden"),
        ("/closed/k", GOOD, "AccessForbidden"),
        ("/open/k", GOOD | {"origin": "https://b"}, "AccessForbidden"),
        ("/open/k", {"origin": "https://a"}, "BadRequest"),
    ],
)
def test_preflights_that_are_refused(crossing: CrossOrigin, path: str, headers: dict[str, str], code: str) -> None:
    with pytest.raises(AwsError) as caught:
        crossing.preflight(requested(path, **headers))
    assert caught.value.code == code


def test_headers_of_answers(crossing: CrossOrigin) -> None:
    there = requested("/open/k", "GET", origin="https://a")
    assert ("Access-Control-Allow-Origin", "https://a") in crossing.headers(there, "open")
    for request, bucket in (
        (there, None),
        (there, "none"),
        (there, "closed"),
        (requested("/open/k", "GET"), "open"),
        (requested("/open/k", "PUT", origin="https://a"), "open"),
    ):
        assert crossing.headers(request, bucket) == []
