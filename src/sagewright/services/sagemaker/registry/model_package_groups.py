"""Model package groups: Create, Describe, List, Delete, and the resource policy of one.

Source: AWS's API reference, CreateModelPackageGroup and PutModelPackageGroupPolicy. SDKs look for the error texts.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from sagewright.model.aws.statuses import PackageStatus
from sagewright.model.documents import read_json
from sagewright.model.errors import AwsError, ValidationException
from sagewright.services.context import Context
from sagewright.services.paging import ListSpec
from sagewright.services.registry import AttachedPolicy, NamedResource, operation, policy_of
from sagewright.services.sagemaker.resources.identities import user_context
from sagewright.services.sagemaker.resources.resources import ResourceType
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

NAME = "ModelPackageGroupName"
POLICY = "ResourcePolicy"
HIDDEN = frozenset({POLICY})
"""Members of the document that Describe omits."""


def missing(arn: str) -> AwsError:
    return ValidationException(f"ModelPackageGroup {arn} does not exist.")


GROUPS = ResourceType(
    kind="model-package-group",
    noun="ModelPackageGroup",
    arn_type="model-package-group",
    missing=missing,
    taken=lambda arn: ValidationException(f"Model Package Group already exists: {arn}"),
    listed=ListSpec("ModelPackageGroupSummaryList", {"Name": "name", "CreationTime": "created_ms"}),
    search_record=lambda found: {"ModelPackageGroup": found},
    described=lambda document: {key: value for key, value in document.items() if key not in HIDDEN},
    status_member="ModelPackageGroupStatus",
    also_listed=("ModelPackageGroupDescription", "ManagedConfiguration"),
    not_in_search=frozenset({"ManagedConfiguration"}),
).declared()


@operation("sagemaker", "CreateModelPackageGroup")
def create_model_package_group(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return GROUPS.create(context, request | {"CreatedBy": user_context(context)}, PackageStatus.COMPLETED.value)


@operation("sagemaker", "DescribeModelPackageGroup", quick=True)
def describe_model_package_group(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return GROUPS.describe(context, {NAME: name_of(context, request[NAME])})


@operation("sagemaker", "ListModelPackageGroups")
def list_model_package_groups(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    if request.get("CrossAccountFilterOption") == "CrossAccount":
        return {GROUPS.listed.member: []}  # groups are not shared between accounts
    return GROUPS.list(context, request)


@operation("sagemaker", "DeleteModelPackageGroup")
def delete_model_package_group(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    group = require_group(context, request[NAME])
    with context.store.write() as connection:
        locked_group(context, connection, group)
        if resources.has_children_in(connection, group.id):
            raise AwsError(
                "ConflictException",
                "Model Package Group cannot be deleted because it still contains Model Packages "
                f"({GROUPS.arn(context, group.name)}).",
            )
        resources.remove_in(connection, group, GROUPS.arn(context, group.name), context.principal.arn)
    return {}


@policy_of("sagemaker", "model-package-group", "model-package")
def policy(context: Context, named: NamedResource) -> AttachedPolicy | None:
    """The policy of a group is that of its model packages, too."""
    _, _, name = named.resource.partition("/")
    found = resources.find(
        context.store, ResourceScope(GROUPS.kind, named.account, named.region), name.partition("/")[0]
    )
    text = found.document.get(POLICY) if found else None
    return AttachedPolicy(text) if text else None


@operation("sagemaker", "PutModelPackageGroupPolicy")
def put_model_package_group_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    try:
        valid = isinstance(read_json(request[POLICY]), dict)
    except ValueError:
        valid = False
    if not valid:
        raise ValidationException("Invalid resource policy: ResourcePolicy is not a JSON document.")
    _keep_policy(context, request[NAME], request[POLICY])
    return {"ModelPackageGroupArn": GROUPS.arn(context, request[NAME])}


@operation("sagemaker", "GetModelPackageGroupPolicy")
def get_model_package_group_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    group = _group_of_policy(context, request[NAME])
    if POLICY not in group.document:
        raise _no_policy(context, group)
    return {POLICY: group.document[POLICY]}


@operation("sagemaker", "DeleteModelPackageGroupPolicy")
def delete_model_package_group_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    get_model_package_group_policy(context, request)
    _keep_policy(context, request[NAME], None)
    return {}


def name_of(context: Context, name_or_arn: str) -> str:
    """Returns the name of the group with that name or ARN. Raises `missing` for an ARN of another account or region."""
    name = name_or_arn.rpartition("/")[2]
    if name_or_arn.startswith("arn:") and name_or_arn != GROUPS.arn(context, name):
        raise missing(name_or_arn)
    return name


def find_group(context: Context, name_or_arn: str) -> Resource | None:
    return GROUPS.find(context, name_of(context, name_or_arn))


def require_group(context: Context, name_or_arn: str) -> Resource:
    """Raises `missing`."""
    return GROUPS.require(context, name_of(context, name_or_arn))


def locked_group(context: Context, connection: Connection, group: Resource) -> Resource:
    """Returns the group, locked against changes and deletion until the transaction ends. Raises `missing`."""
    found = resources.locked_in(connection, group.id)
    if found is None:
        raise missing(GROUPS.arn(context, group.name))
    return found


def _keep_policy(context: Context, name: str, policy: str | None) -> None:
    """Stores the policy; None removes it."""
    group = _group_of_policy(context, name)
    with context.store.write() as connection:
        now = locked_group(context, connection, group)
        document = {key: value for key, value in now.document.items() if key != POLICY}
        kept = document if policy is None else document | {POLICY: policy}
        resources.change_in(connection, replace(now, document=kept), context.principal.arn)


def _group_of_policy(context: Context, name: str) -> Resource:
    try:
        return require_group(context, name)
    except ValidationException:
        raise ValidationException(f"Cannot find Model Package Group: {GROUPS.arn(context, name)}.") from None


def _no_policy(context: Context, group: Resource) -> AwsError:
    return ValidationException(f"Cannot find resource policy for: {GROUPS.arn(context, group.name)}.")
