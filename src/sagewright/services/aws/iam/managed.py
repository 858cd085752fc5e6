"""AWS's own managed policies, as far as a name tells what they grant: full access to a service, reading it, or everything.

The documents are Sagewright's: AWS's change from month to month. A policy that is not here grants nothing.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

_EVERYTHING = frozenset({"AdministratorAccess", "PowerUserAccess"})
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
    "sagemaker:*", "cloudwatch:*", "logs:*", "application-autoscaling:*", "ecr:*", "s3:GetObject", "s3:PutObject",
    "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:CreateBucket", "s3:GetBucketLocation", "s3:ListBucket",
    "s3:ListAllMyBuckets", "s3:GetBucketCors", "s3:PutBucketCors", "iam:ListRoles", "iam:GetRole", "kms:DescribeKey",
    "kms:ListAliases", "lambda:InvokeFunction", "lambda:ListFunctions", "sns:ListTopics", "sns:Publish",
)  # fmt: skip
"""The services that a notebook of SageMaker's full access uses, and that are served here."""


@lru_cache(256)
def managed_document(arn: str) -> str | None:
    """Returns the document of one of AWS's policies, None for one that is not known here."""
    name = arn.rpartition("/")[2]
    if name in _EVERYTHING:
        return _document(["*"])
    if name == "ReadOnlyAccess":
        return _document([f"{one}:{verb}" for each in _SERVICES.values() for one in each for verb in _READING])
    if name in ("AmazonSageMakerFullAccess", "AmazonSageMakerCanvasFullAccess"):
        passing = {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
        return _document(list(_OF_SAGEMAKER), {"Action": "iam:PassRole", "Condition": passing})
    found = _NAME.fullmatch(name)
    services = _SERVICES.get(found["service"]) if found else None
    if found is None or services is None:
        return None
    verbs = ("*",) if found["access"] == "FullAccess" else _READING
    return _document([f"{one}:{verb}" for one in services for verb in verbs])


def _document(actions: list[str], *further: dict[str, Any]) -> str:
    statements: list[dict[str, Any]] = [{"Action": actions}, *further]
    return json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*", **one} for one in statements]}
    )
