"""A server that is checked: its address, a key and its account, and clients of it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

REGION = "us-east-1"
ROLE = "arn:aws:iam::{account}:role/SageMakerExecutionRole"


@dataclass(frozen=True)
class Target:
    """A server and a key of it that may do everything."""

    name: str
    endpoint: str
    access: str
    secret: str
    account: str
    clients: dict[str, Any] = field(default_factory=dict)

    def boto(self, service: str) -> Any:
        """An ordinary client, but for parameters that it doesn't check; it tries nothing twice, so that a failure is seen."""
        if service not in self.clients:
            config = Config(retries={"max_attempts": 1}, read_timeout=30, parameter_validation=False)
            self.clients[service] = boto3.client(
                service,
                endpoint_url=self.endpoint,
                aws_access_key_id=self.access,
                aws_secret_access_key=self.secret,
                region_name=REGION,
                config=config,
            )
        return self.clients[service]

    @property
    def role(self) -> str:
        return ROLE.format(account=self.account)

    def arn(self, service: str, rest: str) -> str:
        return f"arn:aws:{service}:{REGION}:{self.account}:{rest}"


def fresh(prefix: str = "check") -> str:
    """A name that nothing has."""
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


@dataclass(frozen=True)
class Refusal:
    """An answer that is an error."""

    code: str
    message: str
    status: int
    fields: dict[str, Any]


def refusal(call: Callable[..., Any], **request: Any) -> Refusal:
    try:
        call(**request)
    except ClientError as error:
        described = error.response["Error"]
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return Refusal(described["Code"], described.get("Message", ""), status, {**error.response, **described})
    raise AssertionError("was not refused")


def refused(call: Callable[..., Any], **request: Any) -> tuple[str, int]:
    """The code and the status of a refusal."""
    found = refusal(call, **request)
    return found.code, found.status
