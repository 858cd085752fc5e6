"""Requests to an endpoint, and its errors."""

from __future__ import annotations

from sagewright.clarify.configuration.analysis import Predictor
from sagewright.clarify.errors import CustomerError

MAX_PAYLOAD_BYTES = 6 << 20
THREADS = 4
READ_S = 70
"""An invocation ends after 60 s."""


class ContainerRefused(CustomerError):
    """The model's container answered with an error."""


class EndpointClient:
    """Sends bodies of one content type. Thread-safe for THREADS threads."""

    def __init__(self, endpoint: str, predictor: Predictor, content_type: str, accept: str) -> None:
        import boto3
        from botocore.config import Config

        retries = {"mode": "standard", "max_attempts": 5}
        config = Config(read_timeout=READ_S, retries=retries, max_pool_connections=THREADS)
        self._client = boto3.client("sagemaker-runtime", config=config)
        self._request = {"EndpointName": endpoint, "ContentType": content_type, "Accept": accept}
        more = {"CustomAttributes": predictor.custom_attributes, "TargetModel": predictor.target_model}
        self._request |= {name: value for name, value in more.items() if value}

    def invoke(self, body: bytes) -> bytes:
        """Returns the answer's body. Raises ContainerRefused, CustomerError."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return bytes(self._client.invoke_endpoint(**self._request, Body=body)["Body"].read())
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "ModelError":
                raise ContainerRefused(f"The model refused a request: {str(error)[:1000]}") from None
            raise CustomerError(f"Unable to invoke the endpoint: {str(error)[:1000]}") from None
        except BotoCoreError as error:
            raise CustomerError(f"Unable to invoke the endpoint: {str(error)[:1000]}") from None
