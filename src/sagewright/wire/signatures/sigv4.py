"""Signature version 4: computes the signature that a request must have. Source: "Signing AWS API requests" (AWS IAM user guide)."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import cached_property, lru_cache
from typing import NamedTuple
from urllib.parse import quote, unquote

from sagewright.http.messages import HttpRequest, header_text

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
_PLAIN = re.compile(r"[A-Za-z0-9/_.~-]*")
_USUAL = re.compile(r" Credential=([^,\s]+), ?SignedHeaders=([^,\s]+), ?Signature=([^,\s]+)")
"""An authorization header as the SDKs write it."""
_REMEMBERED = 256
"""Maximum length of a credential that is cached, since clients can send anything."""
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True)
class Credential:
    """The credential scope that a client claims: key id, day (YYYYMMDD), region and service."""

    access_key: str
    day: str
    region: str
    service: str

    @cached_property
    def scope(self) -> str:
        return f"{self.day}/{self.region}/{self.service}/aws4_request"


class Claim(NamedTuple):
    """The data of a request's SigV4 signature, from its header or (presigned) its query."""

    credential: Credential
    signed_headers: tuple[str, ...]
    signature: str
    moment: str
    expires_s: int | None = None

    @property
    def day(self) -> str:
        """Returns the date of `moment` as YYYYMMDD."""
        return self.moment[:8]


class MalformedClaim(ValueError):
    """An unreadable authorization header or query; the message names the missing part."""


def read_credential(text: str) -> Credential:
    """Raises MalformedClaim."""
    return _remembered(text) if len(text) <= _REMEMBERED else _read(text)


def _read(text: str) -> Credential:
    parts = text.split("/")
    if len(parts) < 5 or parts[-1] != "aws4_request":
        raise MalformedClaim(f"Credential must have the form key/date/region/service/aws4_request, got '{text}'")
    return Credential("/".join(parts[:-4]), parts[-4], parts[-3], parts[-2])


_remembered = lru_cache(maxsize=1024)(_read)
"""A client sends the same credential all day."""


def read_header_claim(request: HttpRequest) -> Claim:
    """Raises MalformedClaim."""
    credential, signed, signature = _header_fields(request.headers["authorization"].removeprefix(ALGORITHM))
    moment = request.headers.get("x-amz-date") or _basic(request.headers.get("date", ""))
    if not moment:
        raise MalformedClaim("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    return Claim(read_credential(credential), tuple(signed.lower().split(";")), signature, moment)


def _header_fields(text: str) -> Sequence[str]:
    """Returns the texts of credential, signed headers and signature. Raises MalformedClaim."""
    usual = _USUAL.fullmatch(text)
    if usual is not None:
        return usual.groups()
    fields = dict(part.strip().split("=", 1) for part in text.split(",") if "=" in part)
    names = ("Credential", "SignedHeaders", "Signature")
    missing = [name for name in names if name not in fields]
    if missing:
        raise MalformedClaim(f"Authorization header requires '{missing[0]}' parameter.")
    return [fields[name] for name in names]


def _basic(moment: str) -> str:
    """Returns an HTTP date in ISO 8601's basic format, which is what is signed; anything else unchanged."""
    try:
        return parsedate_to_datetime(moment).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    except ValueError:
        return moment


def read_query_claim(query: dict[str, str]) -> Claim:
    """Raises MalformedClaim."""
    names = ("X-Amz-Credential", "X-Amz-SignedHeaders", "X-Amz-Signature", "X-Amz-Date", "X-Amz-Expires")
    if not all(name in query for name in names):
        raise MalformedClaim(
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, "
            "X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."
        )
    expires = query["X-Amz-Expires"]
    if not (expires.isascii() and expires.isdigit() and len(expires) <= 18):
        raise MalformedClaim("X-Amz-Expires should be a number")
    try:
        credential = read_credential(query["X-Amz-Credential"])
    except MalformedClaim:
        raise MalformedClaim(
            "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; "
            'expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".'
        ) from None
    return Claim(
        credential,
        tuple(query["X-Amz-SignedHeaders"].lower().split(";")),
        query["X-Amz-Signature"],
        query["X-Amz-Date"],
        int(expires),
    )


@dataclass(frozen=True)
class Signed:
    """A canonical request, and the string to sign that contains its digest."""

    canonical: str
    to_sign: str


@lru_cache(maxsize=1024)
def signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


@lru_cache(maxsize=1024)
def _keyed(key: bytes) -> hmac.HMAC:
    return hmac.new(key, digestmod=hashlib.sha256)


def expected_signatures(request: HttpRequest, claim: Claim, secret: str, payload_hash: str) -> set[str]:
    """Returns the valid signatures of the holder of `secret` for this request (clients differ in how they quote paths)."""
    credential = claim.credential
    key = signing_key(secret, credential.day, credential.region, credential.service)
    found = set()
    for canonical in _canonical_texts(request, claim, payload_hash):
        mac = _keyed(key).copy()  # OpenSSL's setup takes longer than the hash
        mac.update(_to_sign(canonical, claim).encode())
        found.add(mac.hexdigest())
    return found


def signed_texts(request: HttpRequest, claim: Claim, payload_hash: str) -> list[Signed]:
    """Returns the texts that can have been signed, one for each way that clients quote paths."""
    texts = _canonical_texts(request, claim, payload_hash)
    return [Signed(canonical, _to_sign(canonical, claim)) for canonical in texts]


def _canonical_texts(request: HttpRequest, claim: Claim, payload_hash: str) -> list[str]:
    tail = _canonical_tail(request, claim, payload_hash)
    paths = _canonical_paths(request.path, claim.credential.service)
    return [f"{request.method}\n{path}\n{tail}" for path in paths]


def _to_sign(canonical: str, claim: Claim) -> str:
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    return f"{ALGORITHM}\n{claim.moment}\n{claim.credential.scope}\n{digest}"


def _canonical_paths(path: str, service: str) -> set[str]:
    if path in {"", "/"}:
        return {"/"}
    if _PLAIN.fullmatch(path):  # quoting does not change it
        return {path}
    if service == "s3":
        return {quote(unquote(path), safe="/~"), path}
    return {quote(path, safe="/~"), quote(quote(unquote(path), safe="/~"), safe="/~")}


def _canonical_tail(request: HttpRequest, claim: Claim, payload_hash: str) -> str:
    query = _canonical_query(request) if request.query else ""
    sent = request.headers
    lines = [f"{name}:{' '.join(header_text(sent.get(name, '')).split())}\n" for name in claim.signed_headers]
    return f"{query}\n{''.join(lines)}\n{';'.join(claim.signed_headers)}\n{payload_hash}"


def _canonical_query(request: HttpRequest) -> str:
    pairs = [
        (quote(name, safe="~"), quote(value, safe="~"))
        for name, value in request.query_pairs()
        if name != "X-Amz-Signature"
    ]
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def chunk_signature(key: bytes, claim: Claim, previous: str, chunk_hash: str) -> str:
    """Returns the signature of one chunk of a STREAMING-AWS4-HMAC-SHA256-PAYLOAD body."""
    text = "\n".join(
        [
            "AWS4-HMAC-SHA256-PAYLOAD",
            claim.moment,
            claim.credential.scope,
            previous,
            EMPTY_SHA256,
            chunk_hash,
        ]
    )
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def trailer_signature(key: bytes, claim: Claim, previous: str, trailer: bytes) -> str:
    """Returns the signature of the trailer of a STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER body."""
    text = "\n".join(
        [
            "AWS4-HMAC-SHA256-TRAILER",
            claim.moment,
            claim.credential.scope,
            previous,
            hashlib.sha256(trailer).hexdigest(),
        ]
    )
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def policy_signature(policy: str, credential: Credential, secret: str) -> str:
    """Returns the signature of a form's policy (as it was sent)."""
    key = signing_key(secret, credential.day, credential.region, credential.service)
    return hmac.digest(key, policy.encode(), "sha256").hex()
