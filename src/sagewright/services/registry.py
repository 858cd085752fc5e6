"""The registry of served operations; coverage, routing and docs are derived from it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sagewright.services.context import Context

Operation = Callable[["Context", dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class ServedOperation:
    """A served operation. `quick`: reads a few rows by key and makes at most one short transaction, so it needs no separate thread.

    `absent`: its resources can't be created here, and it responds as AWS does in an account without any.
    """

    service: str
    name: str
    call: Operation
    quick: bool = False
    absent: bool = False


_entries: dict[tuple[str, str], ServedOperation] = {}


def operation(service: str, name: str, quick: bool = False) -> Callable[[Operation], Operation]:
    """Registers a function as the operation `name` of the botocore service `service`."""

    def register(function: Operation) -> Operation:
        key = (service, name)
        if key in _entries:
            raise RuntimeError(f"{service}:{name} is registered twice")
        _entries[key] = ServedOperation(service, name, function, quick)
        return function

    return register


Rights = Sequence[tuple[str, str]]
RightsOf = Callable[["Context", str, Mapping[str, Any]], "Rights | None"]
_rights: dict[str, RightsOf] = {}


def rights_of(service: str) -> Callable[[RightsOf], RightsOf]:
    """Registers a function that returns the rights which a request needs, pairs of an action and an ARN, where the members of the
    request don't name the resources that it uses; None where they do. It changes nothing, and raises nothing."""

    def register(function: RightsOf) -> RightsOf:
        _rights[service] = function
        return function

    return register


def names_rights(service: str) -> bool:
    """Returns True if a service itself names the rights that its requests need."""
    return service in _rights


def needed_rights(context: Context, service: str, name: str, request: Mapping[str, Any]) -> Rights | None:
    """Returns the rights that the service itself names for a request, None to read them from its members."""
    found = _rights.get(service)
    return None if found is None else found(context, name, request)


@dataclass(frozen=True)
class AttachedPolicy:
    """The policy of a resource, as JSON. `governs`: True if policies of identities count only where it names the caller or its
    account, as a KMS key's does."""

    text: str
    governs: bool = False


@dataclass(frozen=True)
class NamedResource:
    """The parts of an ARN after its service; `resource` is the last, such as `function:name:version`."""

    region: str
    account: str
    resource: str


PolicyOf = Callable[["Context", NamedResource], AttachedPolicy | None]
_policies: dict[str, tuple[PolicyOf, tuple[str, ...]]] = {}


def policy_of(service: str, *types: str) -> Callable[[PolicyOf], PolicyOf]:
    """Registers a function that returns the policy of a service's resource, None for one that has none or doesn't exist. It raises
    nothing: a client can send any ARN. `types`: first words of the resources that can have one, before a slash; without it, all."""

    def register(function: PolicyOf) -> PolicyOf:
        _policies[service] = function, types
        return function

    return register


def attached_policy(context: Context, arn: str) -> AttachedPolicy | None:
    """Returns the policy that a resource itself has. Buckets are not asked for: S3 decides with its own policies."""
    found = _attachable(arn)
    return None if found is None else found[0](context, found[1])


def may_have_policy(arn: str) -> bool:
    """Returns True if a resource of this name can have a policy itself."""
    return _attachable(arn) is not None


def _attachable(arn: str) -> tuple[PolicyOf, NamedResource] | None:
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn" or parts[2] not in _policies:
        return None
    found, types = _policies[parts[2]]
    if types and parts[5].partition("/")[0] not in types:
        return None
    return found, NamedResource(*parts[3:])


_absent: dict[tuple[str, str], ServedOperation] = {}


def absent(service: str, name: str, call: Operation) -> None:
    """Registers the response of an operation on resources that can't be created here; a served operation takes precedence."""
    _absent[service, name] = ServedOperation(service, name, call, absent=True)


def load() -> dict[tuple[str, str], ServedOperation]:
    """Imports every operations module once and returns all entries by (service, operation)."""
    _import_all()
    return _absent | _entries


@cache
def _import_all() -> None:
    """Runs once: to find the modules takes as long as to import some."""
    package = importlib.import_module("sagewright.services")
    for module in pkgutil.walk_packages(package.__path__, "sagewright.services."):
        importlib.import_module(module.name)
