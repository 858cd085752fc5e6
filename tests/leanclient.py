"""A client that costs little: Signature Version 4, and retries as SDKs make them. For load beside unmodified clients."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

REGION = "us-east-1"
ATTEMPTS, PAUSE_S = 5, 0.05
TIMEOUT_S = 60
_JSON = {"sagemaker": ("SageMaker", "1.1"), "sqs": ("AmazonSQS", "1.0")}


class NoAnswer(Exception):
    """A request without an answer, or with a server's error, however often it was repeated."""


class Refused(Exception):
    """A request that the server refuses."""


@dataclass(frozen=True)
class LeanRequest:
    """A request of `service`, as its signature names it."""

    service: str
    method: str
    path: str
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def operation(service: str, name: str, parameters: dict[str, Any]) -> LeanRequest:
    """Returns the request of an operation whose protocol is JSON."""
    prefix, version = _JSON[service]
    headers = {"content-type": f"application/x-amz-json-{version}", "x-amz-target": f"{prefix}.{name}"}
    return LeanRequest(service, "POST", "/", json.dumps(parameters).encode(), headers)


class LeanClient:
    """One connection, which is opened again when it is lost. For one thread."""

    def __init__(self, host: str, port: int, key: tuple[str, str]) -> None:
        self._host, self._port, self._key = host, port, key
        self._connection: http.client.HTTPConnection | None = None

    def ask(self, request: LeanRequest) -> bytes:
        """Returns the body of the answer. Raises NoAnswer and Refused."""
        reason = ""
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(PAUSE_S * 2**attempt)
            try:
                status, body = self._once(request)
            except (OSError, http.client.HTTPException) as error:
                self.close()
                reason = repr(error)
                continue
            if status < 300:
                return body
            if status < 500:
                raise Refused(f"{status}: {body[:500]!r}")
            reason = f"{status}: {body[:200]!r}"
        raise NoAnswer(reason)

    def _once(self, request: LeanRequest) -> tuple[int, bytes]:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT_S)
        headers = signed(request, f"{self._host}:{self._port}", self._key, datetime.now(UTC))
        self._connection.request(request.method, request.path, request.body, headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def signed(request: LeanRequest, host: str, key: tuple[str, str], at: datetime) -> dict[str, str]:
    """Returns the headers of a request with its signature."""
    stamp = at.strftime("%Y%m%dT%H%M%SZ")
    digest = hashlib.sha256(request.body).hexdigest()
    headers = {**request.headers, "host": host, "x-amz-content-sha256": digest, "x-amz-date": stamp}
    names = sorted(headers)
    canonical = "\n".join((
        request.method, request.path, "", *(f"{name}:{headers[name]}" for name in names), "", ";".join(names), digest,
    ))  # fmt: skip
    scope = f"{stamp[:8]}/{REGION}/{request.service}/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(_signing_key(key[1], stamp[:8], request.service), text.encode(), hashlib.sha256).hexdigest()
    credential = f"Credential={key[0]}/{scope}, SignedHeaders={';'.join(names)}, Signature={signature}"
    return {**headers, "authorization": f"AWS4-HMAC-SHA256 {credential}"}


@lru_cache(64)
def _signing_key(secret: str, day: str, service: str) -> bytes:
    made = f"AWS4{secret}".encode()
    for part in (day, REGION, service, "aws4_request"):
        made = hmac.new(made, part.encode(), hashlib.sha256).digest()
    return made
