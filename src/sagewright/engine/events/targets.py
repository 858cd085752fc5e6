"""Target types of rules, and the call that delivers to each. All but hooks are called through operations."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sagewright.engine.calls import Call, OperationRequest
from sagewright.engine.events.input_transformers import MISSING, BadPath, part_of, scheduled
from sagewright.engine.events.rules import EventRule
from sagewright.model.clock import now_ms
from sagewright.model.documents import read_json
from sagewright.model.errors import AwsError

TRAINING = "arn:aws:scheduler:::aws-sdk:sagemaker:createTrainingJob"
"""Target of EventBridge Scheduler that starts a training job. Source: its user guide, "Using universal targets"."""
TRAINING_JOB = "training-job"
MOST_LINE = 240_000
"""Maximum bytes of a line in a log group, less its overhead."""


class Undeliverable(Exception):
    """The input could not be delivered. `again`: True if a later attempt may succeed."""

    def __init__(self, message: str, *, again: bool = False) -> None:
        super().__init__(message)
        self.again = again


@dataclass(frozen=True)
class TargetMessage:
    """A message to a target: `text` is the input made from `event`."""

    rule: EventRule
    target: dict[str, Any]
    event: dict[str, Any]
    text: str

    @property
    def arn(self) -> str:
        return str(self.target["Arn"])

    @property
    def region(self) -> str:
        """Returns the target's region."""
        return region_in(self.arn)

    @property
    def principal(self) -> str:
        return self.rule.principal(self.target)


def region_in(arn: str) -> str:
    """Returns the region in an ARN, or ""."""
    return arn.split(":")[3] if arn.count(":") >= 5 else ""


def service_of(arn: str) -> str:
    """Returns the type of target that an ARN names, or "" if it is not supported."""
    parts = arn.split(":", 5)
    if len(parts) != 6:
        return ""
    if arn == TRAINING:
        return TRAINING_JOB
    service, resource = parts[2], parts[5]
    if service in {"sqs", "sns"}:
        return service if "/" not in resource and ":" not in resource else ""
    for known, start in (
        ("logs", "log-group:"),
        ("events", "api-destination/"),
        ("events", "event-bus/"),
        ("sagemaker", "endpoint/"),
        ("sagemaker", "pipeline/"),
        ("lambda", "function:"),
    ):
        if service == known and resource.startswith(start) and len(resource) > len(start):
            return start[:-1]
    return ""


def send(call: Call, message: TargetMessage) -> None:
    """Sends a message. Raises AwsError, Undeliverable."""
    sender = _SENDERS.get(service_of(message.arn))
    if sender is None:
        raise Undeliverable(f"Sagewright sends nothing to {message.arn}")
    sender(call, message)


def queue_url(arn: str) -> str:
    """Returns the path of a queue, which stands for its full URL."""
    parts = arn.split(":")
    return f"/{parts[4]}/{parts[5]}"


def log_line(call: Call, principal: str, place: tuple[str, str], line: str, region: str = "") -> None:
    """Writes a log line. `place`: group and stream, which are created if missing. Raises AwsError."""
    group, stream = place
    encoded = line.encode()
    if len(encoded) > MOST_LINE:
        line = encoded[:MOST_LINE].decode(errors="ignore")
    event = {"timestamp": now_ms(), "message": line}
    request = {"logGroupName": group, "logStreamName": stream, "logEvents": [event]}
    try:
        call(OperationRequest(principal, "logs", "PutLogEvents", request, region=region))
    except AwsError as error:
        if error.code != "ResourceNotFoundException":
            raise
        for operation, requested in (
            ("CreateLogGroup", {"logGroupName": group}),
            ("CreateLogStream", {"logGroupName": group, "logStreamName": stream}),
        ):
            with suppress(AwsError):  # another client may have created it
                call(OperationRequest(principal, "logs", operation, requested, region=region))
        call(OperationRequest(principal, "logs", "PutLogEvents", request, region=region))


def _to_log(call: Call, message: TargetMessage) -> None:
    group = message.arn.split(":", 6)[6].removesuffix(":*")
    log_line(call, message.principal, (group, message.rule.name), message.text, message.region)


def _to_queue(call: Call, message: TargetMessage) -> None:
    parameters = message.target.get("SqsParameters", {})
    request = {"QueueUrl": queue_url(message.arn), "MessageBody": message.text}
    if group := parameters.get("MessageGroupId"):
        request |= {"MessageGroupId": group, "MessageDeduplicationId": message.event["id"]}
    call(OperationRequest(message.principal, "sqs", "SendMessage", request, region=message.region))


def _to_topic(call: Call, message: TargetMessage) -> None:
    request = {"TopicArn": message.arn, "Message": message.text}
    call(OperationRequest(message.principal, "sns", "Publish", request, region=message.region))


def _to_pipeline(call: Call, message: TargetMessage) -> None:
    """Starts an execution; an event starts only one, however often it is sent."""
    requested = (message.target.get("SageMakerPipelineParameters") or {}).get("PipelineParameterList", [])
    parameters = [
        {"Name": one["Name"], "Value": _parameter(scheduled(one["Value"], message.event), message.event)}
        for one in requested
    ]
    token = hashlib.sha256(f"{message.rule.id}/{message.event['id']}".encode()).hexdigest()
    request = {"PipelineName": message.arn, "PipelineParameters": parameters, "ClientRequestToken": token}
    call(OperationRequest(message.principal, "sagemaker", "StartPipelineExecution", request, region=message.region))


def _to_function(call: Call, message: TargetMessage) -> None:
    request = {"FunctionName": message.arn, "InvocationType": "Event", "Payload": message.text.encode()}
    call(OperationRequest(message.principal, "lambda", "Invoke", request, region=message.region))


def _to_training_job(call: Call, message: TargetMessage) -> None:
    """Starts a training job. Its name contains the event's id, so an event that is sent again starts no second one."""
    try:
        request = read_json(message.text)
    except ValueError:
        raise Undeliverable("the Input is not JSON") from None
    if not isinstance(request, dict):
        raise Undeliverable("the Input is not a JSON object")
    try:
        call(
            OperationRequest(
                message.principal, "sagemaker", "CreateTrainingJob", request, region=message.event.get("region", "")
            )
        )
    except AwsError as error:
        if error.code != "ResourceInUse" or message.event["id"] not in str(request.get("TrainingJobName")):
            raise


def _parameter(value: str, event: dict[str, Any]) -> str:
    """Returns the value at a path into the event, or any other text unchanged. Raises Undeliverable for a path without a value."""
    if not value.startswith("$"):
        return value
    try:
        found = part_of(event, value)
    except BadPath:
        return value
    if found is MISSING:
        raise Undeliverable(f"the event has nothing at {value}")
    return found if isinstance(found, str) else json.dumps(found)


_SENDERS: dict[str, Callable[[Call, TargetMessage], None]] = {
    "log-group": _to_log,
    "sqs": _to_queue,
    "sns": _to_topic,
    "pipeline": _to_pipeline,
    "function": _to_function,
    TRAINING_JOB: _to_training_job,
}
