"""Object notifications, sent to the targets of a bucket's configuration: a queue, a topic, a function, or EventBridge's rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from sagewright.engine.calls import Call, OperationRequest
from sagewright.engine.events.rules import enabled
from sagewright.engine.events.targets import queue_url, region_in, service_of
from sagewright.model.aws.arns import ROLE_NAME, role_arn
from sagewright.objects.notices import BRIDGE
from sagewright.store.database import Database
from sagewright.store.messages import deliveries
from sagewright.store.messages.deliveries import Delivery

TOPIC_SUBJECT = "Amazon S3 Notification"


def send(call: Call, event: dict[str, Any]) -> None:
    """Sends an event to a queue, a topic or a function. Raises AwsError."""
    arn, text = str(event["arn"]), orjson.dumps(event["message"]).decode()
    principal, region = role_arn(arn.split(":")[4], ROLE_NAME), region_in(arn)
    match service_of(arn):
        case "sqs":
            call(
                OperationRequest(
                    principal,
                    "sqs",
                    "SendMessage",
                    {"QueueUrl": queue_url(arn), "MessageBody": text},
                    region=region,
                    by_service=True,
                )
            )
        case "sns":
            request = {"TopicArn": arn, "Message": text, "Subject": TOPIC_SUBJECT}
            call(OperationRequest(principal, "sns", "Publish", request, region=region, by_service=True))
        case _:
            invocation = {"FunctionName": arn, "InvocationType": "Event", "Payload": text.encode()}
            call(OperationRequest(principal, "lambda", "Invoke", invocation, region=region, by_service=True))


def is_for_rules(delivery: Delivery) -> bool:
    return delivery.target.endswith(f"/{BRIDGE}")


def hand_to_rules(store: Database, delivery: Delivery, wake: Callable[[str], None]) -> None:
    """Queues the event for each rule that matches it and existed when it happened, in the transaction that ends the delivery."""
    event = delivery.event["event"]
    rules = enabled(store, (event["account"], delivery.event["region"]))
    requested = [
        one
        for rule in rules
        if rule.resource.created_ms <= delivery.at_ms and rule.is_for(event)
        for one in rule.requested(event)
    ]
    with store.write() as connection:
        deliveries.queue_in(connection, requested)
        deliveries.done_in(connection, delivery)
    for target in dict.fromkeys(target for target, _ in requested):
        wake(target)
