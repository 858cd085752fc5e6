"""Event buses: the default bus, which always exists, and custom ones.

Source: AWS's API reference, Amazon EventBridge; its answers as localstack/localstack recorded them on AWS
(`test_events.snapshot.json`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sagewright.engine.events.rules import BUS, KIND, bus_arn
from sagewright.model.clock import to_datetime
from sagewright.model.errors import AwsError, NotImplementedYet, ValidationException
from sagewright.services import paging
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.listing import PageRequest
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New, Resource, ResourceNameTaken

BUSES = "event-bus"
POLICY = "Policy"
MOST_BUSES = 100
MOST_LISTED = 100
_TOLD = ("Description", "KmsKeyIdentifier", "DeadLetterConfig")
_NAME = re.compile(r"[.\-_A-Za-z0-9]+")


def bus_of(context: Context, name_or_arn: str | None) -> str:
    """Returns the name of an existing bus. Raises ResourceNotFoundException."""
    name = name_in(context, name_or_arn)
    if name is None or (name != BUS and find(context, name) is None):
        raise missing(str(name_or_arn).rpartition("/")[2])
    return name


def name_in(context: Context, name_or_arn: str | None) -> str | None:
    """Returns the bus name of a name or an ARN; None for an ARN of another account or region."""
    text = name_or_arn or BUS
    name = text.rpartition("/")[2]
    return name if text in {name, bus_arn(context.region, context.account, name)} else None


def missing(name: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Event bus {name} does not exist.")


def find(context: Context, name: str) -> Resource | None:
    return resources.find(context.store, _scope(context), name)


def change(context: Context, name: str, how: Callable[[Mapping[str, Any]], dict[str, Any]]) -> None:
    """Updates a bus's document atomically with the members that `how` returns; None removes a member. Creates the default bus's row
    if needed."""
    found = find(context, name)
    if found is None:
        how({})  # raises before anything is created
        found = _made(context, New(name, {}, "", {}, principal=context.principal.arn))
    with context.store.write() as connection:
        now = resources.locked_in(connection, found.id)
        if now is None:
            raise missing(name)
        document = {key: value for key, value in (now.document | how(now.document)).items() if value is not None}
        resources.change_in(connection, replace(now, document=document), context.principal.arn)


@operation("events", "CreateEventBus")
def create_event_bus(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    name = request["Name"]
    if request.get("EventSourceName"):
        raise NotImplementedYet("events", "CreateEventBus with EventSourceName")
    if "/" in name or _NAME.fullmatch(name) is None:
        raise ValidationException(f"Event bus name {name} is not valid: it is not one of a partner's event source.")
    if name == BUS:
        raise _taken(name)
    if len(_all(context)) >= MOST_BUSES:
        raise AwsError("LimitExceededException", "The requested resource exceeds the maximum number allowed.")
    arn = bus_arn(context.region, context.account, name)
    pairs = {pair["Key"]: pair["Value"] for pair in request.get("Tags") or ()}
    document = {member: request[member] for member in _TOLD if member in request}
    _made(context, New(name, document, arn, pairs, principal=context.principal.arn))
    return {"EventBusArn": arn, **document}


@operation("events", "UpdateEventBus")
def update_event_bus(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    name = bus_of(context, request.get("Name"))
    given = {member: request[member] for member in _TOLD if member in request}
    change(context, name, lambda _document: given)
    return {"Arn": bus_arn(context.region, context.account, name), "Name": name, **given}


@operation("events", "DescribeEventBus", quick=True)
def describe_event_bus(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    name = bus_of(context, request.get("Name"))
    return _described(context, name, find(context, name), _TOLD)


@operation("events", "ListEventBuses", quick=True)
def list_event_buses(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    known = {BUS: find(context, BUS)} | {row.name: row for row in _all(context)}
    names = sorted(name for name in known if name.startswith(request.get("NamePrefix", "")))
    page, token = paging.page_of(
        names, lambda name: [name], paging.decode(request.get("NextToken")), request.get("Limit", MOST_LISTED)
    )
    listed = [_described(context, name, known[name], ("Description",)) for name in page]
    return {"EventBuses": listed, **({"NextToken": token} if token else {})}


@operation("events", "DeleteEventBus")
def delete_event_bus(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Deletes a bus; as on AWS, ignores a missing one."""
    name = name_in(context, request["Name"])
    if name == BUS:
        raise ValidationException(f"Cannot delete event bus {name}.")
    found = find(context, name) if name else None
    if name is None or found is None:
        return {}
    rules = PageRequest(sort_by="name", descending=False, limit=100_000)
    scope = ResourceScope(KIND, context.account, context.region)
    if any(rule.name.startswith(f"{name}/") for rule in resources.page(context.store, scope, rules)):
        raise ValidationException(f"Cannot delete event bus {name}: it has rules.")
    resources.remove(context.store, found, bus_arn(context.region, context.account, name), context.principal.arn)
    return {}


def _made(context: Context, new: New) -> Resource:
    """Raises ResourceAlreadyExistsException."""
    try:
        return resources.create(context.store, _scope(context), new)
    except ResourceNameTaken:
        raise _taken(new.name) from None


def _taken(name: str) -> AwsError:
    return AwsError("ResourceAlreadyExistsException", f"Event bus {name} already exists.")


def _described(context: Context, name: str, found: Resource | None, members: tuple[str, ...]) -> dict[str, Any]:
    described: dict[str, Any] = {"Name": name, "Arn": bus_arn(context.region, context.account, name)}
    if found is None:
        return described
    described |= {member: found.document[member] for member in (*members, POLICY) if member in found.document}
    return described | {
        "CreationTime": to_datetime(found.created_ms),
        "LastModifiedTime": to_datetime(found.modified_ms),
    }


def _all(context: Context) -> list[Resource]:
    page = PageRequest(sort_by="name", descending=False, limit=2 * MOST_BUSES)
    return resources.page(context.store, _scope(context), page)


def _scope(context: Context) -> ResourceScope:
    return ResourceScope(BUSES, context.account, context.region)
