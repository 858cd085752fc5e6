"""awsJson 1.0 and 1.1: X-Amz-Target names the operation, the body is the request."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any

import orjson

from sagewright.http.messages import HttpRequest, HttpResponse
from sagewright.model.aws.shapes import OperationModel
from sagewright.model.documents import read_json
from sagewright.model.errors import AwsError, SerializationException
from sagewright.wire.codes import EARLIER_CODES
from sagewright.wire.protocols.members import from_json, without_nulls


def dumps(value: Any) -> bytes:
    """Serializes JSON like AWS: timestamps as epoch seconds, blobs as base64."""
    return orjson.dumps(value, default=_default, option=orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_NON_STR_KEYS)


def _default(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} can't be serialized in a response")


def read_document(body: bytes) -> dict[str, Any]:
    """Raises SerializationException unless `body` is empty or a JSON object."""
    if not body.strip():
        return {}
    try:
        document = read_json(body)
    except ValueError as error:
        raise SerializationException(f"The request body is not valid JSON: {error}") from None
    if not isinstance(document, dict):
        raise SerializationException("Expected a JSON object as the request body")
    return without_nulls(document) if b"null" in body else document


class JsonProtocol:
    def decode(self, operation: OperationModel, request: HttpRequest) -> dict[str, Any]:
        document = read_document(request.body.read())
        if operation.input_shape is None:
            return document
        converted: dict[str, Any] = from_json(operation.input_shape, document)
        return converted

    def encode(self, operation: OperationModel, result: dict[str, Any], request_id: str) -> HttpResponse:
        body = b"" if operation.output_shape is None and not result else dumps(result)
        return _response(200, body, request_id, operation)

    def encode_error(self, error: AwsError, request_id: str, operation: OperationModel | None) -> HttpResponse:
        kind = _qualified(error, operation)
        described = {"message": error.message, "Message": error.message} if error.message else {}
        document = {"__type": kind, **described, **error.fields}
        response = _response(error.status, dumps(document), request_id, operation)
        response.headers.append(("x-amzn-errortype", kind))
        if operation is not None and "awsQueryCompatible" in operation.service_model.metadata:
            response.headers.append(query_error(error))
        return response


def _qualified(error: AwsError, operation: OperationModel | None) -> str:
    """Returns the error's type; only SQS qualifies modelled errors with their namespace."""
    service = operation.service_model if operation else None
    known = service is not None and service.service_name == "sqs" and error.code in service.shape_names
    return f"com.amazonaws.sqs#{error.code}" if known else kind_of(error, operation)


def kind_of(error: AwsError, operation: OperationModel | None) -> str:
    """Returns the type of an error, which differs from its query code in services that used the query protocol before."""
    if operation is None or "awsQueryCompatible" not in operation.service_model.metadata:
        return error.code
    shapes = {shape.metadata.get("error", {}).get("code"): shape.name for shape in operation.error_shapes}
    return str(shapes.get(error.code) or LATER_KINDS.get(error.code, error.code))


LATER_KINDS = {
    "InvalidParameterCombination": "InvalidParameterCombinationException",
    "InvalidParameterValue": "InvalidParameterValueException",
    "MissingParameter": "MissingRequiredParameterException",
    "ValidationError": "ValidationException",
}
"""Types of errors that services share. Source: localstack/localstack, `test_sqs.snapshot.json`, recorded on AWS."""


def query_error(error: AwsError) -> tuple[str, str]:
    """Returns the header that carries the query code to clients of services that used the query protocol before."""
    code = EARLIER_CODES.get(error.code, error.code)
    return "x-amzn-query-error", f"{code};{'Sender' if error.status < 500 else 'Receiver'}"


def _response(status: int, body: bytes, request_id: str, operation: OperationModel | None) -> HttpResponse:
    version = operation.service_model.metadata.get("jsonVersion", "1.1") if operation else "1.1"
    headers = [("content-type", f"application/x-amz-json-{version}"), ("x-amzn-requestid", request_id)]
    return HttpResponse(status, headers, body)
