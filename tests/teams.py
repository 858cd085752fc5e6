"""People with keys and policies of their own, on a server on which policies decide."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from conftest import RunningServer

ACCOUNT = "000000000000"
DEFAULT_ROLE = f"arn:aws:iam::{ACCOUNT}:role/SageMakerExecutionRole"


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def trust(**principal: Any) -> str:
    return document({"Effect": "Allow", "Principal": principal, "Action": ["sts:AssumeRole", "sts:TagSession"]})


def refusal(call: Callable[..., Any], **request: Any) -> tuple[str, str]:
    """The code and the message of a refused call."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def is_denied(call: Callable[..., Any], **request: Any) -> bool:
    try:
        call(**request)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return code in {"AccessDenied", "AccessDeniedException"} or (code == "403" and status == 403)
    return False


@dataclass(frozen=True)
class Person:
    """A user with one key."""

    server: RunningServer
    name: str
    arn: str
    key: tuple[str, str]

    def boto(self, service: str, **options: Any) -> Any:
        access, secret = self.key
        given = {"aws_access_key_id": access, "aws_secret_access_key": secret} | options
        return self.server.boto(service, **given)

    def may(self, *statements: dict[str, Any], name: str = "own") -> None:
        """Replace the inline policy of this name."""
        self.server.boto("iam").put_user_policy(
            UserName=self.name, PolicyName=name, PolicyDocument=document(*statements)
        )


@dataclass(frozen=True)
class Team:
    server: RunningServer

    @property
    def iam(self) -> Any:
        return self.server.boto("iam")

    def person(self, *statements: dict[str, Any], name: str = "", **options: Any) -> Person:
        name = name or f"user-{uuid.uuid4().hex[:8]}"
        made = self.iam.create_user(UserName=name, **options)["User"]
        key = self.iam.create_access_key(UserName=name)["AccessKey"]
        found = Person(self.server, name, made["Arn"], (key["AccessKeyId"], key["SecretAccessKey"]))
        if statements:
            found.may(*statements)
        return found

    def role(self, *statements: dict[str, Any], trusted: str = "", name: str = "") -> str:
        name = name or f"role-{uuid.uuid4().hex[:8]}"
        trusted = trusted or trust(Service="sagemaker.amazonaws.com")
        arn = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trusted)["Role"]["Arn"]
        if statements:
            self.iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document(*statements))
        return str(arn)

    def bucket(self) -> str:
        name = f"b-{uuid.uuid4().hex}"
        self.server.boto("s3").create_bucket(Bucket=name)
        return name
