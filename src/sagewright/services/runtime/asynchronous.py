"""InvokeEndpointAsync: stores the request, and returns the location of its future result.

Source: AWS's API reference, InvokeEndpointAsync.
"""

from __future__ import annotations

import base64
import uuid
from dataclasses import replace
from typing import Any

from sagewright.engine.endpoints import fleets
from sagewright.engine.endpoints.async_documents import AsyncRequest, InvocationStatus
from sagewright.engine.endpoints.async_invocations import DEFAULT_TIMEOUT_S, DEFAULT_TTL_S, KIND
from sagewright.kinds.serving import ENDPOINT
from sagewright.model.aws.s3_uris import read_s3_uri
from sagewright.model.errors import AwsError
from sagewright.model.jobs.state_machines import EndpointStatus
from sagewright.model.nearest import COMPARED, did_you_mean
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New

_SERVES = {
    EndpointStatus.IN_SERVICE,
    EndpointStatus.OUT_OF_SERVICE,  # it waits for an instance
    EndpointStatus.UPDATING,
    EndpointStatus.ROLLING_BACK,
}


@operation("sagemaker-runtime", "InvokeEndpointAsync")
def invoke_endpoint_async(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    name = request["EndpointName"]
    scope = ResourceScope(ENDPOINT, context.account, context.region)
    endpoint = resources.find(context.store, scope, name)
    if endpoint is None:
        near = did_you_mean(name, resources.newest_names(context.store, scope, COMPARED))
        raise _fault(f"Endpoint {name} of account {context.account} not found.").advised(near)
    if endpoint.status not in _SERVES:
        raise _fault(
            f"Endpoint {name} of account {context.account} is not in service: its status is {endpoint.status}."
        )
    config = next((one.asynchronous for one in fleets.read(endpoint.document) if one.share and one.asynchronous), None)
    if config is None:
        raise _fault(f"Endpoint {name} is not asynchronous: its configuration has no AsyncInferenceConfig.")
    _check_input(request)
    inference_id = request.get("InferenceId") or str(uuid.uuid4())
    document, status = _document(request, config, inference_id), InvocationStatus.WAITING.value
    written, principal = document.write({}), context.principal.arn
    new = New(uuid.uuid4().hex, written, "", {}, parent=endpoint.id, status=status, principal=principal)
    made = resources.create(context.store, ResourceScope(KIND, context.account, context.region), new)
    context.engine.wake(KIND, made.id)
    answer = {"InferenceId": inference_id, "OutputLocation": document.output}
    return answer | ({"FailureLocation": document.failure} if document.failure else {})


def _check_input(request: dict[str, Any]) -> None:
    body = request.get("Body")
    if bool(request.get("InputLocation")) == bool(body):
        raise _fault("Exactly one of InputLocation and Body must be given.")
    if request.get("InputLocation"):
        try:
            place = read_s3_uri(request["InputLocation"])
        except ValueError as error:
            raise _fault(f"InputLocation {request['InputLocation']!r} is not an object in S3: {error}") from None
        if not place.key:
            raise _fault(f"InputLocation {request['InputLocation']!r} names no object.")


def _document(request: dict[str, Any], config: dict[str, Any], inference_id: str) -> AsyncRequest:
    output, unique = config["OutputConfig"], str(uuid.uuid4())
    name = request.get("Filename") or f"{unique}.out"
    extension = (request.get("S3OutputPathExtension") or "").strip("/")
    failure = output.get("S3FailurePath")
    document = AsyncRequest(
        endpoint=request["EndpointName"],
        inference_id=inference_id,
        output=_joined(output["S3OutputPath"], extension, name),
        ttl_s=request.get("RequestTTLSeconds", DEFAULT_TTL_S),
        timeout_s=request.get("InvocationTimeoutSeconds", DEFAULT_TIMEOUT_S),
        headers=_headers(request, inference_id),
        failure=_joined(failure, extension, f"{unique}-error.out") if failure else None,
    )
    if request.get("InputLocation"):
        return replace(document, input=request["InputLocation"])
    body = request["Body"]
    data = body if isinstance(body, bytes) else body.read()
    return replace(document, body=base64.b64encode(data).decode())


def _headers(request: dict[str, Any], inference_id: str) -> dict[str, str]:
    described = {
        "Content-Type": request.get("ContentType"),
        "Accept": request.get("Accept"),
        "X-Amzn-SageMaker-Custom-Attributes": request.get("CustomAttributes"),
        "X-Amzn-SageMaker-Inference-Id": inference_id,
    }
    return {name: value for name, value in described.items() if value}


def _joined(path: str, *steps: str) -> str:
    return "/".join([path.rstrip("/"), *(step for step in steps if step)])


def _fault(message: str) -> AwsError:
    return AwsError("ValidationError", message, 400)
