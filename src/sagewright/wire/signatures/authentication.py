"""Signature checks of requests: SigV4 in headers or query, SigV2 in the query, forms, chunks."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

from sagewright.http import asgi
from sagewright.http.body import BytesBody, digits
from sagewright.http.messages import HttpRequest
from sagewright.model.aws.access_keys import AccessKey
from sagewright.model.clock import now_ms
from sagewright.model.errors import AwsError
from sagewright.model.secrecy import equal
from sagewright.wire.errors import refusal
from sagewright.wire.signatures import sigv2, sigv4
from sagewright.wire.signatures.scopes import GLOBAL, check_form, check_scope, signed_region
from sagewright.wire.signatures.signed_body import TRAILER_SIGNATURE, ChunkedBody, DigestBody

SKEW_S = 15 * 60
MAX_EXPIRES_S = 7 * 24 * 3600
DIGEST = "x-amz-content-sha256"
ONCE = asgi.ONCE | {"x-amz-date", DIGEST, "x-amz-target"}
"""Headers that a request can't repeat: the signed value must be the one that is read."""
_OF_SIGNATURES = ("algorithm", "credential", "date", "expires", "signedheaders", "signature", "security-token")
_CONDITIONS = ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since")
_OF_BODIES = frozenset(
    f"x-amz-checksum-{name}"
    for name in ("crc32", "crc32c", "crc64nvme", "sha1", "sha256", "sha512", "md5", "xxhash64", "xxhash3", "xxhash128")
) | {"x-amz-sdk-checksum-algorithm"}
"""Headers that contain or name the checksum of a body."""
COPY_SOURCE = "x-amz-copy-source"
MOST_TOLD = 4096
"""Maximum number of characters of an expected string to sign in an error."""
_OF_FORMS = frozenset(
    {"awsaccesskeyid", "signature", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature"}
)
OF_SIGNATURES = frozenset(f"x-amz-{name}" for name in _OF_SIGNATURES)

FindKey = Callable[[str], AccessKey | None]


@dataclass(frozen=True)
class Authenticator:
    """`find_key` looks up an access key by its id. `region`: this server's region, for which requests must be signed, unless
    `anywhere` allows all.
    """

    find_key: FindKey
    region: str = "us-east-1"
    anywhere: bool = False

    def region_of(self, request: HttpRequest, service: str) -> str:
        """Returns the region of an authenticated request. IAM and STS are the same in all regions."""
        if not self.anywhere or service in GLOBAL:
            return self.region
        return signed_region(request) or self.region

    def authenticate(self, request: HttpRequest, service: str, bucket_in_host: str = "") -> AccessKey:
        """Returns the key that signed `request`. Wraps its body, so that signed digests are checked while it is read.

        Raises AwsError with the service's code for the failure.
        """
        authorization = request.headers.get("authorization", "")
        if authorization.startswith(sigv4.ALGORITHM):
            return self._header(request, service)
        query = dict(request.query_pairs())
        if "X-Amz-Signature" in query or query.get("X-Amz-Algorithm") == sigv4.ALGORITHM:
            return self._presigned(request, service, query)
        if "AWSAccessKeyId" in query and "Signature" in query:
            return self._presigned_v2(request, service, query, bucket_in_host)
        if service == "s3" and ("AWSAccessKeyId" in query or "Signature" in query):
            raise _incomplete_v2()
        raise refusal(service, "unsupported" if authorization else "missing")

    def vet(self, request: HttpRequest, service: str) -> AccessKey:
        """Runs the part of `authenticate` that needs only the head, for a request whose body was not read. Raises AwsError."""
        head = replace(request, body=BytesBody(b""))
        if service == "s3" or DIGEST in request.headers:
            return self.authenticate(head, service)
        return self._claimed(head, service)

    def authenticate_s3(self, request: HttpRequest, bucket_in_host: str = "") -> AccessKey | None:
        """Runs `authenticate`; returns None for an unsigned request, which only S3 accepts."""
        if _is_signed(request):
            return self.authenticate(request, "s3", bucket_in_host)
        _guard_unsigned_body(request)
        return None

    def authenticate_form(self, fields: Mapping[str, str]) -> AccessKey | None:
        """Returns the key that signed the policy of a form, whose fields are by lower-case name; None without a policy.

        Raises AwsError with S3's codes.
        """
        policy = fields.get("policy")
        if policy is None:
            return None
        if not fields.keys() & _OF_FORMS:
            raise refusal("s3", "missing")
        if "signature" in fields or "awsaccesskeyid" in fields:
            _need(fields, ("AWSAccessKeyId", "Signature"))
            key = self._key(fields["awsaccesskeyid"], fields.get("x-amz-security-token"), "s3")
            expected, sent = sigv2.policy_signature(policy, key.secret), fields["signature"]
        else:
            credential = _form_credential(fields)
            check_form(credential, self.region, anywhere=self.anywhere)
            key = self._key(credential.access_key, fields.get("x-amz-security-token"), "s3")
            expected, sent = sigv4.policy_signature(policy, credential, key.secret), fields["x-amz-signature"]
        if not equal(expected, sent):
            raise refusal("s3", "mismatch", fields=_Sent(key.id, sent, policy).described())
        return key

    def _claimed(self, request: HttpRequest, service: str) -> AccessKey:
        """Returns the key that the request claims to be signed with, unverified."""
        if request.headers.get("authorization", "").startswith(sigv4.ALGORITHM):
            return self._header_claim(request, service)[1]
        query = dict(request.query_pairs())
        if "X-Amz-Credential" in query:
            return self._query_claim(service, query)[1]
        raise refusal(service, "unsupported" if request.headers.get("authorization") else "missing")

    def _header_claim(self, request: HttpRequest, service: str) -> tuple[sigv4.Claim, AccessKey]:
        try:
            claim = sigv4.read_header_claim(request)
        except sigv4.MalformedClaim as error:
            raise refusal(service, "malformed", str(error)) from None
        if abs(_moment(claim.moment, service) - time.time()) > SKEW_S:
            raise refusal(service, "skew")
        check_scope(claim, service, self.region, anywhere=self.anywhere)
        token = request.headers.get("x-amz-security-token")
        return claim, self._key(claim.credential.access_key, token, service)

    def _header(self, request: HttpRequest, service: str) -> AccessKey:
        claim, key = self._header_claim(request, service)
        payload_hash = _payload_hash(request, service)
        self._compare(request, service, claim, key, payload_hash)
        _guard_body(request, claim, key, payload_hash)
        return key

    def _query_claim(self, service: str, query: dict[str, str]) -> tuple[sigv4.Claim, AccessKey]:
        try:
            claim = sigv4.read_query_claim(query)
        except sigv4.MalformedClaim as error:
            raise refusal(service, "malformed_query", str(error)) from None
        assert claim.expires_s is not None
        if claim.expires_s > MAX_EXPIRES_S:
            raise refusal(service, "malformed_query", "X-Amz-Expires must be less than a week (in seconds)")
        signed_at = _moment(claim.moment, service)
        if signed_at - time.time() > SKEW_S:
            raise refusal(service, "skew")
        if time.time() > signed_at + claim.expires_s:
            fields = _expired(signed_at + claim.expires_s) | {"X-Amz-Expires": str(claim.expires_s)}
            raise refusal(service, "expired_url", fields=fields)
        check_scope(claim, service, self.region, anywhere=self.anywhere)
        return claim, self._key(claim.credential.access_key, query.get("X-Amz-Security-Token"), service)

    def _presigned(self, request: HttpRequest, service: str, query: dict[str, str]) -> AccessKey:
        claim, key = self._query_claim(service, query)
        payload_hash = (
            request.headers.get("x-amz-content-sha256", sigv4.UNSIGNED) if service == "s3" else _hash_body(request)
        )
        self._compare(request, service, claim, key, payload_hash)
        _take_headers(request, query)
        _guard_unsigned_body(request)
        return key

    def _presigned_v2(
        self, request: HttpRequest, service: str, query: dict[str, str], bucket_in_host: str
    ) -> AccessKey:
        expires = query.get("Expires", "")
        if digits(expires) is None:
            raise _incomplete_v2()
        if time.time() > int(expires):
            raise refusal(service, "expired_url", fields=_expired(int(expires)))
        key = self._key(query["AWSAccessKeyId"], query.get("x-amz-security-token"), service)
        expected = sigv2.signatures(request, key.secret, expires, bucket_in_host)
        if not any(equal(one, query["Signature"]) for one in expected.values()):
            sent = _Sent(key.id, query["Signature"], next(iter(expected)))
            raise refusal(service, "mismatch", fields=sent.described())
        _take_headers(request, query)
        _guard_unsigned_body(request)
        return key

    def _key(self, access_key: str, token: str | None, service: str) -> AccessKey:
        key = self.find_key(access_key)
        if key is None:
            raise refusal(service, "unknown_key")
        if not equal(key.session_token or "", token or ""):  # a permanent key has none, and accepts none
            raise refusal(service, "bad_token")
        if key.expires_ms is not None and key.expires_ms < now_ms():
            raise refusal(service, "expired_token")
        return key

    def _compare(
        self, request: HttpRequest, service: str, claim: sigv4.Claim, key: AccessKey, payload_hash: str
    ) -> None:
        if "host" not in claim.signed_headers:
            raise refusal(service, "malformed", "'Host' must be a 'SignedHeader' in the AWS Authorization.")
        if service == "s3":
            _check_all_signed(request, claim)
        expected = sigv4.expected_signatures(request, claim, key.secret, payload_hash)
        if not any(equal(one, claim.signature) for one in expected):
            signed = sigv4.signed_texts(request, claim, payload_hash)[0]
            sent = _Sent(key.id, claim.signature, signed.to_sign, signed.canonical)
            raise refusal(service, "mismatch", fields=sent.described())


def _is_signed(request: HttpRequest) -> bool:
    """Returns True if the request claims to be signed, in any form."""
    if request.headers.get("authorization"):
        return True
    names = {name for name, _ in request.query_pairs()}
    return bool({"X-Amz-Signature", "X-Amz-Algorithm", "AWSAccessKeyId", "Signature"} & names)


def _take_headers(request: HttpRequest, query: Mapping[str, str]) -> None:
    """Treats query parameters of a presigned URL as headers: metadata, tags, storage class, encryption.

    Checksums are ignored: the body is unknown when the URL is signed, and AWS's SDK for JavaScript sends the CRC32 of an empty one.
    Source: ministackorg/ministack#1695, localstack/localstack#12169, aws/aws-sdk-go-v2#2610, all on AWS's behaviour.

    Raises NotImplemented for the source of a copy, which determines the operation before the signature is checked: without it the
    request would put an empty object.
    """
    if COPY_SOURCE in {name.lower() for name in query} and COPY_SOURCE not in request.headers:
        message = f"A copy by a presigned URL needs {COPY_SOURCE} as a header, not in the query."
        raise AwsError("NotImplemented", message)
    for name, value in query.items():
        lower = name.lower()
        if lower in _OF_BODIES:
            continue
        if lower in _CONDITIONS or (lower.startswith("x-amz-") and lower not in OF_SIGNATURES):
            request.headers.setdefault(lower, value)


def _check_all_signed(request: HttpRequest, claim: sigv4.Claim) -> None:
    """Checks that all `x-amz-` headers are signed, since they change the operation. Raises AccessDenied."""
    extra = [n for n in request.headers if n.startswith("x-amz-") and n not in claim.signed_headers and n != DIGEST]
    if extra:
        message = "There were headers present in the request which were not signed"
        raise AwsError("AccessDenied", message, 403, {"HeadersNotSigned": ", ".join(sorted(extra))})


def _form_credential(fields: Mapping[str, str]) -> sigv4.Credential:
    _need(fields, ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Signature"))
    try:
        return sigv4.read_credential(fields["x-amz-credential"])
    except sigv4.MalformedClaim as error:
        raise refusal("s3", "malformed_query", str(error)) from None


def _need(fields: Mapping[str, str], names: Sequence[str]) -> None:
    """Raises InvalidArgument for the first field that a form lacks."""
    name = next((name for name in names if name.lower() not in fields), None)
    if name is not None:
        message = f"Bucket POST must contain a field named '{name}'.  If it is specified, please check the order of the fields."
        raise AwsError("InvalidArgument", message, 400, {"ArgumentName": name, "ArgumentValue": ""})


@dataclass(frozen=True)
class _Sent:
    """The signature sent and the text that should have been signed, for S3's error."""

    access_key: str
    signature: str
    to_sign: str
    canonical: str = ""

    def described(self) -> dict[str, str]:
        """Returns the error's members. Long texts are omitted, so that a response can't be several times as long as its request."""
        fields = {"AWSAccessKeyId": self.access_key, "SignatureProvided": self.signature}
        if len(self.to_sign) <= MOST_TOLD:
            fields |= {"StringToSign": self.to_sign, "StringToSignBytes": self.to_sign.encode().hex(" ")}
        if 0 < len(self.canonical) <= MOST_TOLD:
            fields |= {
                "CanonicalRequest": self.canonical,
                "CanonicalRequestBytes": self.canonical.encode().hex(" "),
            }
        return fields


def _expired(at_s: float) -> dict[str, str]:
    """Returns the expiration time of a URL, and the current time."""
    moments = {"Expires": at_s, "ServerTime": time.time()}
    return {name: datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for name, at in moments.items()}


def _incomplete_v2() -> AwsError:
    message = "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters"
    return AwsError("AccessDenied", message, 403)


@lru_cache(maxsize=64)
def _instant(text: str) -> float:
    """Parses 20260101T000000Z, cached since many requests of a second share it. fromisoformat also accepts other forms, and is 20
    times as fast as strptime. Raises ValueError."""
    return datetime.fromisoformat(text).timestamp()


def _moment(text: str, service: str) -> float:
    try:
        if len(text) == 16:
            return _instant(text)
    except ValueError:
        pass
    try:
        return parsedate_to_datetime(text).timestamp()
    except ValueError:
        raise refusal(service, "malformed", f"Date must be in ISO-8601 'basic format', got '{text}'") from None


def _payload_hash(request: HttpRequest, service: str) -> str:
    sent = request.headers.get("x-amz-content-sha256")
    if sent is not None:
        return sent
    if service == "s3":
        raise refusal(service, "malformed", "Missing required header for this request: x-amz-content-sha256")
    return _hash_body(request)


def _hash_body(request: HttpRequest) -> str:
    data = request.body.read()
    request.body = BytesBody(data)
    return hashlib.sha256(data).hexdigest()


def _guard_body(request: HttpRequest, claim: sigv4.Claim, key: AccessKey, payload_hash: str) -> None:
    if payload_hash.startswith("STREAMING-"):
        signed = payload_hash.startswith("STREAMING-AWS4-HMAC-SHA256")
        credential = claim.credential
        signing = sigv4.signing_key(key.secret, credential.day, credential.region, credential.service)
        promised = [TRAILER_SIGNATURE] if signed and payload_hash.endswith("-TRAILER") else []
        request.body = _chunked(request, claim if signed else None, signing, promised)
    elif payload_hash != sigv4.UNSIGNED:
        request.body = DigestBody(request.body, payload_hash)


def _guard_unsigned_body(request: HttpRequest) -> None:
    """Wraps the body according to its digest header, for a request in which that header, or everything, is unsigned."""
    said = request.headers.get(DIGEST, sigv4.UNSIGNED)
    if said.startswith("STREAMING-UNSIGNED"):
        request.body = _chunked(request, None, b"", [])
    elif said.startswith("STREAMING-"):
        raise refusal("s3", "unsupported", "Signed chunks need a signature in the Authorization header.")
    elif said != sigv4.UNSIGNED:
        request.body = DigestBody(request.body, said)


def _chunked(request: HttpRequest, claim: sigv4.Claim | None, key: bytes, promised: list[str]) -> ChunkedBody:
    """Raises MissingContentLength: the decoded length must be announced, or a truncated body could not be detected."""
    length = digits(request.headers.get("x-amz-decoded-content-length"))
    if length is None:
        raise AwsError("MissingContentLength", "You must provide the x-amz-decoded-content-length HTTP header.", 411)
    named = [name.strip().lower() for name in request.headers.get("x-amz-trailer", "").split(",")]
    return ChunkedBody(request.body, length, claim, key, [name for name in named if name] + promised)
