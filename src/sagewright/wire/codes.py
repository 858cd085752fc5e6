"""Error codes per service: translates errors of the wire and of resources to the codes of the called service.

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
    "resource-groups": {"ValidationException": "BadRequestException"},
    "resourcegroupstaggingapi": _PARAMETER,
    "sagemaker-runtime": {"ValidationException": "ValidationError"},
}
EARLIER_CODES = {
    "QueueDoesNotExist": "AWS.SimpleQueueService.NonExistentQueue",
    "QueueNameExists": "QueueAlreadyExists",
    "EmptyBatchRequest": "AWS.SimpleQueueService.EmptyBatchRequest",
    "TooManyEntriesInBatchRequest": "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
    "InvalidBatchEntryId": "AWS.SimpleQueueService.InvalidBatchEntryId",
    "BatchEntryIdsNotDistinct": "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
    "BatchRequestTooLong": "AWS.SimpleQueueService.BatchRequestTooLong",
    "PurgeQueueInProgress": "AWS.SimpleQueueService.PurgeQueueInProgress",
    "QueueDeletedRecently": "AWS.SimpleQueueService.QueueDeletedRecently",
}
"""Codes of SQS's errors that differ in the query protocol."""
_BY_PROTOCOL = {
    "query": {
        "SerializationException": "MalformedInput",
        "UnknownOperationException": "InvalidAction",
        "UnrecognizedClientException": "InvalidClientTokenId",
        "InvalidSignatureException": "SignatureDoesNotMatch",
        "ExpiredTokenException": "ExpiredToken",
        "MissingAuthenticationTokenException": "MissingAuthenticationToken",
        "IncompleteSignatureException": "IncompleteSignature",
    }
}
_REFUSED = ("InvalidClientTokenId", "SignatureDoesNotMatch", "ExpiredToken", "MissingAuthenticationToken")
_STATUS = {"AccessDenied": 403} | dict.fromkeys(_REFUSED, 403)


def in_terms_of(service: str, protocol: str, error: AwsError) -> AwsError:
    """Returns `error` with the code and the status that clients of the service know for it."""
    if service == "logs" and type(error) is AwsError:  # a few operations declare their own ValidationException
        return error
    code = _BY_PROTOCOL.get(protocol, {}).get(error.code) or _BY_SERVICE.get(service, {}).get(error.code)
    if (service, protocol) == ("sqs", "query"):
        code = code or EARLIER_CODES.get(error.code)
        if error.code == "QueueDoesNotExist":
            error = AwsError(error.code, "The specified queue does not exist for this wsdl version.")
    if code is None or service == "s3":
        return error
    return AwsError(code, error.message, _STATUS.get(code, error.status), error.fields)
