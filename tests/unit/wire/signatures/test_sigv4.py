"""Signatures: what botocore signs is accepted, anything else is refused in the service's own words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from botocore.auth import HmacV1QueryAuth, S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from sagewright.http.body import BytesBody
from sagewright.http.messages import HttpRequest
from sagewright.model.aws.access_keys import AccessKey
from sagewright.model.clock import now_ms
from sagewright.model.errors import AwsError
from sagewright.wire.signatures import sigv4
from sagewright.wire.signatures.authentication import Authenticator

KEY = AccessKey("AKIATEST", "secret", None, "arn:x", "id", None, None)
SESSION = AccessKey("ASIATEST", "secret", "token", "arn:x", "id", now_ms() + 86_400_000, None)
OLD = AccessKey("ASIAOLD", "secret", "token", "arn:x", "id", now_ms() - 1, None)
KEYS = {key.id: key for key in (KEY, SESSION, OLD)}
authenticator = Authenticator(KEYS.get)


def sent(request: AWSRequest) -> HttpRequest:
    """The request as a server receives it."""
    prepared = request.prepare()
    url = urlsplit(prepared.url)
    headers = {name.lower(): str(value) for name, value in prepared.headers.items()}
    headers.setdefault("host", url.netloc)
    body = prepared.body or b""
    return HttpRequest(
        prepared.method,
        url.path or "/",
        url.query,
        headers,
        BytesBody(body if isinstance(body, bytes) else body.encode()),
    )


def signed(
    service: str = "sagemaker",
    secret: str = "secret",
    key: str = "AKIATEST",
    token: str | None = None,
    region: str = "us-east-1",
) -> HttpRequest:
    request = AWSRequest("POST", "http://localhost:4700/", data=b"{}", headers={"X-Amz-Target": "SageMaker.X"})
    auth = S3SigV4Auth if service == "s3" else SigV4Auth
    auth(Credentials(key, secret, token), service, region).add_auth(request)
    return sent(request)


def refused(request: HttpRequest, service: str = "sagemaker") -> AwsError:
    with pytest.raises(AwsError) as caught:
        authenticator.authenticate(request, service)
        request.body.read()
    return caught.value


@pytest.mark.parametrize("service", ["sagemaker", "sts", "s3", "logs"])
def test_header_signature(service: str) -> None:
    request = signed(service)
    assert authenticator.authenticate(request, service) == KEY
    assert request.body.read() == b"{}"


def test_session_token() -> None:
    assert authenticator.authenticate(signed(key="ASIATEST", token="token"), "sagemaker") == SESSION


@pytest.mark.parametrize(
    ("service", "kind", "code", "status"),
    [
        ("sagemaker", "mismatch", "InvalidSignatureException", 400),
        ("s3", "mismatch", "SignatureDoesNotMatch", 403),
        ("sts", "mismatch", "SignatureDoesNotMatch", 403),
        ("sagemaker", "unknown", "UnrecognizedClientException", 400),
        ("s3", "unknown", "InvalidAccessKeyId", 403),
        ("iam", "unknown", "InvalidClientTokenId", 403),
        ("sagemaker", "expired", "ExpiredTokenException", 400),
        ("s3", "expired", "ExpiredToken", 400),
        ("sagemaker", "token", "UnrecognizedClientException", 400),
        ("sagemaker", "token of a permanent key", "UnrecognizedClientException", 400),
        ("s3", "token of a permanent key", "InvalidToken", 400),
        ("sagemaker", "region", "InvalidSignatureException", 400),
        ("s3", "region", "AuthorizationHeaderMalformed", 400),
        ("iam", "region", "SignatureDoesNotMatch", 403),
    ],
)
def test_refusals(service: str, kind: str, code: str, status: int) -> None:
    options: dict[str, dict[str, Any]] = {
        "mismatch": {"secret": "wrong"},
        "unknown": {"key": "AKIANOBODY"},
        "expired": {"key": "ASIAOLD", "token": "token"},
        "token": {"key": "ASIATEST", "token": "another"},
        "token of a permanent key": {"token": "any"},
        "region": {"region": "eu-west-1"},
    }
    error = refused(signed(service, **options[kind]), service)
    assert (error.code, error.status) == (code, status)


def test_s3_tells_what_should_have_been_signed_unless_it_is_long() -> None:
    described = refused(signed("s3", secret="wrong"), "s3").fields
    assert described["StringToSign"].startswith("AWS4-HMAC-SHA256\n")
    assert bytes.fromhex(described["StringToSignBytes"]).decode() == described["StringToSign"]
    assert described["CanonicalRequest"].splitlines()[0] in {"GET", "POST", "PUT"}
    long = AWSRequest("PUT", "http://localhost:4700/b/k", data=b"x", headers={"x-amz-meta-long": "x" * 60_000})
    S3SigV4Auth(Credentials("AKIATEST", "wrong"), "s3", "us-east-1").add_auth(long)
    error = refused(sent(long), "s3")
    assert error.code == "SignatureDoesNotMatch"
    assert "CanonicalRequest" not in error.fields
    assert sum(map(len, error.fields.values())) < 2000


@pytest.mark.parametrize(
    ("service", "signed_for", "code"),
    [
        ("logs", "sagemaker", "InvalidSignatureException"),
        ("cloudwatch", "cloudwatch", "InvalidSignatureException"),
        ("sts", "s3", "SignatureDoesNotMatch"),
    ],
)
def test_a_signature_for_another_service_is_refused(service: str, signed_for: str, code: str) -> None:
    error = refused(signed(signed_for), service)
    assert error.code == code
    assert "correct service" in error.message


@pytest.mark.parametrize(("service", "name"), [("cloudwatch", "monitoring"), ("sagemaker-runtime", "sagemaker")])
def test_services_that_sign_with_another_name(service: str, name: str) -> None:
    assert authenticator.authenticate(signed(name), service) == KEY


def test_a_server_elsewhere() -> None:
    elsewhere = Authenticator(KEYS.get, "eu-west-1")
    assert elsewhere.authenticate(signed("s3", region="eu-west-1"), "s3") == KEY
    assert elsewhere.authenticate(signed("sts"), "sts") == KEY, "clients of global services sign for us-east-1"
    with pytest.raises(AwsError) as caught:
        elsewhere.authenticate(signed("s3"), "s3")
    assert caught.value.fields == {"Region": "eu-west-1"}


def by_date(form: str, day: str = "") -> HttpRequest:
    """Signed by the header Date, in which no AWS SDK has its moment."""
    now = datetime.now(UTC).replace(microsecond=0)
    moment = now.strftime("%Y%m%dT%H%M%SZ")
    credential = sigv4.Credential("AKIATEST", day or moment[:8], "us-east-1", "logs")
    headers = {"host": "x", "date": format_datetime(now, usegmt=True) if form == "http" else moment}
    request = HttpRequest("POST", "/", "", headers, BytesBody(b""))
    claim = sigv4.Claim(credential, ("date", "host"), "", moment)
    (signature,) = sigv4.expected_signatures(request, claim, "secret", sigv4.EMPTY_SHA256)
    scope = f"Credential=AKIATEST/{credential.scope}, SignedHeaders=date;host, Signature={signature}"
    request.headers["authorization"] = f"AWS4-HMAC-SHA256 {scope}"
    return request


@pytest.mark.parametrize("form", ["http", "basic"])
def test_the_header_date_counts_where_there_is_no_x_amz_date(form: str) -> None:
    assert authenticator.authenticate(by_date(form), "logs") == KEY


def test_the_day_of_the_scope_is_that_of_the_request() -> None:
    assert refused(by_date("http", day="20200101"), "logs").code == "InvalidSignatureException"


@pytest.mark.parametrize("auth", [S3SigV4QueryAuth, HmacV1QueryAuth])
def test_what_a_presigned_url_carries_counts_as_headers(auth: type) -> None:
    carried = {"x-amz-meta-a": "1", "x-amz-storage-class": "STANDARD_IA", "x-amz-tagging": "a=b"}
    request = AWSRequest("PUT", "http://localhost:4700/b/k")
    credentials = Credentials("AKIATEST", "secret")
    if auth is HmacV1QueryAuth:
        for name, value in carried.items():
            request.headers[name] = value  # which it moves into the query
        auth(credentials, expires=60).add_auth(request)
        for name in carried:
            del request.headers[name]
    else:
        request.url += f"?{urlencode(carried)}"
        auth(credentials, "s3", "us-east-1", expires=60).add_auth(request)
    received = sent(request)
    authenticator.authenticate(received, "s3")
    found = {name: value for name, value in received.headers.items() if name.startswith("x-amz-")}
    assert found == carried


def test_a_copy_whose_source_is_in_the_query_is_no_empty_object() -> None:
    request = AWSRequest("PUT", "http://localhost:4700/b/k?x-amz-copy-source=b%2Fother")
    S3SigV4QueryAuth(Credentials("AKIATEST", "secret"), "s3", "us-east-1", expires=60).add_auth(request)
    error = refused(sent(request), "s3")
    assert error.code == "NotImplemented"
    assert "x-amz-copy-source" in error.message


def test_no_signature() -> None:
    request = HttpRequest("POST", "/", "", {"host": "x"}, BytesBody(b""))
    assert refused(request).code == "MissingAuthenticationTokenException"


def test_a_changed_body_is_refused() -> None:
    request = signed()
    request.body = BytesBody(b"{ }")
    assert refused(request).code == "InvalidSignatureException"


def test_a_changed_body_is_refused_on_s3_when_it_is_read() -> None:
    request = signed("s3")
    request.body = BytesBody(b"{ }")
    assert refused(request, "s3").code == "XAmzContentSHA256Mismatch"


def test_skew(monkeypatch: pytest.MonkeyPatch) -> None:
    request = signed()
    later = (datetime.now(UTC) + timedelta(minutes=20)).timestamp()
    monkeypatch.setattr("sagewright.wire.signatures.authentication.time.time", lambda: later)
    assert refused(request).code == "InvalidSignatureException"


@pytest.mark.parametrize("path", ["/bucket/plain", "/bucket/a%20b/%C3%A9", "/bucket/a//b/../c", "/bucket/x%2By~z"])
@pytest.mark.parametrize("auth", [S3SigV4QueryAuth, HmacV1QueryAuth])
def test_presigned(path: str, auth: type) -> None:
    request = AWSRequest("GET", f"http://localhost:4700{path}?response-content-type=text%2Fplain")
    credentials = Credentials("ASIATEST", "secret", "token")
    if auth is HmacV1QueryAuth:
        auth(credentials, expires=60).add_auth(request)
    else:
        auth(credentials, "s3", "us-east-1", expires=60).add_auth(request)
    assert authenticator.authenticate(sent(request), "s3") == SESSION


def test_a_presigned_url_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    request = AWSRequest("GET", "http://localhost:4700/b/k")
    S3SigV4QueryAuth(Credentials("AKIATEST", "secret"), "s3", "us-east-1", expires=60).add_auth(request)
    later = (datetime.now(UTC) + timedelta(seconds=61)).timestamp()
    monkeypatch.setattr("sagewright.wire.signatures.authentication.time.time", lambda: later)
    error = refused(sent(request), "s3")
    assert (error.code, error.message) == ("AccessDenied", "Request has expired")


def test_a_presigned_url_of_another_path_is_refused() -> None:
    request = AWSRequest("GET", "http://localhost:4700/b/k")
    SigV4QueryAuth(Credentials("AKIATEST", "secret"), "s3", "us-east-1", expires=60).add_auth(request)
    moved = sent(request)
    moved.path = "/b/other"
    assert refused(moved, "s3").code == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    "header", ["AWS4-HMAC-SHA256 nonsense", "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=x"]
)
def test_malformed_headers(header: str) -> None:
    request = HttpRequest(
        "POST", "/", "", {"host": "x", "authorization": header, "x-amz-date": "20260101T000000Z"}, BytesBody(b"")
    )
    assert refused(request).code == "IncompleteSignatureException"
