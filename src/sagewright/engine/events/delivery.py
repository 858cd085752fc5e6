"""Delivers events to targets, in order per target, retrying until delivered or until a retry cannot succeed."""

from __future__ import annotations

import logging
from typing import Any

import orjson

from sagewright.engine.calls import OperationRequest
from sagewright.engine.dependencies import Dependencies
from sagewright.engine.events import object_events
from sagewright.engine.events.api_destinations import Hooks
from sagewright.engine.events.deployments import KIND as DEPLOYMENT
from sagewright.engine.events.deployments import accept
from sagewright.engine.events.input_transformers import BadPath, RuleOrigin, input_of
from sagewright.engine.events.router import TARGET
from sagewright.engine.events.rules import EventRule, enabled, target_of
from sagewright.engine.events.targets import (
    TargetMessage,
    Undeliverable,
    log_line,
    queue_url,
    region_in,
    send,
    service_of,
)
from sagewright.model.clock import now_ms
from sagewright.model.errors import AwsError
from sagewright.objects.notices import SUBJECT as OBJECTS
from sagewright.store.messages import deliveries
from sagewright.store.messages.deliveries import Delivery

log = logging.getLogger("sagewright.engine.events")
AT_ONCE = 100
"""Maximum deliveries for one target in one step; then other targets get their turn."""

MOST_ATTEMPTS, MOST_AGE_S = 185, 86_400
FIRST_DELAY_MS, MOST_DELAY_MS = 1000, 300_000
DEAD_LETTERS = "/aws/events/dead-letters"
TEMPORARY = frozenset({"ThrottlingException", "RequestThrottled", "ServiceUnavailable", "InternalFailure"})
"""4xx errors that may pass on a later attempt; any other 4xx is permanent."""


class DeliveryReconciler:
    """See engine.control.Reconciler for the guarantees."""

    kinds: tuple[str, ...] = (TARGET,)

    def __init__(self, dependencies: Dependencies) -> None:
        self._store, self._call = dependencies.store, dependencies.call
        self._owner, self._wake = dependencies.owner, dependencies.wake
        self._hooks = Hooks(dependencies.store, dependencies.settings.hook_networks)

    def active(self) -> list[tuple[str, str]]:
        return [(TARGET, target) for target in deliveries.heads(self._store)]

    def reconcile(self, subject_id: str) -> None:
        for _ in range(AT_ONCE):
            delivery = deliveries.take(self._store, subject_id, self._owner)
            if delivery is None:
                return
            self._deliver(delivery)
        self._wake(TARGET, subject_id)

    def _deliver(self, delivery: Delivery) -> None:
        if delivery.target.startswith(OBJECTS):
            self._notify(delivery)
            return
        found = target_of(self._store, delivery.target)
        if found is None:  # it was removed in the meantime
            deliveries.done(self._store, delivery)
            return
        rule, target = found
        try:
            if service_of(target["Arn"]) == "endpoint":
                self._deploy(delivery, rule, target)
            else:
                self._send(TargetMessage(rule, target, delivery.event, _text(rule, target, delivery)))
                deliveries.done(self._store, delivery)
        except AwsError as error:
            again = error.status >= 500 or error.code in TEMPORARY
            self._failed(delivery, rule, target, (error.code, error.message), again=again)
        except (Undeliverable, BadPath, ValueError) as error:
            again = isinstance(error, Undeliverable) and error.again
            self._failed(delivery, rule, target, ("TARGET_ERROR", str(error)), again=again)

    def _notify(self, delivery: Delivery) -> None:
        """Sends a notification about an object."""
        if object_events.is_for_rules(delivery):
            object_events.hand_to_rules(self._store, delivery, lambda target: self._wake(TARGET, target))
            return
        try:
            object_events.send(self._call, delivery.event)
        except AwsError as error:
            again = error.status >= 500 or error.code in TEMPORARY
            if again and delivery.attempts < MOST_ATTEMPTS and delivery.at_ms > now_ms() - 1000 * MOST_AGE_S:
                deliveries.later(self._store, delivery, min(FIRST_DELAY_MS * 2**delivery.attempts, MOST_DELAY_MS))
                return
            log.warning("giving up a notification for %s: %s", delivery.event["arn"], error.message)
        deliveries.done(self._store, delivery)

    def _send(self, message: TargetMessage) -> None:
        kind = service_of(message.arn)
        if kind == "api-destination":
            self._hooks.send(message)
        elif kind == "event-bus":
            self._put(message)
        else:
            send(self._call, message)

    def _put(self, message: TargetMessage) -> None:
        """Puts the event on another bus. Buses that are targets of that bus's rules get nothing: AWS forwards an event once."""
        _, _, _, region, account, resource = message.arn.split(":", 5)
        rules = enabled(self._store, (account, region), resource.rpartition("/")[2])
        requested = [
            (f"{rule.id}/{target['Id']}", message.event)
            for rule in rules
            if rule.is_for(message.event)
            for target in rule.targets.values()
            if service_of(target["Arn"]) != "event-bus"
        ]
        if requested:
            deliveries.queue(self._store, requested)
        for target, _ in requested:
            self._wake(TARGET, target)

    def _deploy(self, delivery: Delivery, rule: EventRule, target: dict[str, Any]) -> None:
        if not accept(self._store, self._call, rule.principal(target), delivery):
            raise Undeliverable("the event is not of a version of a model package group")
        self._wake(DEPLOYMENT, delivery.target)

    def _failed(
        self, delivery: Delivery, rule: EventRule, target: dict[str, Any], error: tuple[str, str], *, again: bool
    ) -> None:
        limits = target.get("RetryPolicy", {})
        oldest = now_ms() - 1000 * limits.get("MaximumEventAgeInSeconds", MOST_AGE_S)
        spent = delivery.attempts >= limits.get("MaximumRetryAttempts", MOST_ATTEMPTS)
        if again and not spent and delivery.at_ms > oldest:
            delay_ms = min(FIRST_DELAY_MS * 2**delivery.attempts, MOST_DELAY_MS)
            deliveries.later(self._store, delivery, delay_ms)
            return
        condition = "MaximumRetryAttempts" if spent else "MaximumEventAgeInSeconds" if again else "none"
        reason = {
            "RULE_ARN": rule.arn,
            "TARGET_ARN": str(target["Arn"]),
            "ERROR_CODE": error[0],
            "ERROR_MESSAGE": error[1][:1024],
            "EXHAUSTED_RETRY_CONDITION": condition,
            "RETRY_ATTEMPTS": str(delivery.attempts),
        }
        self._bury(delivery, rule, target, reason)
        deliveries.done(self._store, delivery)

    def _bury(self, delivery: Delivery, rule: EventRule, target: dict[str, Any], reason: dict[str, str]) -> None:
        """Sends the event to the target's dead-letter queue, or to a log group if the target has none."""
        log.warning(
            "giving up an event for %s of the rule %s: %s", reason["TARGET_ARN"], rule.name, reason["ERROR_MESSAGE"]
        )
        queue = target.get("DeadLetterConfig", {}).get("Arn")
        principal = rule.principal(target)
        body = orjson.dumps(delivery.event).decode()
        try:
            if queue:
                attributes = {
                    name: {"DataType": "String", "StringValue": value or "-"} for name, value in reason.items()
                }
                requested = {"QueueUrl": queue_url(queue), "MessageBody": body, "MessageAttributes": attributes}
                self._call(OperationRequest(principal, "sqs", "SendMessage", requested, region=region_in(queue)))
            line = orjson.dumps({**reason, "event": delivery.event}).decode()
            log_line(self._call, principal, (DEAD_LETTERS, delivery.target), line, rule.resource.region)
        except AwsError as error:
            log.warning("the dead letter of the rule %s is not kept: %s", rule.name, error.message)


def _text(rule: EventRule, target: dict[str, Any], delivery: Delivery) -> str:
    return input_of(target, delivery.event, RuleOrigin(rule.arn, rule.name))
