"""AWS's managed policies, by what their names promise: full access to a service, read access, or everything.

The documents are Sagewright's: AWS's change from month to month. A policy that is not listed grants nothing.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

from sagewright.model.aws.arns import ROLE_NAME

EVERYTHING = "AdministratorAccess"
OF_AWS = ":aws:policy/"
DEFAULT_ROLE_POLICIES = tuple(
    f"arn:aws:iam:{OF_AWS}{name}" for name in ("AmazonSageMakerFullAccess", "AmazonS3FullAccess", "AWSLambdaRole")
)
"""Policies of the execution role that exists from the start."""
_TRUSTED = ("sagemaker", "bedrock", "lambda", "events", "scheduler")
TRUST_POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": [f"{name}.amazonaws.com" for name in _TRUSTED]},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)
"""That role's trust policy."""
_NO_POWER_USER = ["iam:*", "organizations:*", "account:*"]
_SERVICES = {
    "AmazonSageMaker": ("sagemaker",),
    "AmazonSageMakerPipelines": ("sagemaker",),
    "AmazonS3": ("s3",),
    "CloudWatch": ("cloudwatch", "logs"),
    "CloudWatchLogs": ("logs",),
    "CloudWatchEvents": ("events",),
    "AmazonEventBridge": ("events", "scheduler"),
    "AmazonEventBridgeScheduler": ("scheduler",),
    "AmazonEC2ContainerRegistry": ("ecr",),
    "AmazonElasticContainerRegistry": ("ecr",),
    "AmazonSQS": ("sqs",),
    "AmazonSNS": ("sns",),
    "AWSLambda": ("lambda",),
    "AWSLambda_": ("lambda",),
    "IAM": ("iam",),
    "AWSKeyManagementService": ("kms",),
}
_READING = (
    "Get*",
    "List*",
    "Describe*",
    "Search*",
    "BatchGet*",
    "Query*",
    "Filter*",
    "Test*",
    "Start*Query",
    "Stop*Query",
)
_NAME = re.compile(r"(?P<service>.+?)(?P<access>FullAccess|ReadOnlyAccess|ReadOnly)")
_OF_SAGEMAKER = (
    "sagemaker:*", "sagemaker-mlflow:*", "cloudwatch:*", "logs:*", "application-autoscaling:*", "ecr:*",
    "s3:CreateBucket", "s3:GetBucketLocation", "s3:ListBucket", "s3:ListAllMyBuckets", "s3:GetBucketCors",
    "s3:PutBucketCors", "iam:ListRoles", "iam:GetRole", "kms:DescribeKey", "kms:ListAliases", "lambda:ListFunctions",
    "sns:ListTopics", "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "ec2:CreateNetworkInterface*",
    "ec2:DeleteNetworkInterface*", "ec2:Describe*", "glue:Get*", "bedrock:InvokeModel*", "bedrock:*EvaluationJob",
    "scheduler:ListSchedules",
)  # fmt: skip
"""Actions of SageMaker's full access on every resource: in the services that are served here, and where SDK v3 checks rights."""
_OF_OBJECTS = ("s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload")
_NAMED = ("*SageMaker*", "*Sagemaker*", "*sagemaker*")
"""Names of the objects, functions and topics that it reaches."""


@lru_cache(256)
def managed_document(arn: str) -> str | None:
    """Returns the document of one of AWS's policies, None for one that is not known here."""
    name = arn.rpartition("/")[2]
    if name == EVERYTHING:
        return _document(["*"])
    if name == "PowerUserAccess":
        return _dump([{"NotAction": _NO_POWER_USER}, {"Action": ["iam:ListRoles", "iam:GetRole"]}])
    if name == "ReadOnlyAccess":
        return _document([f"{one}:{verb}" for each in _SERVICES.values() for one in each for verb in _READING])
    if name == "AWSLambdaRole":
        return _document(["lambda:InvokeFunction"])
    if name in ("AmazonSageMakerFullAccess", "AmazonSageMakerCanvasFullAccess"):
        return _of_sagemaker()
    found = _NAME.fullmatch(name)
    services = _SERVICES.get(found["service"]) if found else None
    if found is None or services is None:
        return None
    verbs = ("*",) if found["access"] == "FullAccess" else _READING
    return _document([f"{one}:{verb}" for one in services for verb in verbs])


def _of_sagemaker() -> str:
    passing = {
        "Action": "iam:PassRole",
        "Resource": ["arn:aws:iam::*:role/*AmazonSageMaker*", f"arn:aws:iam::*:role/{ROLE_NAME}"],
        "Condition": {"StringEquals": {"iam:PassedToService": ["sagemaker.amazonaws.com", "scheduler.amazonaws.com"]}},
    }
    named = (
        {"Action": actions, "Resource": [f"{begin}{name}" for name in _NAMED]}
        for actions, begin in (
            (list(_OF_OBJECTS), "arn:aws:s3:::"),
            (["lambda:InvokeFunction"], "arn:aws:lambda:*:*:function:"),
            (["sns:Publish", "sns:Subscribe", "sns:CreateTopic"], "arn:aws:sns:*:*:"),
        )
    )
    tagged = {"StringEqualsIgnoreCase": {"s3:ExistingObjectTag/SageMaker": "true"}}
    schedules = {"Action": "scheduler:*", "Resource": "arn:aws:scheduler:*:*:schedule/*/notebook-*"}
    return _document(list(_OF_SAGEMAKER), passing, schedules, *named, {"Action": ["s3:GetObject"], "Condition": tagged})


def _document(actions: list[str], *further: dict[str, Any]) -> str:
    return _dump([{"Action": actions}, *further])


def _dump(statements: list[dict[str, Any]]) -> str:
    return json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*", **one} for one in statements]}
    )
