"""Forwards S3 requests to another S3: authenticates them, signs them with its keys, and streams both ways.

The signed digest of a body is checked in passing. Until then, the last piece is held back, so that the other S3 never receives a
complete body that differs from the signed one.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from urllib.parse import quote

import urllib3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from sagewright.http.messages import BodyReader, HttpRequest, HttpResponse
from sagewright.model.errors import AwsError
from sagewright.objects.access import Access
from sagewright.objects.external import CONNECT_TIMEOUT_S, READ_TIMEOUT_S, unavailable
from sagewright.wire.s3.routes import S3Route
from sagewright.wire.signatures import sigv4

CONNECTIONS = 64
PIECE = 1024 * 1024
FRAME = 256 * 1024
SMALL = 64 * 1024
STREAMING_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
OWNERS = ("x-amz-expected-bucket-owner", "x-amz-source-expected-bucket-owner")
MADE_ANEW = {
    "x-amz-content-sha256", "x-amz-date", "x-amz-security-token", "x-amz-decoded-content-length", "x-amz-trailer",
    *OWNERS,
}  # fmt: skip
PASSED = {
    "accept", "cache-control", "content-disposition", "content-encoding", "content-language", "content-md5",
    "content-type", "expires", "if-match", "if-modified-since", "if-none-match", "if-unmodified-since", "origin",
    "access-control-request-headers", "access-control-request-method", "range",
}  # fmt: skip
ABOUT_THE_SIGNATURE = {"awsaccesskeyid", "signature", "x-amz-algorithm", "x-amz-credential", "x-amz-date",
    "x-amz-expires", "x-amz-security-token", "x-amz-signature", "x-amz-signedheaders", "x-amz-content-sha256"}  # fmt: skip
OF_THE_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "date", "server"}
ENCRYPTION = "x-amz-server-side-encryption"
"""aws:kms without a key, which SDK v2 sends for code, refers to AWS's own key: no other S3 has that."""
TRAILER_BYTES = {"crc32": 4, "crc32c": 4, "crc64nvme": 8, "sha1": 20, "sha256": 32}


class Forwarder:
    """Thread-safe. `account`: the owner of every bucket, as this server's clients see it."""

    def __init__(self, access: Access, account: str) -> None:
        self._access, self._account = access, account
        self._signer = _Signer(Credentials(access.access_key, access.secret_key), "s3", access.region)
        timeout = urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=READ_TIMEOUT_S)
        self._pool = urllib3.PoolManager(maxsize=CONNECTIONS, retries=False, timeout=timeout, blocksize=FRAME)

    def answer(self, request: HttpRequest, route: S3Route) -> HttpResponse:
        """Returns the other S3's response to an authenticated request, errors included.

        Raises AwsError: ServiceUnavailable if it does not answer, AccessDenied for another owner, and the body's errors.
        """
        if any(request.headers.get(name, self._account) != self._account for name in OWNERS):
            raise AwsError("AccessDenied", "Access Denied", 403)
        url = self._access.endpoint + _path(route) + _query(request)
        headers = _headers(request)
        body = _body(request, headers)
        signed = AWSRequest(method=request.method, url=url, headers=headers)
        signed.context["payload"] = headers["x-amz-content-sha256"]
        self._signer.add_auth(signed)
        try:
            response = self._pool.request(
                request.method, url, headers=dict(signed.headers.items()), body=body,
                preload_content=False, decode_content=False, redirect=False,
            )  # fmt: skip
            return self._received(response, request.method)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise unavailable(self._access, error) from error

    def _received(self, response: urllib3.BaseHTTPResponse, method: str) -> HttpResponse:
        headers = [(n, v) for n, v in response.headers.iteritems() if n.lower() not in OF_THE_CONNECTION]
        length = response.headers.get("content-length", "")
        if method == "HEAD" or response.status in {204, 304} or (length.isdigit() and int(length) <= SMALL):
            body = response.read()
            response.release_conn()
            return HttpResponse(response.status, headers, body)
        return HttpResponse(response.status, headers, _pieces(response))


class _Signer(S3SigV4Auth):  # type: ignore[misc]
    """A signer that takes the payload hash from the request's context: bodies are streamed and not read beforehand."""

    def payload(self, request: AWSRequest) -> str:
        named: str = request.context["payload"]
        return named

    def _should_sha256_sign_payload(self, request: AWSRequest) -> bool:  # noqa: ARG002
        return True


def _pieces(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    try:
        while piece := response.read(PIECE):
            yield piece
        response.release_conn()
    finally:
        response.close()


def _path(route: S3Route) -> str:
    parts = [part for part in (route.bucket, route.key) if part is not None]
    return "/" + "/".join(quote(part, safe="/-._~") for part in parts)


def _query(request: HttpRequest) -> str:
    names = {name.lower() for name, _ in request.query_pairs()}
    unwanted = ABOUT_THE_SIGNATURE | ({"expires"} if "awsaccesskeyid" in names else set())
    kept = [(name, value) for name, value in request.query_pairs() if name.lower() not in unwanted]
    text = "&".join(f"{quote(name, safe='-._~')}={quote(value, safe='-._~')}" for name, value in sorted(kept))
    return f"?{text}" if text else ""


def _headers(request: HttpRequest) -> dict[str, str]:
    headers = {
        name: value
        for name, value in request.headers.items()
        if name in PASSED or (name.startswith("x-amz-") and name not in MADE_ANEW)
    }
    codings = [c.strip() for c in headers.pop("content-encoding", "").split(",")]
    if kept := [c for c in codings if c and c.lower() != "aws-chunked"]:
        headers["content-encoding"] = ",".join(kept)
    if headers.get(ENCRYPTION, "").startswith("aws:kms") and f"{ENCRYPTION}-aws-kms-key-id" not in headers:
        del headers[ENCRYPTION]
        headers.pop(f"{ENCRYPTION}-bucket-key-enabled", None)
    headers["x-amz-content-sha256"] = sigv4.UNSIGNED
    return headers


def _body(request: HttpRequest, headers: dict[str, str]) -> Iterator[bytes] | bytes | None:
    """Returns the body to send, and sets its length in `headers`."""
    text = request.headers.get("x-amz-decoded-content-length") or request.headers.get("content-length")
    if text is None or not text.isdigit():
        if "transfer-encoding" in request.headers:
            raise AwsError("MissingContentLength", "You must provide the Content-Length HTTP header.", 411)
        text = "0"
    length = int(text)
    trailer = request.headers.get("x-amz-trailer", "").strip().lower()
    if trailer.removeprefix("x-amz-checksum-") in TRAILER_BYTES:
        return _with_trailer(request.body, length, trailer, headers)
    if length == 0:
        request.body.read()
        if request.method in {"PUT", "POST"}:
            headers["content-length"] = "0"
        return None
    headers["content-length"] = str(length)
    return _held_back(request.body, PIECE)


def _held_back(body: BodyReader, size: int) -> Iterator[bytes]:
    """Yields the pieces of `body`, each only after the next one was read."""
    held = body.read(size)
    while held:
        following = body.read(size)
        yield held
        held = following


def _with_trailer(body: BodyReader, length: int, trailer: str, headers: dict[str, str]) -> Iterator[bytes]:
    """Yields the body in aws-chunked form, with the checksum that its sender appended."""
    value_bytes = len(base64.b64encode(bytes(TRAILER_BYTES[trailer.removeprefix("x-amz-checksum-")])))
    whole, rest = divmod(length, FRAME)
    sizes = [FRAME] * whole + ([rest] if rest else [])
    framed = sum(len(f"{size:x}") + 4 + size for size in sizes)
    tail = len("0\r\n") + len(f"{trailer}:") + value_bytes + len("\r\n\r\n")
    headers["content-length"] = str(framed + tail)
    headers["content-encoding"] = ",".join(filter(None, ["aws-chunked", headers.get("content-encoding")]))
    headers["x-amz-decoded-content-length"] = str(length)
    headers["x-amz-trailer"] = trailer
    headers["x-amz-content-sha256"] = STREAMING_TRAILER

    def frames() -> Iterator[bytes]:
        for piece in _held_back(body, FRAME):
            yield b"%x\r\n%b\r\n" % (len(piece), piece)
        sent: dict[str, str] = getattr(body, "trailers", {})
        yield f"0\r\n{trailer}:{sent.get(trailer, '')}\r\n\r\n".encode("latin-1")

    return frames()
