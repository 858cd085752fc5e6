"""SageMaker Runtime's operations: declared here, so that they are known and listed; the front serves them (`sagewright.front`)."""

from __future__ import annotations

from typing import Any

from sagewright.model.errors import AwsError
from sagewright.services.context import Context
from sagewright.services.registry import operation


@operation("sagemaker-runtime", "InvokeEndpoint")
def invoke_endpoint(_context: Context, _request: dict[str, Any]) -> dict[str, Any]:
    raise _elsewhere()


@operation("sagemaker-runtime", "InvokeEndpointWithResponseStream")
def invoke_endpoint_with_response_stream(_context: Context, _request: dict[str, Any]) -> dict[str, Any]:
    raise _elsewhere()


def _elsewhere() -> AwsError:
    """Returns the error for requests signed in a way that the front does not accept."""
    message = "Invocations are answered by a separate process, which accepts signatures of version 4 for the service sagemaker."
    return AwsError("ValidationError", message, 400)
