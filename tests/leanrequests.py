"""Requests that cost little: Signature Version 4 without an SDK. For load beside unmodified clients."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

REGION = "us-east-1"
_JSON = {"sagemaker": ("SageMaker", "1.1"), "sqs": ("AmazonSQS", "1.0")}


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
