"""Targets to which a service sends later, with rights of its own: the caller of the request needs the right to send there.

AWS asks the target's own policy instead, or the role of a model; the caller's is the stricter question here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Request = Mapping[str, Any]
_SENDS = {"sns": "sns:Publish", "sqs": "sqs:SendMessage", "lambda": "lambda:InvokeFunction"}


def _of_bucket(request: Request) -> Iterator[str]:
    given = request.get("NotificationConfiguration") or {}
    for kind, member in (("Topic", "TopicArn"), ("Queue", "QueueArn"), ("LambdaFunction", "LambdaFunctionArn")):
        for one in given.get(f"{kind}Configurations") or ():
            yield str(one.get(member, ""))


def _of_alarm(request: Request) -> Iterator[str]:
    for member in ("AlarmActions", "OKActions", "InsufficientDataActions"):
        yield from request.get(member) or ()


def _of_endpoint(request: Request) -> Iterator[str]:
    output = (request.get("AsyncInferenceConfig") or {}).get("OutputConfig") or {}
    yield from (output.get("NotificationConfig") or {}).values()


_TARGETS: dict[tuple[str, str], Callable[[Request], Iterator[str]]] = {
    ("s3", "PutBucketNotificationConfiguration"): _of_bucket,
    ("cloudwatch", "PutMetricAlarm"): _of_alarm,
    ("cloudwatch", "PutCompositeAlarm"): _of_alarm,
    ("sagemaker", "CreateEndpointConfig"): _of_endpoint,
}


def targets_of(service: str, operation: str, request: Request) -> Iterator[tuple[str, str]]:
    """Yields the actions that the caller needs, each with the ARN of a target."""
    found = _TARGETS.get((service, operation))
    for arn in found(request) if found else ():
        parts = str(arn).split(":")
        if len(parts) > 2 and parts[2] in _SENDS:
            yield _SENDS[parts[2]], str(arn)
