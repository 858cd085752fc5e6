"""Maximum sizes of requests, by service."""

from __future__ import annotations

_LARGEST = {"ecr": 30 * 1024 * 1024, "logs": 2 * 1024 * 1024, "sagemaker-runtime": 26 * 1024 * 1024,
           "lambda": 70 * 1024 * 1024}  # fmt: skip
"""Maximum request size in bytes of services with larger requests than the others: a layer's part, InvokeEndpoint's body, a
function's archive."""

LARGEST_OF_OTHERS = 4 * 1024 * 1024


def largest_request(service: str) -> int:
    """Returns the maximum size in bytes of a request that is not S3's."""
    return _LARGEST.get(service, LARGEST_OF_OTHERS)
