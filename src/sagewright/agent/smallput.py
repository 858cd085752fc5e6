"""Uploads a small object to S3 with one signed request: creating a client for the only archive of a job would cost more than all
else."""

from __future__ import annotations

import base64
import http.client
import ssl
import zlib
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as Keys

from sagewright.agent.hostfile import JobObjects

LARGEST_BYTES = 1 << 20
_TIMEOUT_S = 10.0


_HEADERS = {
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
}


def put_small(objects: JobObjects, bucket: str, key: str, content: bytes, encryption: Mapping[str, str]) -> bool:
    """Returns True if S3 accepted it. If not, it may be sent again by a client, which knows the reason and the remedy.

    `encryption`: members of PutObject.
    """
    place = urlsplit(objects.endpoint)
    path = f"{place.path.rstrip('/')}/{quote(bucket)}/{quote(key, safe='/-._~')}"
    try:
        headers = _signed(objects, f"{place.scheme}://{place.netloc}{path}", content, encryption)
        connection = _connect(place.scheme, place.hostname or "", place.port)
        try:
            connection.request("PUT", path, content, headers)
            answer = connection.getresponse()
            answer.read()
            return answer.status == 200
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError):
        return False


def _signed(objects: JobObjects, url: str, content: bytes, encryption: Mapping[str, str]) -> dict[str, str]:
    """Returns signed headers with the checksum that S3's own clients send."""
    own = objects.credentials
    checksum = base64.b64encode(zlib.crc32(content).to_bytes(4, "big")).decode()
    headers = {_HEADERS[name]: value for name, value in encryption.items()}
    headers |= {"x-amz-checksum-crc32": checksum, "x-amz-sdk-checksum-algorithm": "CRC32"}
    request = AWSRequest("PUT", url, headers, content)
    keys = Keys(own.access_key_id, own.secret_access_key, own.session_token or None)
    S3SigV4Auth(keys, "s3", objects.region).add_auth(request)
    return {name: str(value) for name, value in request.headers.items()}


def _connect(scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    if scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(host, port, timeout=_TIMEOUT_S, context=context)
    return http.client.HTTPConnection(host, port, timeout=_TIMEOUT_S)
