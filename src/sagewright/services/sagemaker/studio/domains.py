"""Domains: Create, Describe, List, Update and Delete.

Source: AWS's API reference, CreateDomain. Every account has a domain with the same id from the start, in
which Studio signs in; it can be updated, but not deleted.
"""

from __future__ import annotations

import secrets
import string
from dataclasses import replace
from typing import Any

from sagewright.model.aws.arns import ROLE_NAME, assumed_role_arn, id_of, role_arn, sagemaker_arn
from sagewright.model.clock import to_datetime
from sagewright.model.errors import (
    ResourceInUse,
    ResourceLimitExceeded,
    ResourceNotFound,
    ValidationException,
)
from sagewright.model.jobs.state_machines import StudioStatus
from sagewright.services.context import Context
from sagewright.services.paging import ListSpec
from sagewright.services.registry import operation
from sagewright.services.sagemaker.resources.catalogue import RESOURCES, SearchableKind, declare
from sagewright.services.sagemaker.studio.settings_checks import check_domain_settings
from sagewright.store import identity
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New, Resource, ResourceNameTaken

KIND = "domain"
PROFILE = "default"
NAME = "sagewright"
MOST_DOMAINS = 20
UPDATED = ("DefaultUserSettings", "AppSecurityGroupManagement", "DefaultSpaceSettings", "SubnetIds", "AppNetworkAccessType",
           "TagPropagation", "HomeEfsFileSystemCreation", "VpcId")  # fmt: skip
LISTED = ("DomainArn", "DomainId", "DomainName", "Status", "CreationTime", "LastModifiedTime", "Url")
_LIST = ListSpec("Domains", {"CreationTime": "created_ms"}, filters={})
declare(SearchableKind(KIND, KIND, RESOURCES))


def own_domain_id(account: str, region: str) -> str:
    """Returns the id of the server's own domain in a region, the same at every start."""
    return "d-" + id_of("", f"domain {account} {region}").lower()[:12]


def domain_id(context: Context) -> str:
    return own_domain_id(context.account, context.region)


def default_domain(context: Context) -> Resource:
    """Returns the server's own domain, creating it when it is first read."""
    own = domain_id(context)
    found = _find(context, own)
    if found is not None:
        return found
    document = {
        "DomainName": NAME,
        "AuthMode": "IAM",
        "DefaultUserSettings": {"ExecutionRole": role_arn(context.account, ROLE_NAME)},
        "AppNetworkAccessType": "PublicInternetOnly",
    }
    return _create(context, own, document, {}, _began_ms(context))


def require_domain(context: Context, asked: str) -> Resource:
    """Raises ResourceNotFound."""
    found = default_domain(context) if asked == domain_id(context) else _find(context, asked)
    if found is None:
        raise ResourceNotFound(f"Domain [{asked}] does not exist. This server's own is {domain_id(context)}.")
    return found


@operation("sagemaker", "CreateDomain")
def create_domain(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    if request["AuthMode"] != "IAM":
        raise ValidationException(
            f"AuthMode {request['AuthMode']} is not supported: Sagewright has no IAM Identity Center to sign in with. Use IAM."
        )
    check_domain_settings(context, request)
    default_domain(context)
    there = resources.of_kind(context.store, KIND)
    own = [one for one in there if (one.account, one.region) == (context.account, context.region)]
    if len(own) >= MOST_DOMAINS:
        raise ResourceLimitExceeded(
            f"The account-level service limit 'Number of domains' is {MOST_DOMAINS}, and {len(own)} exist."
        )
    if any(one.document["DomainName"] == request["DomainName"] for one in own):
        raise ResourceInUse(f"Domain with the name {request['DomainName']} already exists.")
    new = "d-" + "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(12))
    document = {name: value for name, value in request.items() if name != "Tags"}
    pairs = {pair["Key"]: pair["Value"] for pair in request.get("Tags") or ()}
    created = _create(context, new, document, pairs, 0)
    return {"DomainArn": _arn(created), "DomainId": new, "Url": _url(context)}


@operation("sagemaker", "ListDomains")
def list_domains(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    default_domain(context)
    return _LIST.answer(
        request,
        lambda page: resources.page(context.store, _scope(context), page),
        lambda rows: ({name: _shape(context, row)[name] for name in LISTED} for row in rows),
    )


@operation("sagemaker", "DescribeDomain")
def describe_domain(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return _shape(context, require_domain(context, request["DomainId"]))


@operation("sagemaker", "UpdateDomain")
def update_domain(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    domain = require_domain(context, request["DomainId"])
    check_domain_settings(context, request)
    changed = {name: request[name] for name in UPDATED if name in request}

    def update(current: Resource) -> Resource:
        document = current.document | changed
        for name in ("DefaultUserSettings", "DefaultSpaceSettings"):
            if name in request:
                document[name] = (current.document.get(name) or {}) | request[name]
        if "DomainSettingsForUpdate" in request:
            document["DomainSettings"] = (document.get("DomainSettings") or {}) | request["DomainSettingsForUpdate"]
        return replace(current, document=document)

    if resources.alter(context.store, domain.id, update) is None:
        raise ResourceNotFound(f"Domain [{domain.name}] does not exist.")
    return {"DomainArn": _arn(domain)}


@operation("sagemaker", "DeleteDomain")
def delete_domain(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    domain = require_domain(context, request["DomainId"])
    if domain.name == domain_id(context):
        raise ResourceInUse(
            f"Domain [{domain.name}] is the server's own, in which Studio signs in; it can't be deleted."
        )
    with context.store.write() as connection:
        left = {one.kind for one in resources.children_in(connection, domain.id)}
        if left:
            nouns = {"space": "Space(s)", "user-profile": "UserProfile(s)"}
            named = " and ".join(sorted(nouns.get(kind, kind) for kind in left))
            raise ResourceInUse(f"Unable to delete Domain [{_arn(domain)}] because {named} are associated with it.")
        resources.remove_in(connection, domain, _arn(domain), context.principal.arn)
    return {}


def _scope(context: Context) -> ResourceScope:
    return ResourceScope(KIND, context.account, context.region)


def _find(context: Context, name: str) -> Resource | None:
    return resources.find(context.store, _scope(context), name)


def _create(context: Context, name: str, document: dict[str, Any], pairs: dict[str, str], created_ms: int) -> Resource:
    arn = sagemaker_arn(context.region, context.account, KIND, name)
    new = New(name, document, arn, pairs, status=StudioStatus.IN_SERVICE, created_ms=created_ms)
    try:
        return resources.create(context.store, _scope(context), new)
    except ResourceNameTaken:  # by another request
        found = _find(context, name)
        assert found is not None  # it can't be deleted
        return found


def _arn(domain: Resource) -> str:
    return sagemaker_arn(domain.region, domain.account, KIND, domain.name)


def _url(context: Context) -> str:
    return f"{context.base_url.rstrip('/')}/studio"


def _shape(context: Context, domain: Resource) -> dict[str, Any]:
    return domain.document | {
        "DomainArn": _arn(domain),
        "DomainId": domain.name,
        "Status": domain.status,
        "CreationTime": to_datetime(domain.created_ms),
        "LastModifiedTime": to_datetime(domain.modified_ms),
        "HomeEfsFileSystemId": "fs-" + domain.name.removeprefix("d-")[:17],
        "Url": _url(context),
    }


def _began_ms(context: Context) -> int:
    """Returns the time of the server's first start, when the admin's key was made."""
    return identity.created_ms(context.store, assumed_role_arn(context.settings.account, ROLE_NAME, "admin"))
