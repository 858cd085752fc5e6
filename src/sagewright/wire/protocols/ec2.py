"""Errors in EC2's format: EC2 itself is not served, but its clients can't read errors in the format of other services.

Source: the protocol ec2 of AWS's models.
"""

from __future__ import annotations

from sagewright.http.messages import HttpResponse
from sagewright.model.aws.shapes import OperationModel
from sagewright.model.errors import AwsError
from sagewright.wire.protocols.query import QueryProtocol, escaped, xml_response


class Ec2Protocol(QueryProtocol):
    def encode_error(self, error: AwsError, request_id: str, operation: OperationModel | None) -> HttpResponse:  # noqa: ARG002
        text = (
            f"<Response><Errors><Error><Code>{escaped(error.code)}</Code><Message>{escaped(error.message)}</Message></Error></Errors>"
            f"<RequestID>{request_id}</RequestID></Response>"
        )
        return xml_response(error.status, text, request_id)
