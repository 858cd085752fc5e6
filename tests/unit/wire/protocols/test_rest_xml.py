"""The codec against botocore's own: what its serializer writes is read, what is written its parser reads."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import botocore.model
import pytest
from botocore.awsrequest import HeadersDict
from botocore.loaders import Loader
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from sagewright.http.body import BytesBody
from sagewright.http.messages import FileBody, HttpRequest, HttpResponse
from sagewright.model.aws.columns import Columns
from sagewright.model.aws.shapes import ListShape, MapShape, OperationModel, Shape, StructureShape
from sagewright.model.errors import AwsError
from sagewright.objects.blobs.blobs import BlobSlice
from sagewright.wire.models import service_model
from sagewright.wire.protocols.rest_xml import RestXmlProtocol
from sagewright.wire.s3.routes import NOT_OURS

MODEL = service_model("s3")
CLIENT = botocore.model.ServiceModel(Loader().load_service_model("s3", "service-2"), "s3")
CODEC = RestXmlProtocol()
MOMENT = datetime(2024, 2, 29, 12, 30, 15, tzinfo=UTC)
ALL = [n for n in MODEL.operation_names if n not in NOT_OURS and not MODEL.operation_model(n).deprecated]
UNLIKE = {"GetBucketLocation", "SelectObjectContent", "GetObjectTorrent"}
"""Answers that botocore does not parse by the model (an event stream, a bare root, a raw torrent)."""


def example(shape: Shape, depth: int = 0) -> Any:
    """A value with every member, as deep as structures do not come again."""
    if isinstance(shape, StructureShape):
        return {name: example(member, depth + 1) for name, member in shape.members.items()} if depth < 9 else {}
    if isinstance(shape, ListShape):
        return [example(shape.member, depth + 1)] * 2
    if isinstance(shape, MapShape):
        return {"key-one": "value one"}
    kinds: dict[str, Any] = {"integer": 7, "long": 2**40, "boolean": True, "timestamp": MOMENT, "blob": b"bytes"}
    return kinds.get(shape.type_name, (shape.metadata.get("enum") or ["te<x>t & ü\n"])[0])


def flat(shape: Shape, value: Any) -> Any:
    """Header values hold no line breaks: none of them in strings outside bodies."""
    if isinstance(shape, StructureShape):
        return {n: flat_member(shape.members[n], v) for n, v in value.items()}
    return value


def flat_member(shape: Shape, value: Any) -> Any:
    if "location" in shape.serialization and isinstance(value, str) and not shape.metadata.get("enum"):
        return "plain text"
    return value


def sent(operation: OperationModel, parameters: dict[str, Any]) -> HttpRequest:
    made = create_serializer("rest-xml", include_validation=False).serialize_to_request(
        parameters, CLIENT.operation_model(operation.name)
    )
    path, _, query = made["url_path"].partition("?")
    extra = urlencode(made.get("query_string") or {}, doseq=True)
    headers = {k.lower(): v if isinstance(v, str) else str(v) for k, v in made["headers"].items()}
    body = made["body"] if isinstance(made["body"], bytes) else str(made["body"] or "").encode()
    if operation.name == "DeleteObjects":
        headers["content-md5"] = base64.b64encode(hashlib.md5(body).digest()).decode()
    return HttpRequest(made["method"], path, "&".join(filter(None, [query, extra])), headers, BytesBody(body))


@pytest.mark.parametrize("name", ALL)
def test_requests(name: str) -> None:
    operation = MODEL.operation_model(name)
    shape = operation.input_shape
    if shape is None:
        return
    parameters = flat(shape, example(shape))
    parameters = {k: v for k, v in parameters.items() if "MD5" not in k and not k.startswith("Checksum")}
    got = CODEC.decode(operation, sent(operation, parameters))
    payload = shape.serialization.get("payload")
    if payload and shape.members[payload].serialization.get("streaming"):
        got[payload] = got[payload].read()
    routed = {name for name, member in shape.members.items() if member.serialization.get("location") == "uri"}
    assert got == {name: value for name, value in parameters.items() if name not in routed}


def parsed(operation: OperationModel, response: HttpResponse) -> dict[str, Any]:
    headers = dict(response.headers)
    body = response.body
    raw = {"headers": HeadersDict(headers), "body": body, "status_code": response.status}
    result: dict[str, Any] = create_parser("rest-xml").parse(raw, CLIENT.operation_model(operation.name).output_shape)
    return result


@pytest.mark.parametrize("operation_name", [n for n in ALL if n not in UNLIKE])
def test_answers(operation_name: str) -> None:
    operation = MODEL.operation_model(operation_name)
    if operation.output_shape is None:
        assert CODEC.encode(operation, {}, "id").body == b""
        return
    result = flat(operation.output_shape, example(operation.output_shape))
    status = operation.http.get("responseCode", 200)
    got = parsed(operation, CODEC.encode(operation, result, "id"))
    del got["ResponseMetadata"]
    if operation.has_streaming_output:
        name = operation.output_shape.serialization["payload"]
        result[name] = result[name].decode()  # what the parser makes of a body that is no stream
    if status == 204:
        result = {k: v for k, v in result.items() if "location" in operation.output_shape.members[k].serialization}
    assert got == result


def test_slices_of_files_are_handed_on() -> None:
    operation = MODEL.operation_model("GetObject")
    result = {"__status__": 206, "Body": BlobSlice(Path("/x"), 3, 4), "ContentLength": 4, "ContentRange": "bytes 3-6/9"}
    response = CODEC.encode(operation, result, "id")
    assert (response.status, response.body) == (206, FileBody(Path("/x"), 3, 4))
    assert ("Content-Range", "bytes 3-6/9") in response.headers


def test_not_modified_has_headers_alone() -> None:
    response = CODEC.encode(MODEL.operation_model("GetObject"), {"__status__": 304, "ETag": '"e"'}, "id")
    assert (response.status, response.body) == (304, b"")
    assert ("ETag", '"e"') in response.headers


def test_errors() -> None:
    error = AwsError("NoSuchKey", "Not <there>", 404, {"Key": "a&b\r", "@x-amz-delete-marker": "true"})
    response = CODEC.encode_error(error, "the-id", MODEL.operation_model("GetObject"))
    got = create_parser("rest-xml").parse(
        {"headers": dict(response.headers), "body": response.body, "status_code": 404}, None
    )
    assert got["Error"] == {"Code": "NoSuchKey", "Message": "Not <there>", "Key": "a&b\r"}
    assert got["ResponseMetadata"]["RequestId"] == "the-id"
    assert ("x-amz-delete-marker", "true") in response.headers
    assert b"delete-marker" not in bytes(response.body)  # type: ignore[arg-type]
    assert CODEC.encode_error(error, "the-id", MODEL.operation_model("HeadObject")).body == b""


def put(document: bytes, **headers: str) -> dict[str, Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = HttpRequest("PUT", "/b", "tagging", named, BytesBody(document))
    return CODEC.decode(MODEL.operation_model("PutBucketTagging"), request)


@pytest.mark.parametrize(
    "document",
    [
        b'<!DOCTYPE t [<!ENTITY e "boom">]><Tagging>&e;</Tagging>',
        b'<!DOCTYPE t SYSTEM "file:///etc/passwd"><Tagging/>',
        b"<Tagging><TagSet></Tagging>",
        b"",
        b"<a>" * 100 + b"</a>" * 100,
        b"<Tagging><TagSet><Tag><Key><b/></Key></Tag></TagSet></Tagging>",
    ],
)
def test_documents_that_are_refused(document: bytes) -> None:
    if document == b"":
        assert "Tagging" not in put(document)
        return
    with pytest.raises(AwsError) as caught:
        put(document)
    assert caught.value.code == "MalformedXML"


def test_documents_with_and_without_namespaces() -> None:
    tag = {"Tagging": {"TagSet": [{"Key": "k", "Value": " v "}]}}
    inner = "<{0}TagSet><{0}Tag><{0}Key>k</{0}Key><{0}Value> v </{0}Value></{0}Tag></{0}TagSet>"
    assert put(f"<Tagging>{inner.format('')}</Tagging>".encode()) == tag
    assert put(f'<s:Tagging xmlns:s="urn:x">{inner.format("s:")}</s:Tagging>'.encode()) == tag


@pytest.mark.parametrize("header", ["content_md5", "x_amz_checksum_sha256", "x_amz_checksum_crc32"])
def test_digests_of_documents(header: str) -> None:
    with pytest.raises(AwsError) as caught:
        put(b"<Tagging/>", **{header: base64.b64encode(b"wrong").decode()})
    assert caught.value.code == "BadDigest"


def test_a_document_has_a_limit() -> None:
    with pytest.raises(AwsError) as caught:
        put(b" " * (8 * 1024 * 1024 + 1))
    assert caught.value.code == "MaxMessageLengthExceeded"


def test_a_checksum_in_the_trailer_is_known_before() -> None:
    headers = {"x-amz-trailer": "x-amz-checksum-crc32c"}
    request = HttpRequest("PUT", "/b/k", "", headers, BytesBody(b""))
    assert CODEC.decode(MODEL.operation_model("PutObject"), request)["ChecksumAlgorithm"] == "CRC32C"


def test_headers_cannot_be_split() -> None:
    response = CODEC.encode(MODEL.operation_model("GetObject"), {"ContentDisposition": "a\r\nSet-Cookie: x"}, "id")
    assert ("Content-Disposition", "a  Set-Cookie: x") in response.headers


def test_items_of_long_lists_are_written_as_those_of_short_ones() -> None:
    operation = service_model("s3").operation_model("ListObjectVersions")
    when = datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)
    plain = {"Key": "a/b", "ETag": '"e"', "Size": 5, "IsLatest": True, "LastModified": when, "Owner": {"ID": "o"}}
    items = [
        plain,
        {**plain, "Key": "%s & <ü>\r\n", "ChecksumAlgorithm": ["CRC32", "SHA256"], "VersionId": None},
        {"Key": "100%", "IsLatest": False, "Size": 0},
    ]
    protocol = RestXmlProtocol()

    def versions(many: list[dict[str, Any]]) -> bytes:
        body = protocol.encode(operation, {"Versions": many}, "id").body
        assert isinstance(body, bytes)
        return body[body.index(b"<Version>") : body.rindex(b"</Version>") + len(b"</Version>")]

    short = b"".join(versions([item]) for item in items)
    assert versions(items * 50) == short * 50
    grants = service_model("s3").operation_model("GetBucketAcl")  # its grantees have attributes
    grant = {"Grantee": {"Type": "CanonicalUser", "ID": "x"}, "Permission": "READ"}
    one, many = (protocol.encode(grants, {"Grants": [grant] * count}, "id").body for count in (1, 60))
    assert isinstance(one, bytes)
    assert isinstance(many, bytes)
    inside = one[one.index(b"<Grant>") : one.rindex(b"</Grant>") + len(b"</Grant>")]
    assert inside * 60 in many


@pytest.mark.parametrize("absent", [(), ("ETag",), ("ChecksumAlgorithm", "ChecksumType"), ("Owner",)])
@pytest.mark.parametrize("key", ["plain/key", "a|b", "%s & <ü>\r\n", "\x01\x7f", '"'])
def test_columns_are_written_as_their_items(key: str, absent: tuple[str, ...]) -> None:
    operation = service_model("s3").operation_model("ListObjectsV2")
    count = 30
    columns: dict[str, list[Any]] = {
        "Key": [f"{key}{number}" for number in range(count)],
        "ETag": [f'"{number}"' for number in range(count)],
        "LastModified": [datetime(2020, 1, 2, 3, 4, number % 2, tzinfo=UTC) for number in range(count)],
        "Size": [number << 40 for number in range(count)],
        "ChecksumAlgorithm": [("CRC32", "SHA256")] * count,
        "ChecksumType": ["FULL_OBJECT"] * count,
    }
    for name in set(absent) & set(columns):
        columns[name][7] = None
    owner = None if "Owner" in absent else {"DisplayName": "100 % a & b", "ID": "o"}
    items = Columns(count, columns, {"Owner": owner, "StorageClass": "STANDARD"})
    by_columns, by_items = (CODEC.encode(operation, {"Contents": of}, "id").body for of in (items, list(items)))
    assert by_columns == by_items
    assert isinstance(by_columns, bytes)
    assert by_columns.count(b"<Contents>") == count
