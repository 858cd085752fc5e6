"""Rules: Put, Describe, List, Enable, Disable, Delete, and their tags.

Source: AWS's API reference, Amazon EventBridge.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from sagewright.engine.events.patterns import BadPattern, read_pattern
from sagewright.engine.events.rules import (
    BUS,
    DISABLED,
    ENABLED,
    KIND,
    MOST_OF_ALL,
    MOST_RULES,
    TARGETS,
    EventRule,
    kept_name,
    rule_arn,
)
from sagewright.engine.events.schedules import BadScheduleExpression, read_schedule
from sagewright.model.errors import AwsError, ValidationException
from sagewright.services import paging
from sagewright.services.aws.events.buses import bus_of
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.listing import PageRequest
from sagewright.store.messages import deliveries, deployments
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New, Resource

DESCRIBED = ("EventPattern", "ScheduleExpression", "Description", "RoleArn")
MOST_LISTED = 100


def scope_of(context: Context) -> ResourceScope:
    return ResourceScope(KIND, context.account, context.region)


def require_rule(context: Context, name: str, bus: str = BUS) -> EventRule:
    """Raises ResourceNotFoundException."""
    found = resources.find(context.store, scope_of(context), kept_name(bus, name))
    if found is None:
        raise missing(name, bus)
    return EventRule(found)


def missing(name: str, bus: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Rule {name} does not exist on EventBus {bus}.")


def all_rules(context: Context, bus: str) -> list[EventRule]:
    """Returns all rules by name."""
    page = PageRequest(sort_by="name", descending=False, limit=MOST_OF_ALL)
    rules = (EventRule(found) for found in resources.page(context.store, scope_of(context), page))
    return [rule for rule in rules if rule.bus == bus]


def locked(connection: Connection, rule: EventRule) -> Resource:
    """Returns the current rule, locked until the transaction ends. Raises ResourceNotFoundException."""
    found = resources.locked_in(connection, rule.id)
    if found is None:
        raise missing(rule.name, rule.bus)
    return found


@operation("events", "PutRule")
def put_rule(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Creates or replaces a rule. An existing rule keeps its targets and tags."""
    bus = bus_of(context, request.get("EventBusName"))
    _check(request, bus)
    name = kept_name(bus, request["Name"])
    arn = rule_arn(context.region, context.account, name)
    document = {member: request[member] for member in DESCRIBED if request.get(member)}
    status = DISABLED if request.get("State") == DISABLED else ENABLED
    found = resources.find(context.store, scope_of(context), name)
    if found is not None:
        with context.store.write() as connection:
            now = locked(connection, EventRule(found))
            document |= {TARGETS: now.document.get(TARGETS, {})}
            changed = replace(now, document=document, status=status)
            resources.change_in(connection, changed, context.principal.arn)
        return {"RuleArn": arn}
    if len(all_rules(context, bus)) >= MOST_RULES:
        raise AwsError(
            "LimitExceededException", f"The event bus {bus} has {MOST_RULES} rules, which is the most it can have."
        )
    pairs = {pair["Key"]: pair["Value"] for pair in request.get("Tags") or ()}
    new = New(name, document | {TARGETS: {}}, arn, pairs, status=status, principal=context.principal.arn)
    resources.create(context.store, scope_of(context), new)
    return {"RuleArn": arn}


def _check(request: dict[str, Any], bus: str) -> None:
    """Raises ValidationException, InvalidEventPatternException."""
    pattern, schedule = request.get("EventPattern"), request.get("ScheduleExpression")
    if not pattern and not schedule:
        raise ValidationException("Parameter(s) EventPattern or ScheduleExpression must be specified.")
    if pattern:
        check_pattern(pattern)
    if schedule and bus != BUS:
        raise ValidationException("ScheduleExpression is supported only on the default event bus.")
    if schedule:
        try:
            read_schedule(schedule)
        except BadScheduleExpression:
            raise ValidationException("Parameter ScheduleExpression is not valid.") from None


def check_pattern(text: str) -> None:
    """Raises InvalidEventPatternException."""
    try:
        read_pattern(text)
    except BadPattern as error:
        raise AwsError("InvalidEventPatternException", f"Event pattern is not valid. Reason: {error}") from None


@operation("events", "DescribeRule", quick=True)
def describe_rule(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    rule = require_rule(context, request["Name"], bus_of(context, request.get("EventBusName")))
    return _described(rule) | {"CreatedBy": context.account}


@operation("events", "ListRules")
def list_rules(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    page, token = paging.page_of(
        _listed(context, request),
        lambda rule: [rule.name],
        paging.decode(request.get("NextToken")),
        request.get("Limit", MOST_LISTED),
    )
    return {"Rules": [_described(rule) for rule in page], **({"NextToken": token} if token else {})}


def count_rules(context: Context, request: dict[str, Any]) -> int:
    """Returns the number of rules that ListRules lists."""
    return len(_listed(context, request))


def _listed(context: Context, request: dict[str, Any]) -> list[EventRule]:
    prefix, bus = request.get("NamePrefix", ""), bus_of(context, request.get("EventBusName"))
    return [rule for rule in all_rules(context, bus) if rule.name.startswith(prefix)]


@operation("events", "EnableRule")
def enable_rule(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return _set_status(context, request, ENABLED)


@operation("events", "DisableRule")
def disable_rule(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return _set_status(context, request, DISABLED)


@operation("events", "DeleteRule")
def delete_rule(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Deletes a rule; as on AWS, ignores a missing one."""
    name = kept_name(bus_of(context, request.get("EventBusName")), request["Name"])
    found = resources.find(context.store, scope_of(context), name)
    if found is None:
        return {}
    with context.store.write() as connection:
        now = resources.locked_in(connection, found.id)
        if now is None:
            return {}
        if now.document.get(TARGETS):
            raise ValidationException("Rule can't be deleted since it has targets.")
        forget_in(connection, now.id)
        resources.remove_in(connection, now, EventRule(now).arn, context.principal.arn)
    return {}


def forget_in(connection: Connection, rule_id: str) -> None:
    """Deletes the rule's pending deliveries."""
    deliveries.forget_in(connection, rule_id)
    deployments.forget_in(connection, rule_id)


def _set_status(context: Context, request: dict[str, Any], status: str) -> dict[str, Any]:
    rule = require_rule(context, request["Name"], bus_of(context, request.get("EventBusName")))
    with context.store.write() as connection:
        changed = replace(locked(connection, rule), status=status)
        resources.change_in(connection, changed, context.principal.arn)
    return {}


def _described(rule: EventRule) -> dict[str, Any]:
    document = rule.resource.document
    described = {member: document[member] for member in DESCRIBED if member in document}
    return {"Name": rule.name, "Arn": rule.arn, "State": rule.resource.status, "EventBusName": rule.bus, **described}
