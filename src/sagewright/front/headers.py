"""Length limits of an invocation's name and headers, checked before the endpoint is looked up.

Source: the members of InvokeEndpoint and InvokeEndpointWithResponseStream in botocore's model, which is not imported here: it would
double a front's start time. A test compares the table with it.
"""

from __future__ import annotations

from sagewright.front import faults
from sagewright.http.messages import HttpRequest

NAME = ("endpointName", 63)
MOST: dict[str, tuple[str, int]] = {
    "content-type": ("contentType", 1024),
    "accept": ("accept", 1024),
    "x-amzn-sagemaker-accept": ("accept", 1024),
    "x-amzn-sagemaker-custom-attributes": ("customAttributes", 1024),
    "x-amzn-sagemaker-target-model": ("targetModel", 1024),
    "x-amzn-sagemaker-target-variant": ("targetVariant", 63),
    "x-amzn-sagemaker-target-container-hostname": ("targetContainerHostname", 63),
    "x-amzn-sagemaker-inference-id": ("inferenceId", 64),
    "x-amzn-sagemaker-enable-explanations": ("enableExplanations", 64),
    "x-amzn-sagemaker-inference-component": ("inferenceComponentName", 63),
    "x-amzn-sagemaker-session-id": ("sessionId", 256),
    "x-amzn-sagemaker-prefix-aware-id": ("prefixAwareId", 64),
}
"""Member and maximum number of characters, by header."""
NOT_SHOWN = "customAttributes"
"""Member whose value a message does not show."""


def check(name: str, request: HttpRequest) -> None:
    """Raises ValidationError."""
    _check(name, *NAME)
    for header in MOST.keys() & request.headers.keys():
        _check(request.headers[header], *MOST[header])


def _check(value: str, member: str, most: int) -> None:
    if len(value) > most:
        shown = "" if member == NOT_SHOWN else f" '{value[:1024]}'"
        raise faults.validation(
            f"1 validation error detected: Value{shown} at '{member}' failed to satisfy constraint: "
            f"Member must have length less than or equal to {most}"
        )
