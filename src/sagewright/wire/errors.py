"""Authentication failures in the codes and wording of each service family, and the error of a server at its memory limit."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from sagewright.model.errors import AwsError, ServiceUnavailable

log = logging.getLogger("sagewright.wire")
XML_FAMILY = frozenset({"sts", "iam"})
JSON_FAMILY_CODES = {
    "unknown_key": ("UnrecognizedClientException", 400),
    "bad_token": ("UnrecognizedClientException", 400),
    "mismatch": ("InvalidSignatureException", 400),
    "skew": ("InvalidSignatureException", 400),
    "expired_token": ("ExpiredTokenException", 400),
    "missing": ("MissingAuthenticationTokenException", 400),
    "malformed": ("IncompleteSignatureException", 400),
    "malformed_query": ("IncompleteSignatureException", 400),
    "unsupported": ("IncompleteSignatureException", 400),
    "expired_url": ("InvalidSignatureException", 400),
}
QUERY_FAMILY_CODES = {
    "unknown_key": ("InvalidClientTokenId", 403),
    "bad_token": ("InvalidClientTokenId", 403),
    "mismatch": ("SignatureDoesNotMatch", 403),
    "skew": ("SignatureDoesNotMatch", 403),
    "expired_token": ("ExpiredToken", 403),
    "missing": ("MissingAuthenticationToken", 403),
    "malformed": ("IncompleteSignature", 400),
    "malformed_query": ("IncompleteSignature", 400),
    "unsupported": ("IncompleteSignature", 400),
    "expired_url": ("SignatureDoesNotMatch", 403),
}
S3_CODES = {
    "unknown_key": ("InvalidAccessKeyId", 403),
    "bad_token": ("InvalidToken", 400),
    "mismatch": ("SignatureDoesNotMatch", 403),
    "skew": ("RequestTimeTooSkewed", 403),
    "expired_token": ("ExpiredToken", 400),
    "missing": ("AccessDenied", 403),
    "malformed": ("AuthorizationHeaderMalformed", 400),
    "malformed_query": ("AuthorizationQueryParametersError", 400),
    "unsupported": ("InvalidRequest", 400),
    "expired_url": ("AccessDenied", 403),
}
MESSAGES = {
    "unknown_key": "The security token included in the request is invalid.",
    "bad_token": "The security token included in the request is invalid.",
    "mismatch": (
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
        "and signing method. Consult the service documentation for details."
    ),
    "skew": "Signature expired: the request's time is more than 15 minutes away from the server's.",
    "expired_token": "The security token included in the request is expired",
    "missing": "Missing Authentication Token",
    "malformed": "The authorization header is malformed.",
    "malformed_query": "The parameters of the signature are malformed.",
    "unsupported": "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
    "expired_url": "Request has expired",
}
S3_MESSAGES = {
    "unknown_key": "The AWS Access Key Id you provided does not exist in our records.",
    "bad_token": "The provided token is malformed or otherwise invalid.",
    "skew": "The difference between the request time and the current time is too large.",
    "expired_token": "The provided token has expired.",
    "missing": "Access Denied",
    "mismatch": (
        "The request signature we calculated does not match the signature you provided. Check your key and signing method."
    ),
}


def refusal(service: str, kind: str, detail: str = "", fields: Mapping[str, str] | None = None) -> AwsError:
    """Returns the error of `service` for a failure of `kind` (a key of MESSAGES), with `detail` in place of the default text.

    `fields`: additional members of S3's errors.
    """
    message = detail or (S3_MESSAGES.get(kind) if service == "s3" else None) or MESSAGES[kind]
    if service == "s3":
        code, status = S3_CODES[kind]
        return AwsError(code, message, status, fields)
    if service in XML_FAMILY:
        code, status = QUERY_FAMILY_CODES[kind]
    else:
        code, status = JSON_FAMILY_CODES[kind]
    return AwsError(code, message, status)


def out_of_memory(request_id: str) -> ServiceUnavailable:
    """Returns the response to a request that needs more memory than the setting server_memory_mb allows."""
    log.error("request %s takes more memory than the server may have", request_id)
    return ServiceUnavailable("The request takes more memory than the server may have (setting server_memory_mb).")
