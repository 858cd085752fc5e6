"""rpc-v2-cbor (CloudWatch): the path names the operation, the body is one CBOR map."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import cbor2

from sagewright.http.messages import HttpRequest, HttpResponse
from sagewright.model.aws.shapes import OperationModel
from sagewright.model.documents import MOST_DEPTH
from sagewright.model.errors import AwsError, SerializationException
from sagewright.wire.protocols.json import kind_of, query_error
from sagewright.wire.protocols.members import from_json, without_nulls

PLAIN = (str, bytes, bool, int, float, datetime, type(None))


class CborProtocol:
    def decode(self, operation: OperationModel, request: HttpRequest) -> dict[str, Any]:
        body = request.body.read()
        if not body:
            return {}
        try:
            document = cbor2.loads(body)
        except Exception as error:  # its tag decoders raise arbitrary exceptions
            raise SerializationException(f"The request body is not valid CBOR: {error}") from None
        _check(document, MOST_DEPTH)
        document = without_nulls(document)
        if not isinstance(document, dict):
            raise SerializationException("Expected a CBOR map as the request body")
        if operation.input_shape is None:
            return document
        converted: dict[str, Any] = from_json(operation.input_shape, document)
        return converted

    def encode(self, operation: OperationModel, result: dict[str, Any], request_id: str) -> HttpResponse:  # noqa: ARG002 the protocol needs no model here
        return _response(200, result, request_id)

    def encode_error(self, error: AwsError, request_id: str, operation: OperationModel | None) -> HttpResponse:
        described = {"message": error.message} if error.message else {}
        document = {"__type": kind_of(error, operation), **described, **error.fields}
        response = _response(error.status, document, request_id)
        if operation is not None and "awsQueryCompatible" in operation.service_model.metadata:
            response.headers.append(query_error(error))
        return response


def _check(value: Any, depth: int) -> None:
    """Raises SerializationException for anything outside of the protocol: tags other than timestamps, keys that are not text."""
    if isinstance(value, (dict, list)) and not depth:
        raise SerializationException(f"The request body is nested more than {MOST_DEPTH} deep")
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise SerializationException("The request body has a map with keys that are not text")
            _check(item, depth - 1)
    elif isinstance(value, list):
        for item in value:
            _check(item, depth - 1)
    elif not isinstance(value, PLAIN):
        raise SerializationException(f"The request body contains an unsupported CBOR value: {type(value).__name__}")


def _response(status: int, document: dict[str, Any], request_id: str) -> HttpResponse:
    body = cbor2.dumps(_numbers(document), datetime_as_timestamp=True)
    headers = [
        ("content-type", "application/cbor"),
        ("smithy-protocol", "rpc-v2-cbor"),
        ("x-amzn-requestid", request_id),
    ]
    return HttpResponse(status, headers, body)


def _numbers(value: Any) -> Any:
    """Converts timestamps to tagged epoch seconds, as the protocol requires (cbor2 writes whole ones as integers)."""
    if isinstance(value, dict):
        return {k: _numbers(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_numbers(v) for v in value]
    if isinstance(value, datetime):
        return cbor2.CBORTag(1, value.timestamp())
    return value
