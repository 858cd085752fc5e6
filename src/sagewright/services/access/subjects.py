"""The action and the ARNs of the resources of a request.

Actions and the types of their resources come from `policies.reference`; the variables of a type's ARN are filled from
the request's members, by their names. A request that names none of its action's resources is about `*`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sagewright.policies.reference import Action, ArnTemplate, actions_of

PREFIXES = {
    "sagemaker-runtime": "sagemaker",
    "sagemaker-metrics": "sagemaker",
    "resourcegroupstaggingapi": "tag",
    "service-quotas": "servicequotas",
}
"""Prefixes of actions that differ from the service's name."""
_ACTIONS = {
    ("lambda", "Invoke"): "InvokeFunction",
    ("kms", "ReEncrypt"): "ReEncryptFrom",
    ("sns", "PublishBatch"): "Publish",
    ("sqs", "SendMessageBatch"): "SendMessage",
    ("sqs", "DeleteMessageBatch"): "DeleteMessage",
    ("sqs", "ChangeMessageVisibilityBatch"): "ChangeMessageVisibility",
    ("sagemaker", "ListModelPackageVersions"): "ListModelPackages",
    ("sagemaker-runtime", "InvokeEndpointWithResponseStream"): "InvokeEndpoint",
}
"""Actions whose name differs from their operation's. Source: the service authorization reference."""
_ARNS = ("ResourceArn", "ResourceARN", "resourceArn", "Resource")
"""Members that name the resource of an operation on tags."""
_SEVERAL = {
    "AddAssociation": ("SourceArn", "DestinationArn"),
    "BatchDescribeModelPackage": ("ModelPackageArnList",),
    "DeleteAssociation": ("SourceArn", "DestinationArn"),
    "ListMessageMoveTasks": ("SourceArn",),
    "StartMessageMoveTask": ("SourceArn", "DestinationArn"),
}
"""Members that name resources of any type, by operation."""
_MEMBERS = {
    "AutoMLJobJobName": ("AutoMLJobName",),
    "ClusterId": ("ClusterName",),
    "DataQualityJobDefinitionName": ("JobDefinitionName",),
    "ModelBiasJobDefinitionName": ("JobDefinitionName",),
    "ModelQualityJobDefinitionName": ("JobDefinitionName",),
    "ModelExplainabilityJobDefinitionName": ("JobDefinitionName",),
    "InferenceRecommendationsJobName": ("JobName",),
    "MlflowTrackingServerName": ("TrackingServerName",),
    "Version": ("Version", "VersionNumber"),
    "ModelPackageName": ("ModelPackageName", "ModelPackageArn"),
    "ModelPackageGroupName": ("ModelPackageGroupName", "ModelPackageName"),
    "InferenceExperimentName": ("Name",),
    "DashboardName": ("DashboardName", "DashboardNames"),
    "LogStreamName": ("logStreamName",),
    "HashOfArtifactSource": ("ArtifactArn",),
    "FunctionName": ("FunctionName",),
    "QueueName": ("QueueUrl", "QueueName"),
    "TopicName": ("TopicArn", "TargetArn", "Name"),
    "KeyId": ("KeyId",),
    "Alias": ("AliasName",),
    "LogGroupName": ("logGroupName", "logGroupIdentifier"),
    "RepositoryName": ("repositoryName", "repositoryNames"),
    "RuleName": ("Name", "Rule"),
    "EventBusName": ("EventBusName",),
    "ApiDestinationName": ("Name",),
    "ConnectionName": ("Name",),
    "ArchiveName": ("ArchiveName",),
    "ReplayName": ("ReplayName",),
    "AlarmName": ("AlarmName", "AlarmNames"),
    "ScheduleName": ("Name",),
    "GroupName": ("GroupName", "Name", "Group"),
    "UserNameWithPath": ("UserName", "PolicySourceArn"),
    "RoleNameWithPath": ("RoleName", "RoleArn", "PolicySourceArn"),
    "GroupNameWithPath": ("GroupName", "PolicySourceArn"),
    "PolicyNameWithPath": ("PolicyArn", "PolicyName"),
    "UserName": ("UserName",),
}
"""Members that fill a variable of an ARN under another name."""
_MEMBERS_OF_KIND = {("schedule", "GroupName"): ("GroupName",), ("group", "GroupName"): ("Group", "GroupName", "Name")}
"""Members that fill a variable of one type alone, in the order in which its operations read them."""
_DEFAULTS = {"GroupName": "default", "Version": "*"}
_SUFFIXES = {"log-group": ":log-stream:"}
"""ARN suffixes that the service's messages and policies use and the reference lacks."""
_BUSES = {"rule-on-default-event-bus": True, "rule-on-custom-event-bus": False}
"""Types of rules, by whether they belong to the default bus."""
_FEW, _SHORT = 2, 256
"""Members, and their characters, of the requests that are remembered."""
_ROLE = re.compile(r"arn:[^:]+:iam::\d{12}:role/.+")


@dataclass(frozen=True)
class Scope:
    account: str
    region: str


@dataclass(frozen=True)
class Asked:
    """`action`: `prefix:Name`; `needs`: further actions of the table; `resources`: ARNs, or `*` alone; `changes`: it does more than
    read; `vague`: its action is about resources, and it names none; `rights`: actions and ARNs to ask about instead of these."""

    action: str
    resources: tuple[str, ...]
    needs: frozenset[str] = frozenset()
    changes: bool = True
    vague: bool = False
    rights: tuple[tuple[str, str], ...] = ()

    @property
    def service(self) -> str:
        return self.action.partition(":")[0]


def is_small(request: Mapping[str, Any]) -> bool:
    """Returns True for a request that only names a resource, such as one that is repeated until a job ends."""
    return len(request) <= _FEW and all(type(one) is str and len(one) <= _SHORT for one in request.values())


def read_request(service: str, operation: str, request: Mapping[str, Any], scope: Scope) -> Asked:
    """Returns the action and the resources of a request."""
    if is_small(request):
        return _read_small(service, operation, tuple(request.items()), scope)
    return _read(service, operation, request, scope)


@lru_cache(4096)
def _read_small(service: str, operation: str, request: tuple[tuple[str, str], ...], scope: Scope) -> Asked:
    return _read(service, operation, dict(request), scope)


def _read(service: str, operation: str, request: Mapping[str, Any], scope: Scope) -> Asked:
    prefix = PREFIXES.get(service, service)
    name = _ACTIONS.get((service, operation), operation)
    action = actions_of(prefix).get(name)
    if action is None:
        return Asked(f"{prefix}:{name}", ("*",))
    found = tuple(dict.fromkeys(_resources(action, operation, request, scope)))
    vague = not found and bool(action.resources)
    return Asked(f"{prefix}:{name}", found or ("*",), action.needs, action.level not in ("List", "Read"), vague)


def _resources(action: Action, operation: str, request: Mapping[str, Any], scope: Scope) -> Iterator[str]:
    given = next((request[name] for name in _ARNS if name in request), None)
    if isinstance(given, str) and given.startswith("arn:") and (action.level == "Tagging" or "Tags" in operation):
        yield given
        return
    if operation in _SEVERAL:
        for name in _SEVERAL[operation]:
            value = request.get(name) or ()
            yield from map(str, value) if isinstance(value, list | tuple) else [str(value)]
        return
    on_default = _name_in("EventBusName", str(request.get("EventBusName") or "default")) == "default"
    for template in action.resources:
        if _BUSES.get(template.kind, on_default) == on_default:
            yield from _filled(template, request, scope)


def _filled(template: ArnTemplate, request: Mapping[str, Any], scope: Scope) -> Iterator[str]:
    """Yields the ARNs of one type that a request names: a member may be an ARN itself, or a list of names."""
    whole = request.get(_member_of_kind(template.kind))
    if isinstance(whole, str) and whole.startswith("arn:"):
        yield whole
        return
    values = {"Partition": "aws", "Region": scope.region, "Account": scope.account}
    listed: list[str] | None = None
    for variable in template.variables:
        found = _member(template.kind, variable, request)
        if found is None:
            return
        if isinstance(found, list):
            listed = [str(one) for one in found]
            found = listed[0] if listed else ""
        text = _name_in(variable, str(found))
        if text.startswith("arn:"):
            if _of_kind(template, text):
                yield text
            return
        values[variable] = text
    for name in listed or [""]:
        filled = template.filled(values | ({template.variables[-1]: name} if listed else {}))
        yield filled + _SUFFIXES.get(template.kind, "")


@lru_cache(1024)
def _member_of_kind(kind: str) -> str:
    """Returns the member that names a resource of the type by its ARN: PipelineExecutionArn for pipeline-execution."""
    return "".join(part.capitalize() for part in re.split(r"[ -]", kind)) + "Arn"


@lru_cache(4096)
def _names_of(kind: str, variable: str) -> tuple[str, ...]:
    """Returns the members that may fill a variable, in order."""
    stem = variable.removesuffix("Name").removesuffix("Id")
    usual = (variable, *_MEMBERS.get(variable, ()), f"{stem}Name", f"{stem}Arn", f"{stem}Id")
    return _MEMBERS_OF_KIND.get((kind, variable), usual)


def _member(kind: str, variable: str, request: Mapping[str, Any]) -> Any:
    for name in _names_of(kind, variable):
        if (value := request.get(name)) not in (None, ""):
            return value
    return _DEFAULTS.get(variable)


def _name_in(variable: str, text: str) -> str:
    """Returns the part of a value that stands in an ARN, for members that take a name in several forms: a queue's URL and a bus's
    ARN end with it; CloudWatch Logs and Lambda read it out of ARNs, and every function's version is $LATEST."""
    if variable in ("QueueName", "EventBusName"):
        return text.rpartition("/")[2]
    if variable == "LogGroupName":
        return text.rpartition(":log-group:")[2].removesuffix(":*")
    if variable == "FunctionName":
        name = text.removesuffix(":$LATEST")
        return name if name.startswith("arn:") else name.rpartition("function:")[2]
    return text


def _of_kind(template: ArnTemplate, arn: str) -> bool:
    """Returns True if an ARN is of the type: its service and the words before the first variable match."""
    return _pattern(template.template).match(arn) is not None


@lru_cache(1024)
def _pattern(template: str) -> re.Pattern[str]:
    head, _, rest = template.partition("${Account}")
    service = head.split(":")[2]
    words = re.escape(rest.partition("${")[0])
    return re.compile(rf"arn:[^:]+:{re.escape(service)}:[^:]*:[^:]*{words}")


def roles_in(value: Any, member: str = "") -> list[str]:
    """Returns the ARNs of roles that a request hands to a service: in members named Role, RoleArn or …RoleArn."""
    found: list[str] = []
    _collect_roles(value, member, found)
    return found


def _collect_roles(value: Any, member: str, found: list[str]) -> None:
    if isinstance(value, str):
        if _names_role(member) and _ROLE.fullmatch(value):
            found.append(value)
    elif isinstance(value, dict) or isinstance(value, Mapping):  # noqa: SIM101 - a dict is known faster
        for name, inner in value.items():
            _collect_roles(inner, name, found)
    elif isinstance(value, list | tuple):
        for inner in value:
            _collect_roles(inner, member, found)


def _names_role(member: str) -> bool:
    lower = member.lower()
    return lower.endswith(("role", "rolearn"))


def values_of(value: Any, wanted: Callable[[str], str | None], member: str = "") -> Iterator[tuple[str, str]]:
    """Yields the texts, numbers and truth values of a request whose members `wanted` gives a name, under that name."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from values_of(inner, wanted, name)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from values_of(inner, wanted, member)
    elif (name := wanted(member)) is not None and isinstance(value, str | int | float | bool):
        yield name, str(value).lower() if isinstance(value, bool) else str(value)
