"""The rest-json protocol (SageMaker Runtime and Metrics, Lambda, EventBridge Scheduler): REST bindings, JSON or raw bodies."""

from __future__ import annotations

from typing import Any

from sagewright.http.messages import HttpRequest, HttpResponse
from sagewright.model.aws.shapes import OperationModel, StructureShape
from sagewright.model.errors import AwsError
from sagewright.wire.protocols import rest
from sagewright.wire.protocols.json import dumps, read_document
from sagewright.wire.protocols.members import from_json


class RestJsonProtocol:
    def decode(self, operation: OperationModel, request: HttpRequest) -> dict[str, Any]:
        values = rest.read_members(operation, request)
        shape = operation.input_shape
        if not isinstance(shape, StructureShape):
            return values
        bound = rest.bindings(shape)
        if bound.payload is None:
            return values | from_json(shape, read_document(request.body.read())) if bound.body else values
        if bound.payload.shape.type_name == "blob":
            values[bound.payload.member] = request.body.read()
        else:
            values[bound.payload.member] = from_json(bound.payload.shape, read_document(request.body.read()))
        return values

    def encode(self, operation: OperationModel, result: dict[str, Any], request_id: str) -> HttpResponse:
        status, headers = rest.write_head(operation, result)
        headers.append(("x-amzn-requestid", request_id))
        shape = operation.output_shape
        if not isinstance(shape, StructureShape):
            return HttpResponse(status, headers)
        bound = rest.bindings(shape)
        if bound.payload is None:
            document = {name: result[name] for name in bound.body if result.get(name) is not None}
            return HttpResponse(status, [*headers, ("content-type", "application/json")], dumps(document))
        body = result.get(bound.payload.member)
        if bound.payload.shape.type_name == "blob":
            return HttpResponse(status, headers, body or b"")
        return HttpResponse(status, [*headers, ("content-type", "application/json")], dumps(body or {}))

    def encode_error(
        self,
        error: AwsError,
        request_id: str,
        operation: OperationModel | None,  # noqa: ARG002 errors look the same for every operation
    ) -> HttpResponse:
        headers = [
            ("content-type", "application/json"),
            ("x-amzn-requestid", request_id),
            ("x-amzn-errortype", error.code),
        ]
        return HttpResponse(error.status, headers, dumps({"Message": error.message, **error.fields}))
