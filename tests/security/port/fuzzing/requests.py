"""Requests for every served operation in each of its protocols, by botocore's own serializers, and what is done to them."""

from __future__ import annotations

import base64
import json
import random
import re
import warnings
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote, urlencode

import cbor2
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.serialize import create_serializer
from tests.security.port.fuzzing import values
from tests.security.port.fuzzing.client import Request, sign

from sagewright.model.aws.shapes import OperationModel, StructureShape
from sagewright.services import registry
from sagewright.wire.models import SERVICES, operation_model

HOSTS = (b"127.0.0.1", b"fuzz-one.localhost", b"fuzz-one.s3.us-east-1.amazonaws.com", b"s3.localhost")
SCOPES = {"cloudwatch": "monitoring", "sagemaker-runtime": "sagemaker", "sagemaker-metrics": "sagemaker"}
PROTOCOLS = {"cloudwatch": ("smithy-rpc-v2-cbor", "json", "query"), "sts": ("query",), "iam": ("query",)}
UNSERVED = (
    ("sagemaker-runtime", "InvokeEndpoint"),
    ("sagemaker-metrics", "BatchPutMetrics"),
    ("sagemaker", "CreateEndpoint"),
    ("events", "PutRule"),
)


@dataclass(frozen=True)
class Target:
    """An operation in a protocol."""

    service: str
    operation: str
    protocol: str


@cache
def targets() -> list[Target]:
    found = []
    for service, name in [*sorted(registry.load()), *UNSERVED]:
        model = operation_model(service, name)
        assert model is not None
        own = model.service_model.metadata["protocol"]
        found += [Target(service, name, protocol) for protocol in PROTOCOLS.get(service, (own,))]
        if own == "json" and service in {"logs", "sagemaker"}:
            found.append(Target(service, name, "smithy-rpc-v2-cbor"))
    return found


@cache
def _serializer(protocol: str) -> Any:
    return create_serializer(protocol, include_validation=False)


@cache
def _client_service(service: str) -> ServiceModel:
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def _client_model(target: Target) -> Any:
    """Returns the operation as clients know it."""
    return _client_service(target.service).operation_model(target.operation)


def _model(target: Target) -> OperationModel:
    model = operation_model(target.service, target.operation)
    assert model is not None
    return model


def build(rng: random.Random, target: Target) -> Request:
    """A request as a client would send it, not signed yet."""
    model = _model(target)
    shape = model.input_shape
    parameters = values.structure(rng, shape) if isinstance(shape, StructureShape) else {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = _serializer(target.protocol).serialize_to_request(parameters, _client_model(target))
    except Exception:  # a value that even the client can't write
        made = {"method": "POST", "url_path": "/", "query_string": {}, "headers": {}, "body": b""}
    request = Request(made["method"].encode(), _path(made["url_path"]), _query(made["query_string"]))
    request.headers = [(b"host", rng.choice(HOSTS) if target.service == "s3" and rng.random() < 0.1 else HOSTS[0])]
    for name, value in made["headers"].items():
        text = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
        request.headers.append((name.encode("utf-8", "surrogatepass"), _one_line(text)))
    request.body = _body(made["body"])
    if target.protocol == "smithy-rpc-v2-cbor":
        prefix = SERVICES[target.service]
        request.path = f"/service/{prefix}/operation/{target.operation}".encode()
    elif target.protocol == "json":
        request.put(b"x-amz-target", f"{SERVICES[target.service]}.{target.operation}".encode())
    elif target.protocol == "query":
        request.put(b"content-type", b"application/x-www-form-urlencoded")
    if target.operation == "DeleteObjects" or rng.random() < 0.05:
        digest = __import__("hashlib").md5(request.body).digest()
        request.put(b"content-md5", base64.b64encode(digest))
    return request


def _one_line(text: bytes) -> bytes:
    return re.sub(rb"[\x00\r\n]", b" ", text)


def _path(path: str) -> bytes:
    return re.sub(rb"[\x00-\x20\x7f-\xff?#]", lambda m: b"%%%02X" % m[0][0], path.encode("utf-8", "surrogatepass"))


def _query(query: Any) -> bytes:
    if isinstance(query, str):
        return query.encode()
    return urlencode(query, doseq=True, errors="surrogatepass").encode()


def _body(body: Any) -> bytes:
    if isinstance(body, dict):
        return urlencode(body, doseq=True, errors="surrogatepass").encode()
    if isinstance(body, str):
        return body.encode("utf-8", "surrogatepass")
    return bytes(body) if isinstance(body, (bytes, bytearray)) else b""


# What is done to a request before it is signed.


def _mutate_body(rng: random.Random, request: Request) -> None:
    kind = request.get(b"content-type") or b""
    if request.path.startswith(b"/service/"):
        request.body = _mutated_cbor(rng, request.body)
    elif request.body[:1] in {b"{", b"["} or b"json" in kind:
        request.body = _mutated_json(rng, request.body)
    elif request.body[:1] == b"<":
        request.body = _mutated_xml(rng, request.body)
    elif b"form" in kind:
        request.body = _mutated_form(rng, request.body)
    else:
        request.body = rng.choice((b"", b"x", b"<a/>", b"{}", rng.randbytes(50), b"\xff" * 300))


def _mutated_json(rng: random.Random, body: bytes) -> bytes:
    try:
        document = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        document = {}
    for _ in range(rng.choice((1, 1, 2))):
        document = _replaced(rng, document)
    try:
        return json.dumps(document, default=str, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):
        return b"[" * 100_000


def _mutated_cbor(rng: random.Random, body: bytes) -> bytes:
    if rng.random() < 0.2:
        return rng.choice(CBOR_ODDITIES)
    try:
        document = cbor2.loads(body) if body else {}
        return bytes(cbor2.dumps(_replaced(rng, document)))
    except Exception:
        return b"\xbf\xff"


CBOR_ODDITIES = (
    b"",
    b"\xa0",
    b"\x80",
    b"\xff",
    b"\xf6",
    b"\xf7",
    b"\xfb\x7f\xf8" + bytes(6),
    b"\xbf" * 5000,
    b"\x9f" * 5000,
    b"\x81" * 5000,
    b"\xa1\x61a" * 1000,
    b"\xd8\x1c\x81\xd8\x1d\x00",
    b"\xa1\x61a\xd8\x1c\x81\xd8\x1d\x00",
    b"\xc1\xfb\x7f\xf0" + bytes(6),
    b"\xa1\x69Namespace\xc2\x58\x40" + b"\xff" * 64,
    b"\xa1\x69Namespace\xc4\x82\x1b\x7f\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\xa1\x69Namespace\xc5\x82\x1b\x7f\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\xa1\x69Namespace\xd8\x1e\x82\x01\x00",
    b"\xa1\x69Namespace\xd8\x23\x64((((",
    b"\xa1\x01\x02",
    b"\xa1\x80\x01",
    b"\xa1\xa0\x01",
    b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff",
    b"\x5b\x7f\xff\xff\xff\xff\xff\xff\xff",
    b"\xa1\x69Namespace\x62\xff\xff",
)


def _replaced(rng: random.Random, node: Any) -> Any:
    """`node` with something in it replaced by an oddity, taken out or put in."""
    if isinstance(node, dict) and node and rng.random() < 0.85:
        name = rng.choice(list(node))
        pick = rng.random()
        if pick < 0.1:
            return {key: value for key, value in node.items() if key != name}
        if pick < 0.2:
            return {**node, rng.choice(("", "Extra", "x" * 300, "NextToken", "nextToken")): values.odd(rng)}
        return {**node, name: _replaced(rng, node[name])}
    if isinstance(node, list) and node and rng.random() < 0.8:
        place = rng.randrange(len(node))
        if rng.random() < 0.1:
            return node * rng.choice((2, 200))
        return [*node[:place], _replaced(rng, node[place]), *node[place + 1 :]]
    return values.odd(rng)


def _mutated_xml(rng: random.Random, body: bytes) -> bytes:
    text = body.decode("utf-8", "replace")
    places = [m.span() for m in re.finditer(r">[^<>]*<", text)]
    oddity = _xml_oddity(rng)
    if places and rng.random() < 0.8:
        start, end = rng.choice(places)
        text = f"{text[: start + 1]}{oddity}{text[end - 1 :]}"
    else:
        text = oddity + text
    return text.encode("utf-8", "surrogatepass")


def _xml_oddity(rng: random.Random) -> str:
    pick = rng.random()
    if pick < 0.6:
        return rng.choice(values.ODD_TEXTS).replace("&", "&amp;").replace("<", "&lt;")
    return rng.choice(
        (
            "<a/>",
            "<a>" * 5000,
            "<a>" * 70 + "</a>" * 70,
            "&x;",
            "&#0;",
            "&#x110000;",
            "<!DOCTYPE a>",
            "]]>",
            "<![CDATA[",
            "<?x?>",
            "<!--",
            '<!DOCTYPE l [<!ENTITY a "b"><!ENTITY c "&a;&a;&a;">]>',
            '<?xml version="1.0" encoding="utf-16"?>',
        )
    )


def _mutated_form(rng: random.Random, body: bytes) -> bytes:
    pairs = [pair.partition("=") for pair in body.decode("utf-8", "replace").split("&") if pair]
    oddity = quote(rng.choice(values.ODD_TEXTS)[:20000], errors="surrogatepass")
    if pairs and rng.random() < 0.7:
        place = rng.randrange(len(pairs))
        name = pairs[place][0]
        pairs[place] = (name + rng.choice(("", "", ".member.1", ".99999", ".x")), "=", oddity)
    else:
        pairs.append((rng.choice(("Action", "Version", oddity[:100], "Tags.member.999999999.Key")), "=", oddity))
    return "&".join("".join(pair) for pair in pairs).encode()


def _mutate_bytes(rng: random.Random, request: Request) -> None:
    data = bytearray(request.body or b"x")
    for _ in range(rng.choice((1, 2, 8))):
        place = rng.randrange(len(data)) if data else 0
        pick = rng.random()
        if pick < 0.4 and data:
            data[place] = rng.randrange(256)
        elif pick < 0.7:
            data[place:place] = rng.choice(
                (b"\x00", b"\xff", b"\xed\xa0\x80", b'"', b"\\ud800", b"NaN", b"1e999", b"-")
            )
        else:
            del data[place : place + rng.choice((1, 5, 100))]
    request.body = bytes(data)


HEADERS = (
    b"range", b"content-md5", b"x-amz-decoded-content-length", b"x-amz-trailer", b"x-amz-copy-source", b"if-match",
    b"if-modified-since", b"if-unmodified-since", b"if-none-match", b"x-amz-copy-source-range", b"x-amz-tagging",
    b"x-amz-acl", b"x-amz-checksum-crc32", b"x-amz-checksum-sha256", b"x-amz-checksum-algorithm", b"expires",
    b"x-amz-sdk-checksum-algorithm", b"x-amz-meta-a", b"origin", b"content-type", b"content-encoding", b"x-amz-target",
    b"x-amz-security-token", b"x-forwarded-proto", b"x-amz-storage-class", b"x-amz-server-side-encryption",
    b"x-amz-expected-bucket-owner", b"x-amz-mp-object-size", b"x-amz-max-parts", b"x-amz-part-number-marker",
    b"x-amz-object-attributes", b"x-amz-checksum-mode", b"x-amz-copy-source-if-modified-since", b"x-amz-date",
    b"access-control-request-method", b"x-amz-write-offset-bytes", b"host", b"expect", b"content-language",
)  # fmt: skip


def _header_text(rng: random.Random) -> bytes:
    text = rng.choice(values.ODD_TEXTS)[:20000].encode("utf-8", "surrogatepass")
    extra = (
        b"\xff\xfe",
        b"\xb2",
        b"a/b",
        b"/fuzz-one/a",
        b"fuzz-one/a?versionId=\xc3",
        b"bytes=0-0,2-3",
        b"bytes=\xb2-5",
    )
    return re.sub(rb"[\x00-\x08\x0a-\x1f\x7f]", b"", rng.choice((text, rng.choice(extra))))


def _mutate_header(rng: random.Random, request: Request) -> None:
    name = rng.choice(HEADERS)
    if request.headers and rng.random() < 0.3:
        name = rng.choice(request.headers)[0]
    if rng.random() < 0.15:
        request.drop(name)
    elif rng.random() < 0.1:
        request.headers.append((name, _header_text(rng)))
    else:
        request.put(name, _header_text(rng))


def _mutate_query(rng: random.Random, request: Request) -> None:
    names = (
        "max-keys", "max-parts", "max-uploads", "max-buckets", "partNumber", "uploadId", "versionId", "encoding-type",
        "continuation-token", "marker", "key-marker", "version-id-marker", "upload-id-marker", "part-number-marker",
        "delimiter", "prefix", "start-after", "list-type", "response-expires", "response-content-type", "acl", "policy",
        "tagging", "delete", "uploads", "versions", "lifecycle", "cors", "X-Amz-Expires", "X-Amz-Date", "Expires",
        "AWSAccessKeyId", "Signature", "X-Amz-Credential", "X-Amz-Algorithm", "Action", "Version", "attributes",
    )  # fmt: skip
    oddity = quote(rng.choice((*values.ODD_TEXTS, *values.TOKENS))[:5000], errors="surrogatepass")
    pairs = [pair for pair in request.query.split(b"&") if pair]
    if pairs and rng.random() < 0.4:
        place = rng.randrange(len(pairs))
        pairs[place] = pairs[place].partition(b"=")[0] + b"=" + oddity.encode()
    else:
        pairs.append(f"{rng.choice(names)}={oddity}".encode())
    if rng.random() < 0.05:
        pairs = pairs * 50
    request.query = b"&".join(pairs)


def _mutate_path(rng: random.Random, request: Request) -> None:
    odd = (
        b"/",
        b"//",
        b"/..",
        b"/%2e%2e/",
        b"/%00",
        b"/%ff",
        b"/%",
        b"/%zz",
        b"/\xc3\xa9".replace(b"\xc3\xa9", b"%C3%A9"),
    )
    more = (b"/_sagewright/", b"/_sagewright/health", b"/v2/", b"/endpoints/x/invocations", b"/a" * 2000, b"/.", b"/;a")
    request.path = rng.choice(
        (rng.choice(odd), request.path + rng.choice(odd), rng.choice(more), request.path[:5] or b"/")
    )


def _mutate_method(rng: random.Random, request: Request) -> None:
    request.method = rng.choice(
        (b"GET", b"HEAD", b"PUT", b"POST", b"DELETE", b"OPTIONS", b"PATCH", b"TRACE", b"PROPFIND")
    )


def _mutate_coding(rng: random.Random, request: Request) -> None:
    """The body in aws-chunked form, more or less."""
    size, tail = b"%x" % len(request.body), b"0\r\n\r\n"
    size = rng.choice((size, size, b"", b"-1", b"\xb2", b"ffffffffffffffff", b"1_0", b"+1", b" 1", b"0x1"))
    tail = rng.choice(
        (tail, tail, b"", b"0\r\n", b"0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n", b"0\r\n" + b"a:b\r\n" * 3000)
    )
    request.put(b"x-amz-decoded-content-length", rng.choice((b"%d" % len(request.body), b"-1", b"\xb2", b"9" * 30)))
    request.put(b"content-encoding", b"aws-chunked")
    if rng.random() < 0.5:
        request.put(b"x-amz-trailer", rng.choice((b"x-amz-checksum-crc32", b"", b"x-amz-checksum-", b"\xff", b"host")))
    request.body = size + b"\r\n" + request.body + b"\r\n" + tail


MUTATIONS = (
    (_mutate_body, 8), (_mutate_bytes, 3), (_mutate_header, 5), (_mutate_query, 3), (_mutate_path, 1),
    (_mutate_method, 1), (_mutate_coding, 1),
)  # fmt: skip
HASHES = ("UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", "\xe9", "", "0" * 64)  # fmt: skip


def request(rng: random.Random, key: tuple[str, str]) -> tuple[Target, Request]:
    """The next request, signed with `key` or not quite."""
    target = rng.choice(targets())
    made = build(rng, target)
    steps, weights = zip(*MUTATIONS, strict=True)
    for step in rng.choices(steps, weights, k=rng.choice((0, 1, 1, 1, 2, 3))):
        step(rng, made)
    made.chunked = rng.random() < 0.05
    scope = SCOPES.get(target.service, target.service)
    payload = rng.choice(HASHES) if rng.random() < 0.08 else None
    sign(made, key, scope, payload)
    if rng.random() < 0.15:
        _spoil_signature(rng, made, key, scope)
    return target, made


def _spoil_signature(rng: random.Random, made: Request, key: tuple[str, str], scope: str) -> None:
    authorization = made.get(b"authorization") or b""
    pick = rng.random()
    if pick < 0.3:
        place = rng.randrange(len(authorization))
        made.put(
            b"authorization",
            authorization[:place] + rng.choice((b"\xe9", b"", b",", b"=", b"/")) + authorization[place + 1 :],
        )
    elif pick < 0.45:
        odd = (
            b"AWS4-HMAC-SHA256",
            b"AWS4-HMAC-SHA256 ",
            b"Bearer \xff",
            b"Basic !",
            b"AWS a:b",
            b"\xb2",
            b"AWS4-HMAC-SHA256 Credential=/////",
        )
        made.put(b"authorization", rng.choice(odd))
    elif pick < 0.55:
        made.put(
            b"x-amz-date",
            rng.choice(
                (
                    b"\xb2",
                    b"20260101T000000Z",
                    b"99990101T000000Z",
                    b"00010101T000000Z",
                    b"",
                    b"Mon, 99 Jan 0000 99:99:99 -9999",
                )
            ),
        )
    elif pick < 0.65:
        made.put(b"x-amz-security-token", rng.choice((b"\xe9", b"x", b"\xff" * 100)))
    elif pick < 0.8:
        made.drop(b"authorization")
        moment = rng.choice(("20260101T000000Z", "²", "99991231T235959Z", ""))
        pairs = {
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": rng.choice(
                (f"{key[0]}/20260101/us-east-1/{scope}/aws4_request", "é/é/é/é/aws4_request", "")
            ),
            "X-Amz-Date": moment,
            "X-Amz-Expires": rng.choice(("60", "²", "-1", "9" * 30, "604800", "")),
            "X-Amz-SignedHeaders": rng.choice(("host", "", "é", ";;;")),
            "X-Amz-Signature": rng.choice(("é", "0" * 64, "")),
        }
        made.query = urlencode(pairs).encode()
    elif pick < 0.95:
        made.drop(b"authorization")
        pairs = {"AWSAccessKeyId": rng.choice((key[0], "é", "")), "Signature": rng.choice(("é", "abc=", "")),
            "Expires": rng.choice(("²", "9" * 15, "9" * 400, "-1", "1", "x"))}  # fmt: skip
        made.query = urlencode(pairs).encode()
    else:
        made.drop(b"authorization")
