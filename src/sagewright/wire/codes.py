"""The same fault has another code in each service: what the wire and the resources raise, told in the words of the service asked.

Source: each service's "Common errors" in AWS's API references; moto's answers recorded from AWS; botocore's modelled shapes.
"""

from __future__ import annotations

from sagewright.model.errors import AwsError

_PARAMETER = {"ValidationException": "InvalidParameterException"}
_QUERY = {"ValidationException": "ValidationError", "AccessDeniedException": "AccessDenied"}
_BY_SERVICE = {
    "logs": _PARAMETER,
    "ecr": _PARAMETER,
    "sts": _QUERY,
    "iam": _QUERY,
    "sns": _QUERY,
    "cloudwatch": _QUERY,
    "sagemaker-runtime": {"ValidationException": "ValidationError"},
}
_BY_PROTOCOL = {"query": {"SerializationException": "MalformedInput", "UnknownOperationException": "InvalidAction"}}
_STATUS = {"AccessDenied": 403}


def in_terms_of(service: str, protocol: str, error: AwsError) -> AwsError:
    """`error` with the code, and the status, that clients of the service know for it."""
    code = _BY_PROTOCOL.get(protocol, {}).get(error.code) or _BY_SERVICE.get(service, {}).get(error.code)
    if code is None or service == "s3":
        return error
    return AwsError(code, error.message, _STATUS.get(code, error.status), error.fields)
