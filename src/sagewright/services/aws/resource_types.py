"""Resource types by ARN: `AWS::SageMaker::ModelPackageGroup`, and `sagemaker:model-package-group` in the tagging API."""

from __future__ import annotations

import re

NAMES = {
    "resource-groups": "ResourceGroups", "sagemaker": "SageMaker", "events": "Events", "logs": "Logs", "sqs": "SQS",
    "sns": "SNS", "kms": "KMS", "lambda": "Lambda", "ecr": "ECR", "iam": "IAM", "cloudwatch": "CloudWatch",
    "scheduler": "Scheduler", "s3": "S3",
}  # fmt: skip
"""CloudFormation's names of the services whose resources have tags."""
BARE = {"sqs": "Queue", "sns": "Topic"}
"""The only kind of resource of those services in whose ARNs the name has no prefix."""
_BEHIND_KIND = {"lambda": ":", "logs": ":", "cloudwatch": ":"}
"""Separator of kind and name, where it is not a slash."""
SERVICES = {name: service for service, name in NAMES.items()}
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z][a-z0-9]*")


def type_of(arn: str) -> str:
    """Returns CloudFormation's type of a resource, derived from the part before the name in its ARN."""
    parts = arn.split(":", 5)
    service, kind = (parts[2], re.split(r"[/:]", parts[5])[0]) if len(parts) == 6 else ("", "")
    if service in BARE:
        return f"AWS::{NAMES[service]}::{BARE[service]}"
    words = "".join(word.capitalize() for word in kind.split("-"))
    return f"AWS::{NAMES.get(service, service)}::{words}"


def pattern_of(type_: str) -> str:
    """Returns the SQL pattern of the ARNs of a type in either form; "%" for AWS::AllSupported."""
    if type_ == "AWS::AllSupported":
        return "%"
    if type_.startswith("AWS::"):
        _, name, words = type_.split("::")
        return _pattern(SERVICES.get(name, name.lower()), "-".join(word.lower() for word in _WORDS.findall(words)))
    service, _, kind = type_.partition(":")
    return _pattern(service, kind) if kind else f"arn:%:{service}:%"


def _pattern(service: str, kind: str) -> str:
    if BARE.get(service, "").lower() == kind:
        return f"arn:%:{service}:%"
    return f"arn:%:{service}:%:%:{kind}{_BEHIND_KIND.get(service, '/')}%"
