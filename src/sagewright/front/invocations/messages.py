"""Invocations as clients send them, as containers get them, and the way back.

Source: botocore's model of sagemaker-runtime, for the locations of members.
"""

from __future__ import annotations

from typing import Any

import orjson

from sagewright.front.invocations.counting import VariantCounts
from sagewright.front.invocations.routes import InvocationTarget
from sagewright.http.messages import HttpRequest, HttpResponse
from sagewright.model.errors import AwsError
from sagewright.upstream.messages import UpstreamRequest

_PASSED = {
    "content-type": "Content-Type",
    "accept": "Accept",
    "x-amzn-sagemaker-custom-attributes": "X-Amzn-SageMaker-Custom-Attributes",
    "x-amzn-sagemaker-inference-id": "X-Amzn-SageMaker-Inference-Id",
    "x-amzn-sagemaker-session-id": "X-Amzn-SageMaker-Session-Id",
    "x-amzn-sagemaker-target-model": "X-Amzn-SageMaker-Target-Model",
}
"""Headers of a request that are passed to the container."""
RETURNED = (
    "x-amzn-sagemaker-custom-attributes",
    "x-amzn-sagemaker-new-session-id",
    "x-amzn-sagemaker-closed-session-id",
)
INVOKED_VARIANT = "x-Amzn-Invoked-Production-Variant"
STREAM_ACCEPT = "x-amzn-sagemaker-accept"


def target_of(request: HttpRequest) -> InvocationTarget:
    return InvocationTarget(
        request.headers.get("x-amzn-sagemaker-target-variant", ""),
        request.headers.get("x-amzn-sagemaker-target-container-hostname", ""),
        request.headers.get("x-amzn-sagemaker-target-model", ""),
        request.headers.get("x-amzn-sagemaker-inference-component", ""),
    )


def container_request(request: HttpRequest, body: bytes, accept: str = "accept") -> UpstreamRequest:
    headers = {}
    for name, described in _PASSED.items():
        value = request.headers.get(accept if name == "accept" else name)
        if value is None:
            continue
        headers[described] = value
    headers.setdefault("Content-Type", "application/octet-stream")
    return UpstreamRequest("POST", "/invocations", headers, body)


def count_error(tally: VariantCounts, error: AwsError) -> None:
    tally.model_errors += error.code == "ModelError"
    if error.code == "ModelError":
        original = error.fields.get("OriginalStatusCode", "0")
        if original.startswith("4"):
            tally.client_errors += 1
        else:
            tally.server_errors += 1
    elif error.status >= 500:
        tally.server_errors += 1
    else:
        tally.client_errors += 1


def error_response(error: AwsError, request_id: str) -> HttpResponse:
    document: dict[str, Any] = {"Message": error.message, **error.fields}
    if "OriginalStatusCode" in document:
        document["OriginalStatusCode"] = int(document["OriginalStatusCode"])
    headers = [("x-amzn-RequestId", request_id), ("x-amzn-errortype", error.code), ("content-type", "application/json")]
    return HttpResponse(error.status, headers, orjson.dumps(document))
