"""Checksums: kept, told, held; bodies in the aws-chunked form."""

from __future__ import annotations

import base64
import hashlib
import hmac
import zlib
from datetime import UTC, datetime
from typing import Any

from s3.check import check, each
from s3.target import Answer, Target, fault, refusal

HELLO = {
    "CRC32": "NhCmhg==",
    "CRC32C": "mnG7TA==",
    "CRC64NVME": "M3eFcAZSQlc=",
    "SHA1": "qvTGHdzF6KLavt4PO0gs2a6pQ00=",
    "SHA256": "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=",
}
"""Each checksum of the five bytes `hello`."""
API = "Guide: Checking object integrity; API PutObject: x-amz-checksum-"
MIB = 1024 * 1024


def headers_of(target: Target, bucket: str) -> dict[str, str]:
    return target.ask_signed("HEAD", f"/{bucket}/k", headers={"x-amz-checksum-mode": "ENABLED"}).headers


@each("a {} checksum is kept and told", {name: name for name in HELLO}, API)
def kept(target: Target, name: str) -> None:
    bucket, header = target.bucket(), f"x-amz-checksum-{name.lower()}"
    answer = target.ask_signed("PUT", f"/{bucket}/k", b"hello", {header: HELLO[name]})
    assert (answer.status, answer.headers.get(header)) == (200, HELLO[name])
    assert headers_of(target, bucket).get(header) == HELLO[name]


@each("a wrong {} checksum is refused", {name: name for name in HELLO}, API)
def wrong(target: Target, name: str) -> None:
    bucket, header = target.bucket(), f"x-amz-checksum-{name.lower()}"
    answer = target.ask_signed("PUT", f"/{bucket}/k", b"HELLO", {header: HELLO[name]})
    assert (answer.status, answer.code) == (400, "BadDigest")
    assert refusal(target.s3.head_object, Bucket=bucket, Key="k") == ("404", 404)


@each("boto3 sends and holds {}", {name: name for name in ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256")}, API)
def by_boto3(target: Target, name: str) -> None:
    bucket = target.bucket()
    sent = target.s3.put_object(Bucket=bucket, Key="k", Body=b"hello", ChecksumAlgorithm=name)[f"Checksum{name}"]
    got = target.s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (sent, got[f"Checksum{name}"], got["Body"].read()) == (HELLO[name], HELLO[name], b"hello")


@check
def a_checksum_is_told_only_when_asked(target: Target) -> None:
    """API HeadObject: x-amz-checksum-mode"""
    bucket = target.bucket()
    target.s3.put_object(Bucket=bucket, Key="k", Body=b"hello", ChecksumAlgorithm="SHA256")
    assert "ChecksumSHA256" not in target.s3.head_object(Bucket=bucket, Key="k")


@check
def attributes_tell_the_checksum(target: Target) -> None:
    """API GetObjectAttributes: Checksum"""
    bucket = target.bucket()
    target.s3.put_object(Bucket=bucket, Key="k", Body=b"hello", ChecksumAlgorithm="SHA256")
    described = target.s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["Checksum"])["Checksum"]
    assert (described["ChecksumSHA256"], described["ChecksumType"]) == (HELLO["SHA256"], "FULL_OBJECT")


@check
def lists_tell_the_algorithm(target: Target) -> None:
    """API ListObjectsV2: ChecksumAlgorithm"""
    bucket = target.bucket()
    target.s3.put_object(Bucket=bucket, Key="k", Body=b"hello", ChecksumAlgorithm="SHA256")
    assert target.s3.list_objects_v2(Bucket=bucket)["Contents"][0]["ChecksumAlgorithm"] == ["SHA256"]


@check
def what_has_no_checksum_gets_one(target: Target) -> None:
    """Guide: Checking object integrity: CRC64NVME by default; API PutObject, HeadObject: x-amz-checksum-crc64nvme"""
    bucket, header = target.bucket(), "x-amz-checksum-crc64nvme"
    put = target.ask_signed("PUT", f"/{bucket}/k", b"hello")
    assert (put.headers[header], put.headers["x-amz-checksum-type"]) == (HELLO["CRC64NVME"], "FULL_OBJECT")
    assert headers_of(target, bucket)[header] == HELLO["CRC64NVME"]
    assert target.s3.list_objects_v2(Bucket=bucket)["Contents"][0]["ChecksumAlgorithm"] == ["CRC64NVME"]


@check
def an_algorithm_without_a_value_counts_for_nothing(target: Target) -> None:
    """Recorded on AWS: localstack test_s3::test_s3_checksum_no_automatic_sdk_calculation"""
    bucket = target.bucket()
    target.ask_signed("PUT", f"/{bucket}/k", b"hello", {"x-amz-sdk-checksum-algorithm": "SHA256"})
    described = {name for name in headers_of(target, bucket) if name.startswith("x-amz-checksum-")}
    assert described == {"x-amz-checksum-crc64nvme", "x-amz-checksum-type"}


@check
def an_upload_without_an_algorithm_gets_a_checksum_of_the_whole(target: Target) -> None:
    """Recorded on AWS: localstack test_s3::TestS3MultipartUploadChecksum::test_complete_multipart_parts_checksum_default"""
    where: dict[str, Any] = {"Bucket": target.bucket(), "Key": "k"}
    upload = {**where, "UploadId": target.s3.create_multipart_upload(**where)["UploadId"]}
    bodies, parts = [b"a" * 5 * MIB, b"b"], []
    for number, body in enumerate(bodies, 1):
        sent = target.s3.upload_part(**upload, PartNumber=number, Body=body, ChecksumAlgorithm="CRC32")
        assert {"ChecksumCRC32"} == {name for name in sent if name.startswith("Checksum")}
        parts.append({"PartNumber": number, "ETag": sent["ETag"]})
    listed = target.s3.list_parts(**upload)
    assert not any(name.startswith("Checksum") for name in (*listed, *listed["Parts"][0]))
    ignored = {"ChecksumCRC32": f"{HELLO['CRC32']}-2"}
    done = target.s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, **ignored)
    whole = {**where, "Key": "whole", "Body": b"".join(bodies), "ChecksumAlgorithm": "CRC64NVME"}
    expected = (target.s3.put_object(**whole)["ChecksumCRC64NVME"], "FULL_OBJECT")
    assert (done["ChecksumCRC64NVME"], done["ChecksumType"]) == expected


@check
def two_checksums_at_once_are_refused(target: Target) -> None:
    """Guide: Checking object integrity: one checksum algorithm a request"""
    bucket = target.bucket()
    both = {"x-amz-checksum-crc32": HELLO["CRC32"], "x-amz-checksum-sha1": HELLO["SHA1"]}
    answer = target.ask_signed("PUT", f"/{bucket}/k", b"hello", both)
    assert (answer.status, answer.code) == (400, "InvalidRequest")


@check
def a_checksum_of_another_length_is_refused(target: Target) -> None:
    """Guide: Checking object integrity: InvalidRequest, value is invalid"""
    answer = target.ask_signed("PUT", f"/{target.bucket()}/k", b"hello", {"x-amz-checksum-sha256": HELLO["CRC32"]})
    assert (answer.status, answer.code) == (400, "InvalidRequest")


@check
def content_md5_is_held(target: Target) -> None:
    """API PutObject: Content-MD5, BadDigest"""
    where = {"Bucket": target.bucket(), "Key": "k"}
    right = base64.b64encode(hashlib.md5(b"hello").digest()).decode()
    target.s3.put_object(**where, Body=b"hello", ContentMD5=right)
    assert refusal(target.s3.put_object, **where, Body=b"HELLO", ContentMD5=right) == ("BadDigest", 400)
    assert target.s3.get_object(**where)["Body"].read() == b"hello"


@check
def a_wrong_md5_of_a_part_is_told_as_it_was_sent(target: Target) -> None:
    """Recorded on AWS: localstack test_s3::TestS3::test_s3_invalid_content_md5: in base64, elsewhere in hexadecimal"""
    where: dict[str, Any] = {"Bucket": target.bucket(), "Key": "k"}
    upload = {**where, "UploadId": target.s3.create_multipart_upload(**where)["UploadId"]}
    right = hashlib.md5(b"hello").digest()
    sent = {"Body": b"HELLO", "ContentMD5": base64.b64encode(right).decode()}
    assert fault(target.s3.put_object, **where, **sent)["ExpectedDigest"] == right.hex()
    assert fault(target.s3.upload_part, **upload, PartNumber=1, **sent)["ExpectedDigest"] == sent["ContentMD5"]


@check
def a_content_md5_that_is_none_is_refused(target: Target) -> None:
    """Guide: Error responses, InvalidDigest"""
    where = {"Bucket": target.bucket(), "Key": "k"}
    assert refusal(target.s3.put_object, **where, Body=b"hello", ContentMD5="AAAA") == ("InvalidDigest", 400)


@check
def delete_objects_needs_a_digest(target: Target) -> None:
    """API DeleteObjects: Content-MD5 or a checksum is required"""
    bucket = target.bucket()
    target.s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    body = b"<Delete><Object><Key>k</Key></Object></Delete>"
    answer = target.ask_signed("POST", f"/{bucket}?delete=", body)
    assert (answer.status, answer.code) == (400, "InvalidRequest")
    target.s3.head_object(Bucket=bucket, Key="k")


@check
def a_document_with_a_wrong_digest_is_refused(target: Target) -> None:
    """API DeleteObjects: BadDigest"""
    bucket = target.bucket()
    target.s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    body = b"<Delete><Object><Key>k</Key></Object></Delete>"
    answer = target.ask_signed("POST", f"/{bucket}?delete=", body, target.md5(b"other"))
    assert (answer.status, answer.code) == (400, "BadDigest")
    target.s3.head_object(Bucket=bucket, Key="k")


@check
def a_body_unlike_its_signed_digest_is_refused(target: Target) -> None:
    """Guide: Error responses, XAmzContentSHA256Mismatch"""
    bucket = target.bucket()
    headers = target.sign("PUT", f"/{bucket}/k", {"x-amz-content-sha256": hashlib.sha256(b"hello").hexdigest()})
    answer = target.ask("PUT", f"/{bucket}/k", b"HELLO", headers)
    assert (answer.status, answer.code) == (400, "XAmzContentSHA256Mismatch")


@check
def checksums_of_parts_make_a_composite_one(target: Target) -> None:
    """Guide: Checking object integrity: composite checksums"""
    where: dict[str, Any] = {"Bucket": target.bucket(), "Key": "k"}
    upload = {**where, "UploadId": target.s3.create_multipart_upload(**where, ChecksumAlgorithm="SHA256")["UploadId"]}
    bodies, parts = [b"a" * 5 * MIB, b"b"], []
    for number, body in enumerate(bodies, 1):
        sent = target.s3.upload_part(**upload, PartNumber=number, Body=body, ChecksumAlgorithm="SHA256")
        parts.append({"PartNumber": number, "ETag": sent["ETag"], "ChecksumSHA256": sent["ChecksumSHA256"]})
    done = target.s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    digests = b"".join(hashlib.sha256(body).digest() for body in bodies)
    expected = base64.b64encode(hashlib.sha256(digests).digest()).decode() + "-2"
    assert (done["ChecksumSHA256"], done["ChecksumType"]) == (expected, "COMPOSITE")
    assert target.s3.head_object(**where, ChecksumMode="ENABLED")["ChecksumSHA256"] == expected


@check
def attributes_tell_a_composite_checksum_without_its_number(target: Target) -> None:
    """API GetObjectAttributes: Checksum; moto, verified against AWS"""
    where = a_composite(target)
    whole = target.s3.head_object(**where, ChecksumMode="ENABLED")["ChecksumSHA256"]
    described = target.s3.get_object_attributes(**where, ObjectAttributes=["Checksum"])["Checksum"]
    assert (f"{described['ChecksumSHA256']}-1", described["ChecksumType"]) == (whole, "COMPOSITE")


@check
def a_part_that_is_asked_for_has_its_checksum(target: Target) -> None:
    """API GetObject: partNumber, x-amz-checksum-mode; ceph/s3-tests"""
    where = a_composite(target)
    for ask in (target.s3.get_object, target.s3.head_object):
        described = ask(**where, PartNumber=1, ChecksumMode="ENABLED")
        assert (described["ChecksumSHA256"], described["ChecksumType"]) == (HELLO["SHA256"], "COMPOSITE")


def a_composite(target: Target) -> dict[str, Any]:
    """An object of one part, which is `hello`."""
    where: dict[str, Any] = {"Bucket": target.bucket(), "Key": "k"}
    upload = {**where, "UploadId": target.s3.create_multipart_upload(**where, ChecksumAlgorithm="SHA256")["UploadId"]}
    sent = target.s3.upload_part(**upload, PartNumber=1, Body=b"hello", ChecksumAlgorithm="SHA256")
    part = {"PartNumber": 1, "ETag": sent["ETag"], "ChecksumSHA256": sent["ChecksumSHA256"]}
    target.s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [part]})
    return where


@check
def a_checksum_of_the_whole_of_all_parts(target: Target) -> None:
    """Guide: Checking object integrity: full object checksums"""
    where: dict[str, Any] = {"Bucket": target.bucket(), "Key": "k"}
    said = {"ChecksumAlgorithm": "CRC32", "ChecksumType": "FULL_OBJECT"}
    upload = {**where, "UploadId": target.s3.create_multipart_upload(**where, **said)["UploadId"]}
    bodies, parts = [b"a" * 5 * MIB, b"b"], []
    for number, body in enumerate(bodies, 1):
        sent = target.s3.upload_part(**upload, PartNumber=number, Body=body, ChecksumAlgorithm="CRC32")
        parts.append({"PartNumber": number, "ETag": sent["ETag"], "ChecksumCRC32": sent["ChecksumCRC32"]})
    done = target.s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, ChecksumType="FULL_OBJECT")
    expected = base64.b64encode(zlib.crc32(b"".join(bodies)).to_bytes(4, "big")).decode()
    assert (done["ChecksumCRC32"], done["ChecksumType"]) == (expected, "FULL_OBJECT")


@check
def a_part_with_another_checksum_is_refused_at_the_end(target: Target) -> None:
    """API CompleteMultipartUpload: InvalidPart"""
    where: dict[str, Any] = {"Bucket": target.bucket(), "Key": "k"}
    upload = {**where, "UploadId": target.s3.create_multipart_upload(**where, ChecksumAlgorithm="SHA256")["UploadId"]}
    sent = target.s3.upload_part(**upload, PartNumber=1, Body=b"x", ChecksumAlgorithm="SHA256")
    parts = [{"PartNumber": 1, "ETag": sent["ETag"], "ChecksumSHA256": HELLO["SHA256"]}]
    wanted = {**upload, "MultipartUpload": {"Parts": parts}}
    assert refusal(target.s3.complete_multipart_upload, **wanted) == ("InvalidPart", 400)


@check
def an_algorithm_and_a_type_that_do_not_go_together_are_refused(target: Target) -> None:
    """Guide: Checking object integrity: SHA has no full-object, CRC64NVME no composite form"""
    where = {"Bucket": target.bucket(), "Key": "k"}
    for algorithm, kind in (("SHA256", "FULL_OBJECT"), ("CRC64NVME", "COMPOSITE")):
        said = {"ChecksumAlgorithm": algorithm, "ChecksumType": kind}
        assert refusal(target.s3.create_multipart_upload, **where, **said) == ("InvalidRequest", 400), algorithm


# Bodies in aws-chunked form.


def chunked(*chunks: bytes, trailer: str = "") -> bytes:
    framed = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return framed + b"0\r\n" + (trailer.encode() + b"\r\n" if trailer else b"") + b"\r\n"


def put_unsigned(target: Target, bucket: str, trailer: str, **headers: str) -> Answer:
    body = chunked(b"he", b"llo", trailer=trailer)
    said = {
        "Content-Encoding": "aws-chunked",
        "X-Amz-Decoded-Content-Length": "5",
        "X-Amz-Trailer": trailer.partition(":")[0],
        "X-Amz-Content-Sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        **headers,
    }
    return target.ask("PUT", f"/{bucket}/k", body, target.sign("PUT", f"/{bucket}/k", said))


TRAILERS = {name: f"x-amz-checksum-{name.lower()}:{value}" for name, value in HELLO.items()}


@each("a {} trailer behind unsigned chunks", TRAILERS, "Guide: SigV4 streaming with trailing headers")
def unsigned_trailer(target: Target, trailer: str) -> None:
    bucket = target.bucket()
    answer = put_unsigned(target, bucket, trailer)
    assert answer.status == 200, answer.code
    assert target.s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"hello"
    name, _, value = trailer.partition(":")
    assert headers_of(target, bucket).get(name) == value


@check
def a_wrong_trailer_is_refused(target: Target) -> None:
    """Guide: SigV4 streaming with trailing headers; BadDigest"""
    bucket = target.bucket()
    answer = put_unsigned(target, bucket, "x-amz-checksum-crc32:AAAAAA==")
    assert (answer.status, answer.code) == (400, "BadDigest")
    assert refusal(target.s3.head_object, Bucket=bucket, Key="k") == ("404", 404)


@check
def aws_chunked_is_not_kept_as_an_encoding(target: Target) -> None:
    """API PutObject: Content-Encoding"""
    bucket = target.bucket()
    put_unsigned(target, bucket, TRAILERS["CRC32"], **{"Content-Encoding": "gzip,aws-chunked"})
    assert target.s3.head_object(Bucket=bucket, Key="k")["ContentEncoding"] == "gzip"


@check
def a_body_shorter_than_announced_is_refused(target: Target) -> None:
    """Guide: Error responses, IncompleteBody"""
    bucket = target.bucket()
    answer = put_unsigned(target, bucket, TRAILERS["CRC32"], **{"X-Amz-Decoded-Content-Length": "6"})
    assert (answer.status, answer.code) == (400, "IncompleteBody")


@check
def signed_chunks(target: Target) -> None:
    """Guide: SigV4, transferring payload in multiple chunks"""
    bucket = target.bucket()
    answer = SignedChunks(target, f"/{bucket}/k").put([b"x" * 8192, b"hello"])
    assert answer.status == 200, answer.code
    assert target.s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x" * 8192 + b"hello"


@check
def a_chunk_with_another_signature_is_refused(target: Target) -> None:
    """Guide: SigV4, transferring payload in multiple chunks: SignatureDoesNotMatch"""
    bucket = target.bucket()
    answer = SignedChunks(target, f"/{bucket}/k").put([b"x" * 8192, b"hello"], spoilt=True)
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")


@check
def signed_chunks_with_a_signed_trailer(target: Target) -> None:
    """Guide: SigV4 streaming with trailing headers"""
    bucket = target.bucket()
    answer = SignedChunks(target, f"/{bucket}/k", TRAILERS["CRC32C"]).put([b"hello"])
    assert answer.status == 200, answer.code
    assert headers_of(target, bucket).get("x-amz-checksum-crc32c") == HELLO["CRC32C"]


@check
def a_trailer_with_another_signature_is_refused(target: Target) -> None:
    """Guide: SigV4 streaming with trailing headers: SignatureDoesNotMatch"""
    bucket = target.bucket()
    answer = SignedChunks(target, f"/{bucket}/k", TRAILERS["CRC32C"]).put([b"hello"], spoilt_trailer=True)
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")


class SignedChunks:
    """A PUT whose chunks are signed one after the other, with a trailer `name:value` or none."""

    def __init__(self, target: Target, path: str, trailer: str = "") -> None:
        self.target, self.path, self.trailer = target, path, trailer

    def put(self, chunks: list[bytes], *, spoilt: bool = False, spoilt_trailer: bool = False) -> Answer:
        kind = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" + ("-TRAILER" if self.trailer else "")
        said = {
            "Content-Encoding": "aws-chunked",
            "X-Amz-Decoded-Content-Length": str(sum(map(len, chunks))),
            "X-Amz-Content-Sha256": kind,
        }
        if self.trailer:
            said["X-Amz-Trailer"] = self.trailer.partition(":")[0]
        headers = self.target.sign("PUT", self.path, said)
        self._moment = headers["X-Amz-Date"]
        self._previous = headers["Authorization"].rpartition("Signature=")[2]
        body = b""
        for chunk in [*chunks, b""]:
            signature = self._sign("PAYLOAD", hashlib.sha256(b"").hexdigest(), hashlib.sha256(chunk).hexdigest())
            sent = chunk[:-1] + b"!" if spoilt and chunk else chunk
            body += f"{len(chunk):x};chunk-signature={signature}\r\n".encode() + sent + (b"\r\n" if chunk else b"")
        if self.trailer:
            signature = self._sign("TRAILER", hashlib.sha256(f"{self.trailer}\n".encode()).hexdigest())
            signature = "0" * 64 if spoilt_trailer else signature
            body += f"{self.trailer}\r\nx-amz-trailer-signature:{signature}\r\n".encode()
        return self.target.ask("PUT", self.path, body + b"\r\n", headers)

    def _sign(self, kind: str, *hashes: str) -> str:
        day = datetime.now(UTC).strftime("%Y%m%d")
        key = f"AWS4{self.target.secret}".encode()
        for part in (day, "us-east-1", "s3", "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        scope = f"{day}/us-east-1/s3/aws4_request"
        text = "\n".join([f"AWS4-HMAC-SHA256-{kind}", self._moment, scope, self._previous, *hashes])
        self._previous = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        return self._previous


@check
def a_completion_says_the_checksum_of_the_object(target: Target) -> None:
    """API CompleteMultipartUpload: x-amz-checksum-crc32 is the object's, not the document's"""
    where = {"Bucket": target.bucket(), "Key": "k"}
    made = target.s3.create_multipart_upload(**where, ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
    upload, bodies = {**where, "UploadId": made["UploadId"]}, [b"a" * (5 << 20), b"tail"]
    parts = []
    for number, body in enumerate(bodies, 1):
        answer = target.s3.upload_part(**upload, PartNumber=number, Body=body, ChecksumAlgorithm="CRC32")
        parts.append({"PartNumber": number, "ETag": answer["ETag"], "ChecksumCRC32": answer["ChecksumCRC32"]})
    wanted = {**upload, "MultipartUpload": {"Parts": parts}, "ChecksumType": "FULL_OBJECT"}
    assert refusal(target.s3.complete_multipart_upload, **wanted, ChecksumCRC32="AAAAAA==") == ("BadDigest", 400)
    whole = base64.b64encode(zlib.crc32(b"".join(bodies)).to_bytes(4, "big")).decode()
    done = target.s3.complete_multipart_upload(**wanted, ChecksumCRC32=whole)
    assert (done["ChecksumCRC32"], done["ChecksumType"]) == (whole, "FULL_OBJECT")
