"""Signature version 2 in the query string of S3: boto3's default for presigned URLs on a custom endpoint.

Source: S3's "Signing and authenticating REST requests" (string to sign, canonical resource).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from urllib.parse import quote, unquote

from sagewright.http.messages import HttpRequest

_SUBRESOURCE_NAMES = """
acl accelerate analytics cors defaultObjectAcl lifecycle location logging notification partNumber
policy requestPayment replication tagging torrent uploadId uploads versionId versioning versions
website delete inventory metrics restore select publicAccessBlock encryption ownershipControls
object-lock retention legal-hold attributes policyStatus response-content-type
response-content-language response-expires response-cache-control response-content-disposition
response-content-encoding
"""
SUBRESOURCES = frozenset(_SUBRESOURCE_NAMES.split())
"""Query parameters that are part of the signed resource."""


def signatures(request: HttpRequest, secret: str, expires: str, bucket_in_host: str = "") -> dict[str, str]:
    """Returns the valid signatures of the holder of `secret`, by the signed text.

    A presigner does not know the Content-Type that the URL's user will send, so a signature without it is valid too.
    """
    query = dict(request.query_pairs())
    sent = {name: value for name, value in request.headers.items() if name.startswith("x-amz-")}
    signed = sent | {name.lower(): value for name, value in query.items() if name.lower().startswith("x-amz-")}
    amz = "".join(f"{name}:{value}\n" for name, value in sorted(signed.items()))
    md5 = query.get("content-md5", request.headers.get("content-md5", ""))
    requested, sent_type = query.get("content-type", ""), request.headers.get("content-type", "")
    types = {sent_type} if requested and sent_type else {requested, sent_type}
    found = {}
    for content_type in types:
        for resource in _resources(request, bucket_in_host):
            text = "\n".join([request.method, md5, content_type, expires, amz + resource])
            digest = hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()
            found[text] = base64.b64encode(digest).decode()
    return found


def _resources(request: HttpRequest, bucket_in_host: str) -> set[str]:
    requested = sorted((name, value) for name, value in request.query_pairs() if name in SUBRESOURCES)
    parameters = "&".join(f"{name}={value}" if value else name for name, value in requested)
    tail = f"?{parameters}" if parameters else ""
    prefix = f"/{bucket_in_host}" if bucket_in_host else ""
    paths = {request.path, quote(unquote(request.path), safe="/~")}
    if request.path.count("/") == 1 and not bucket_in_host:  # botocore signs a bucket as if its name were in the host
        paths.add(f"{request.path}/")
    return {f"{prefix}{path}{tail}" for path in paths}


def policy_signature(policy: str, secret: str) -> str:
    """Returns the signature of a form's policy (as it was sent)."""
    return base64.b64encode(hmac.new(secret.encode(), policy.encode(), hashlib.sha1).digest()).decode()
