"""The errors of the runtime API, in AWS's words.

Source: botocore's model of sagemaker-runtime; texts that clients of AWS have published.
"""

from __future__ import annotations

from dataclasses import dataclass

from sagewright.model.errors import AwsError

MOST_TOLD = 3000
"""Maximum number of characters of a model's own message in an error."""


@dataclass(frozen=True)
class Where:
    """An endpoint, or an inference component on it, and the location of its logs."""

    endpoint: str
    account: str
    region: str
    component: str = ""

    @property
    def log_group(self) -> str:
        if self.component:
            return f"/aws/sagemaker/InferenceComponents/{self.component}"
        return f"/aws/sagemaker/Endpoints/{self.endpoint}"

    @property
    def log_arn(self) -> str:
        return f"arn:aws:logs:{self.region}:{self.account}:log-group:{self.log_group}"

    @property
    def console(self) -> str:
        return f"log group {self.log_group}"


def validation(message: str) -> AwsError:
    return AwsError("ValidationError", message, 400)


def failed() -> AwsError:
    return AwsError("InternalFailure", "The request processing has failed; see the server's log.", 500)


def not_found(where: Where) -> AwsError:
    return validation(f"Endpoint {where.endpoint} of account {where.account} not found.")


def not_ready(where: Where, status: str) -> AwsError:
    return validation(
        f"Endpoint {where.endpoint} of account {where.account} is not in service: its status is {status}."
    )


def no_explainer(where: Where) -> AwsError:
    return validation(
        f"EnableExplanations needs an endpoint with an ExplainerConfig, and Endpoint {where.endpoint} of account {where.account} "
        "has none."
    )


def component_needed() -> AwsError:
    return validation(
        "Inference Component Name header is required for endpoints to which you plan to deploy inference components. Please "
        "include Inference Component Name header or consider using SageMaker models."
    )


def component_not_found(where: Where) -> AwsError:
    return validation(
        f"Inference Component {where.component} of account {where.account} not found on endpoint {where.endpoint}."
    )


def no_capacity() -> AwsError:
    """Returns AWS's error for a component without copies."""
    return validation(
        "Inference Component has no capacity to process this request. ApplicationAutoScaling may be in-progress (if configured) or "
        "try to increase the capacity by invoking UpdateInferenceComponentRuntimeConfig API."
    )


def unavailable(reason: str) -> AwsError:
    return AwsError("ServiceUnavailable", reason, 503)


def model_error(where: Where, container: str, status: int, body: bytes) -> AwsError:
    """Returns the error for a container's response that is not 2xx; `status` 0: it did not respond."""
    side = "client" if 400 <= status < 500 else "server"
    text = body[: 4 * MOST_TOLD + 4].decode(errors="replace")  # a character has at most four bytes
    if text and len(text) <= MOST_TOLD:
        said = f'with message "{text}"'
    else:
        said = "and could not load the entire response body" if text or status else "with an empty answer"
    message = (
        f"Received {side} error ({status}) from {container} {said}. See the {where.console} in account {where.account} for more "
        "information."
    )
    fields = {"OriginalStatusCode": str(status), "OriginalMessage": text[:MOST_TOLD], "LogStreamArn": where.log_arn}
    return AwsError("ModelError", message, 424, fields)


def timed_out(where: Where, container: str, seconds: float) -> AwsError:
    text = f"Your invocation timed out while waiting for a response from container {container} after {seconds:g} s."
    return model_error(where, container, 0, text.encode())


def broken(where: Where, container: str, reason: str) -> AwsError:
    return model_error(
        where, container, 0, f"The container ended the connection before it had answered: {reason}".encode()
    )
