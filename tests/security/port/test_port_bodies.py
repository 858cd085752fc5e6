"""Attacks with bodies by clients without a key: giant, endless, stalled and growing ones."""

from __future__ import annotations

import base64
import gzip
import time
from collections.abc import Callable

import pytest
from tests.security.port.conftest import BUCKET, PATIENCE_S, Meanwhile, Siege, ended, ends, status
from tests.security.port.fuzzing.client import Request, sign

SOON_S = PATIENCE_S + 6
GIB = 1024**3
MIB = bytes(1024 * 1024).replace(b"\0", b"a")
FORM = b"multipart/form-data; boundary=B"
PART = b'--B\r\ncontent-disposition: form-data; name="%b"\r\n\r\n%b\r\n'
FILE = b'--B\r\ncontent-disposition: form-data; name="file"; filename="f"\r\n\r\n'


def head(method: bytes, path: bytes, *lines: bytes) -> bytes:
    return b"\r\n".join([method + b" " + path + b" HTTP/1.1", b"host: 127.0.0.1", *lines]) + b"\r\n\r\n"


def length(size: int) -> bytes:
    return b"content-length: %d" % size


KNOWN = b"authorization: AWS4-HMAC-SHA256 Credential=AKIAAAAAAAAAAAAAAAAA/20260101/us-east-1/sagemaker/aws4_request, "
UNKNOWN_KEY = KNOWN + b"SignedHeaders=host, Signature=" + b"0" * 64
HEADS = {
    "json": (b"POST", b"/", b"x-amz-target: SageMaker.CreateTrainingJob"),
    "json of an unknown key": (b"POST", b"/", b"x-amz-target: SageMaker.CreateTrainingJob", UNKNOWN_KEY),
    "cbor": (
        b"POST",
        b"/service/GraniteServiceVersion20100801/operation/PutMetricData",
        b"content-type: application/cbor",
    ),
    "query": (b"POST", b"/", b"content-type: application/x-www-form-urlencoded"),
    "rest-json": (b"POST", b"/endpoints/x/invocations", b"content-type: text/csv"),
    "an object": (b"PUT", f"/{BUCKET}/x".encode()),
    "a presigned object": (b"PUT", f"/{BUCKET}/x?AWSAccessKeyId=AKIA&Signature=x&Expires=9999999999".encode()),
    "a part": (b"PUT", f"/{BUCKET}/x?partNumber=1&uploadId=x".encode()),
    "s3's xml": (b"POST", f"/{BUCKET}?delete".encode(), b"content-md5: x"),
    "a bucket": (b"PUT", b"/another"),
    "a form": (b"POST", f"/{BUCKET}".encode(), b"content-type: " + FORM),
    "a layer": (b"PUT", b"/v2/x/blobs/uploads/00000000-0000-4000-8000-000000000000?digest=sha256:x"),
    "a manifest": (b"PUT", b"/v2/x/manifests/latest", b"authorization: Basic QVdTOng="),
    "a report": (b"POST", b"/_sagewright/hosts/x/report", b"authorization: Bearer x"),
    "a question": (b"POST", b"/_sagewright/hosts/x/objects"),
    "a host's part": (b"PUT", b"/_sagewright/hosts/x/parts/model"),
    "an interruption": (b"POST", b"/_sagewright/jobs/x/interrupt"),
    "a preflight": (b"OPTIONS", f"/{BUCKET}/x".encode(), b"origin: x", b"access-control-request-method: PUT"),
    "nothing that is served": (b"PROPFIND", b"/x"),
}


def push(siege: Siege, begun: bytes, piece: bytes, most: int) -> int:
    """How many pieces the server takes before it hangs up."""
    made, sent = siege.send(begun), 0
    while sent < most and siege.push(made, piece) and not ended(made):
        sent += 1
    return sent


@pytest.mark.parametrize("kind", HEADS)
def test_giant_bodies(siege: Siege, kind: str) -> None:
    """Some at once. Of none much is read, and none is gathered."""
    with Meanwhile(siege):
        assert push(siege, head(*HEADS[kind], length(2 * GIB)), MIB, 200) < 100


@pytest.mark.parametrize("kind", HEADS)
def test_bodies_without_end(siege: Siege, kind: str) -> None:
    chunk = b"100000\r\n" + MIB + b"\r\n"
    with Meanwhile(siege):
        assert push(siege, head(*HEADS[kind], b"transfer-encoding: chunked"), chunk, 200) < 100


def bodies_that_stop(siege: Siege) -> None:
    """Sends many more of each kind than there are workers: they occupy none, and are refused as slow or as unsigned."""
    small = [siege.send(head(*HEADS[kind], length(5000)) + b"--B") for kind in HEADS for _ in range(16)]
    large = [siege.send(head(*HEADS[kind], length(GIB)) + b"--B" * 10_000) for kind in HEADS for _ in range(16)]
    assert all(status(one) is not None for one in small)
    assert all(status(one) is not None for one in large)
    assert all(ends(one, SOON_S) for one in large)


def forms_that_stop(siege: Siege) -> None:
    """In their fields, before and behind a policy that nobody signed, and in their file."""
    key = PART % (b"key", b"x")
    policy = PART % (b"policy", base64.b64encode(b"{}")) + PART % (b"x-amz-signature", b"0")
    begun = (b"", key, key + policy, key + policy + FILE, key + FILE, key + PART[:40], FILE)
    forms = [head(*HEADS["a form"], length(size)) + one for one in begun for size in (60_000, GIB) for _ in range(10)]
    stopped = [siege.send(form) for form in forms]
    assert all(status(one) in {400, 403, 408, 412} for one in stopped)


def a_form_whose_fields_do_not_end(siege: Siege) -> None:
    begun = head(*HEADS["a form"], length(GIB)) + b'--B\r\ncontent-disposition: form-data; name="x"\r\n\r\n'
    assert push(siege, begun, MIB, 100) < 50
    assert push(siege, head(*HEADS["a form"], length(GIB)), PART % (b"x", b"y") * 10_000, 100) < 50
    assert push(siege, head(*HEADS["a form"], b"transfer-encoding: chunked"), b"100000\r\n" + MIB + b"\r\n", 100) < 50


def bodies_byte_by_byte(siege: Siege) -> None:
    slow = [siege.send(head(*HEADS[kind], length(5000))) for kind in HEADS for _ in range(5)]
    deadline = time.monotonic() + 2 * SOON_S
    while slow and time.monotonic() < deadline:
        slow = [one for one in slow if siege.push(one, b"a") and not ended(one)]
        time.sleep(0.2)
    assert len(slow) <= 5 * 6  # those that were answered without their body being read, and may bring it


def chunks_byte_by_byte(siege: Siege) -> None:
    """Chunks of one byte with long extensions; extensions without end."""
    begun = head(*HEADS["json"], b"transfer-encoding: chunked")
    assert push(siege, begun, b"1;" + b"x" * 1000 + b"\r\na\r\n", 200_000) < 100_000
    assert push(siege, begun + b"1;", MIB, 300) < 300


def nobody_is_told_to_go_on(siege: Siege) -> None:
    """A client that asks whether to send is authenticated first."""
    for kind in ("an object", "json", "a layer", "a report", "a host's part"):
        made = siege.send(head(*HEADS[kind], length(GIB), b"expect: 100-continue"))
        assert status(made) != 100, kind


def a_bomb(siege: Siege) -> None:
    """1 GiB of zeros in 1 MiB: of a compressed body without a key no more than 1 KiB is unpacked, to find its action."""
    packed = gzip.compress(bytes(64 * 1024 * 1024))
    body = head(*HEADS["json"], b"content-encoding: gzip", length(len(packed))) + packed
    assert siege.status(body) in {400, 403, 413}
    packed = gzip.compress(bytes(10 * 1024 * 1024))[:60_000]
    assert siege.status(head(*HEADS["query"], b"content-encoding: gzip", length(len(packed))) + packed) in {
        400,
        403,
        404,
        405,  # a form without an action is a POST to S3's root
    }


def deep_documents(siege: Siege) -> None:
    """Sends XML with entities, and nested XML and JSON, even with a valid key."""
    key = siege.server.key()
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    bomb = f'<!DOCTYPE d [<!ENTITY e0 "x">{entities}]><Delete><Object><Key>&e11;</Key></Object></Delete>'
    deep = "<a>" * 100_000
    for text in (bomb, deep, f"<Delete>{deep}"):
        request = Request(
            b"POST", f"/{BUCKET}".encode(), b"delete", [(b"host", b"127.0.0.1"), (b"x-amz-checksum-md5", b"x")]
        )
        request.body = text.encode()
        sign(request, key, "s3")
        assert siege.status(request.wire()) == 400
    for body in (
        b"[" * 1_000_000,
        b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        b'{"Filters":' + b"[" * 900 + b"]" * 900 + b"}",
    ):
        target = (b"x-amz-target", b"SageMaker.Search")
        request = Request(b"POST", b"/", headers=[(b"host", b"127.0.0.1"), target], body=body)
        sign(request, key, "sagemaker")
        assert siege.status(request.wire()) == 400


def uploads_that_stop_with_a_key(siege: Siege) -> None:
    """More than there are workers: their threads wait, but nobody waits for them."""
    request = Request(b"PUT", f"/{BUCKET}/stopped".encode(), headers=[(b"host", b"127.0.0.1")])
    sign(request, siege.server.key(), "s3", "UNSIGNED-PAYLOAD")
    begun = request.wire().replace(b"content-length: 0", length(50_000_000)) + MIB
    stopped = [siege.send(begun) for _ in range(100)]
    assert all(status(one) == 400 for one in stopped)


ATTEMPTS = [
    bodies_that_stop, forms_that_stop, a_form_whose_fields_do_not_end, bodies_byte_by_byte, chunks_byte_by_byte,
    nobody_is_told_to_go_on, a_bomb, deep_documents, uploads_that_stop_with_a_key,
]  # fmt: skip


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda attempt: attempt.__name__)
def test_somebody_without_a_key_sends(siege: Siege, attempt: Callable[[Siege], None]) -> None:
    with Meanwhile(siege):
        attempt(siege)
