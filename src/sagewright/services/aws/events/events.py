"""Events that users put, and pattern tests: PutEvents, TestEventPattern."""

from __future__ import annotations

import uuid
from typing import Any

from sagewright.engine.events.detail_types import event_head
from sagewright.engine.events.patterns import read_pattern
from sagewright.engine.events.router import TARGET
from sagewright.engine.events.rules import EventRule, enabled
from sagewright.model.budgets import Budget, OverBudget, size_of
from sagewright.model.clock import now_ms, to_ms
from sagewright.model.documents import read_json
from sagewright.model.errors import AwsError, ValidationException
from sagewright.services.aws.events.buses import name_in
from sagewright.services.aws.events.rules import check_pattern
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.messages import deliveries

MOST_BYTES = 256 * 1024
MOST_SENT = 64 << 20
"""Maximum size of one request's events in bytes, counted for each target that they are queued for."""
NEEDED = ("id", "account", "source", "time", "region", "detail-type")


@operation("events", "PutEvents")
def put_events(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Accepts events; as on AWS, an event for a missing bus is accepted and matches no rule."""
    size = sum(len(str(value).encode()) for entry in request["Entries"] for value in entry.values())
    if size > MOST_BYTES:
        raise ValidationException("Total size of the entries in the request is over the limit.")
    scope, by_bus = (context.account, context.region), dict[str | None, list[EventRule]]()
    answers: list[dict[str, str]] = []
    requested: list[deliveries.Wanted] = []
    budget = Budget("The data that the request sends to all targets", MOST_SENT)
    for entry in request["Entries"]:
        try:
            event = _event(context, entry)
        except AwsError as error:
            answers.append({"ErrorCode": error.code, "ErrorMessage": error.message})
            continue
        bus = name_in(context, entry.get("EventBusName"))
        if bus not in by_bus:
            by_bus[bus] = enabled(context.store, scope, bus) if bus else []
        found = [one for rule in by_bus[bus] if rule.is_for(event) for one in rule.requested(event)]
        try:
            budget.spend(len(found) * size_of(event, MOST_BYTES))
        except OverBudget as error:
            answers.append({"ErrorCode": "LimitExceededException", "ErrorMessage": f"{error}."})
            continue
        answers.append({"EventId": event["id"]})
        requested += found
    if requested:
        deliveries.queue(context.store, requested)
        for target in dict.fromkeys(target for target, _ in requested):
            context.engine.wake(TARGET, target)
    return {"FailedEntryCount": sum("ErrorCode" in one for one in answers), "Entries": answers}


def _event(context: Context, entry: dict[str, Any]) -> dict[str, Any]:
    """Raises AwsError for an invalid entry."""
    for member in ("Source", "DetailType", "Detail"):
        if not entry.get(member):
            raise AwsError(
                "InvalidArgument", f"Parameter {member} is not valid. Reason: {member} is a required argument."
            )
    if entry["Source"].startswith("aws."):
        raise AwsError("NotAuthorizedForSource", "Not authorized for the source.")
    try:
        detail = read_json(entry["Detail"])
    except ValueError:
        detail = None
    if not isinstance(detail, dict):
        raise AwsError("MalformedDetail", "Detail is malformed.")
    at_ms = to_ms(entry["Time"]) if "Time" in entry else now_ms()
    head = event_head(str(uuid.uuid4()), entry["Source"], entry["DetailType"], at_ms, (context.account, context.region))
    return {**head, "resources": entry.get("Resources", []), "detail": detail}


@operation("events", "TestEventPattern")
def test_event_pattern(_context: Context, request: dict[str, Any]) -> dict[str, Any]:
    check_pattern(request["EventPattern"])
    try:
        event = read_json(request["Event"])
    except ValueError:
        event = None
    if not isinstance(event, dict):
        raise ValidationException("Parameter Event is not valid.")
    if any(member not in event for member in NEEDED):
        raise ValidationException("Parameter Event is not valid.")
    return {"Result": read_pattern(request["EventPattern"]).matches(event)}
