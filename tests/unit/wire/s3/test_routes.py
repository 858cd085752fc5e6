"""Every operation that botocore can send is told from every other one."""

from __future__ import annotations

from typing import Any

import botocore.model
import pytest
from botocore.loaders import Loader
from botocore.serialize import create_serializer

from sagewright.http.body import BytesBody
from sagewright.http.messages import HttpRequest
from sagewright.model.aws.shapes import Shape, StructureShape
from sagewright.model.errors import AwsError
from sagewright.wire.models import service_model
from sagewright.wire.s3.routes import NOT_OURS, S3Route, S3Router, is_completion

MODEL = service_model("s3")
CLIENT = botocore.model.ServiceModel(Loader().load_service_model("s3", "service-2"), "s3")
ROUTER = S3Router(["localhost", "store.example"])
OPERATIONS = [n for n in MODEL.operation_names if n not in NOT_OURS and not MODEL.operation_model(n).deprecated]


def example(shape: Shape) -> Any:
    """The least value that botocore serializes."""
    match shape.type_name:
        case "structure":
            assert isinstance(shape, StructureShape)
            return {name: example(shape.members[name]) for name in shape.required_members}
        case "list":
            return [example(shape.member)]
        case "integer" | "long":
            return 1
        case "boolean":
            return True
        case "blob":
            return b""
    return "some"


def request(method: str, path: str, query: str = "", host: str = "127.0.0.1:4700", **headers: str) -> HttpRequest:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpRequest(method, path, query, {"host": host, **sent}, BytesBody(b""))


@pytest.mark.parametrize("name", OPERATIONS)
def test_what_botocore_sends_is_recognized(name: str) -> None:
    operation = MODEL.operation_model(name)
    parameters = example(operation.input_shape) if operation.input_shape else {}
    sent = create_serializer("rest-xml", include_validation=False).serialize_to_request(
        parameters, CLIENT.operation_model(name)
    )
    path, _, query = sent["url_path"].partition("?")
    extra = [f"{k}={v}" for k, v in (sent.get("query_string") or {}).items()]
    headers = {k.lower(): str(v) for k, v in sent["headers"].items()}
    query = "&".join([query, *extra]) if query else "&".join(extra)
    found = ROUTER.match(HttpRequest(sent["method"], path, query, {"host": "x", **headers}, BytesBody(b"")))
    assert found.operation == name
    assert found.parameters() == {k: v for k, v in parameters.items() if k in {"Bucket", "Key"}}


def test_keys_are_taken_as_they_are() -> None:
    found = ROUTER.match(request("GET", "/b/a//b/../%2Fc%20+d/", "tagging"))
    assert found == S3Route("GetObjectTagging", "b", "a//b/..//c +d/")
    assert ROUTER.match(request("GET", "/b//")).key == "/"
    assert ROUTER.match(request("GET", "/b/")).key is None


@pytest.mark.parametrize(
    ("host", "path", "bucket", "key"),
    [
        ("my.bucket.localhost:4700", "/k/x", "my.bucket", "k/x"),
        ("bucket.store.example", "/k", "bucket", "k"),
        ("bucket.s3.eu-west-1.amazonaws.com", "/k", "bucket", "k"),
        ("bucket.s3.amazonaws.com", "/k", "bucket", "k"),
        ("store.example", "/b/k", "b", "k"),
        ("localhost:4700", "/b/k", "b", "k"),
        ("other.example", "/b/k", "b", "k"),
        ("[::1]:4700", "/b/k", "b", "k"),
    ],
)
def test_buckets_in_the_host(host: str, path: str, bucket: str, key: str) -> None:
    found = ROUTER.match(request("GET", path, host=host))
    assert (found.operation, found.bucket, found.key) == ("GetObject", bucket, key)
    assert found.virtual_host is (path == f"/{key}")


def test_a_bucket_in_the_host_alone() -> None:
    assert ROUTER.match(request("GET", "/", "list-type=2", host="b.localhost")).operation == "ListObjectsV2"


def test_what_is_no_operation() -> None:
    with pytest.raises(AwsError) as caught:
        ROUTER.match(request("POST", "/b/k"))
    assert (caught.value.code, caught.value.status) == ("MethodNotAllowed", 405)
    with pytest.raises(AwsError) as caught:
        ROUTER.match(request("GET", "/b/%FF"))
    assert caught.value.code == "InvalidURI"


def test_completions_of_uploads_alone_may_take_long() -> None:
    def requested(method: str, query: str) -> HttpRequest:
        return HttpRequest(method, "/b/k", query, {}, BytesBody(b""))

    assert is_completion(requested("POST", "uploadId=x"))
    assert not is_completion(requested("POST", "uploads="))
    assert not is_completion(requested("PUT", "partNumber=1&uploadId=x"))
