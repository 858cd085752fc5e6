"""Model packages as rows: a version of a group has the group's name and its number, an unversioned package has number 0."""

from __future__ import annotations

import re
from typing import Any

from sagewright.jumpstart.awsmodels import MARKETPLACE, aws_models
from sagewright.model.aws.arns import account_of, sagemaker_arn
from sagewright.model.errors import AwsError, ValidationException
from sagewright.services.context import Context
from sagewright.services.sagemaker.resources.catalogue import ResourceRows
from sagewright.store.database import Database
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

KIND = "model-package"
_VERSION = re.compile(r"(?P<group>[^/]+)/(?P<version>[1-9][0-9]{0,8})")


def scope_of(context: Context) -> ResourceScope:
    return ResourceScope(KIND, context.account, context.region)


def arn_for(context: Context, name: str, version: int) -> str:
    return sagemaker_arn(context.region, context.account, KIND, f"{name}/{version}" if version else name)


def arn_of(package: Resource) -> str:
    name = f"{package.name}/{package.version}" if package.version else package.name
    return sagemaker_arn(package.region, package.account, KIND, name)


def missing(arn: str) -> AwsError:
    sold = aws_models().get(arn.rpartition("/")[2]) if account_of(arn) == MARKETPLACE else None
    if sold is not None:
        return ValidationException(
            f"ModelPackage {arn} does not exist: AWS Marketplace sells this model, and runs it: {sold.url}"
        )
    return ValidationException(f"ModelPackage {arn} does not exist.")


def find(store: Database, scope: ResourceScope, name: str) -> Resource | None:
    """Finds a package by the part of its ARN after the type: `package`, or `group/version`."""
    found = _VERSION.fullmatch(name)
    if found:
        return resources.find(store, scope, found["group"], int(found["version"]))
    return None if "/" in name else resources.find(store, scope, name)


ROWS = ResourceRows("resources", find, resources.several)


def require_package(context: Context, name_or_arn: str) -> Resource:
    """Finds a package by its ARN, or an unversioned package by its name. Raises ValidationException: AWS's form of not found."""
    start = sagemaker_arn(context.region, context.account, KIND, "")
    name = name_or_arn.removeprefix(start)
    found = None if name.startswith("arn:") else find(context.store, scope_of(context), name)
    if found is None:
        raise missing(name_or_arn if name_or_arn.startswith("arn:") else start + name)
    return found


def names_of(package: Resource) -> dict[str, Any]:
    """Returns the members that name a package. As on AWS, a version has no ModelPackageName."""
    if package.version:
        return {"ModelPackageGroupName": package.name, "ModelPackageVersion": package.version}
    return {"ModelPackageName": package.name}
