"""The policies that apply to a role: its own, those attached to it, and its boundary."""

from __future__ import annotations

import logging
from typing import Any

from sagewright.policies import documents
from sagewright.policies.documents import AccessPolicy, MalformedPolicy
from sagewright.policies.evaluation import Policies
from sagewright.services.aws.iam import boundaries
from sagewright.services.aws.iam.managed import managed_document
from sagewright.services.aws.iam.policies import document_of
from sagewright.services.context import Context
from sagewright.store import identity

OF_AWS = ":aws:policy/"
EVERYTHING = "AdministratorAccess"
log = logging.getLogger("sagewright.services.aws.iam.grants")


def policies_of_role(context: Context, role: dict[str, Any]) -> Policies:
    """Returns a role's policies. A role that was never created may do everything."""
    boundary = boundaries.of_role(context, role["name"]).get("PermissionsBoundary")
    limits = None if boundary is None else _attached(context, [boundary["PermissionsBoundaryArn"]])
    own = tuple(_read(text, name) for name, text in sorted(role["inline"].items()))
    if identity.find_role(context.store, context.account, role["name"]) is None:
        return Policies(_attached(context, [f"arn:aws:iam:{OF_AWS}{EVERYTHING}"]), limits)
    return Policies((*own, *_attached(context, role["attached"])), limits)


def _attached(context: Context, arns: list[str]) -> tuple[AccessPolicy, ...]:
    found = []
    for arn in arns:
        text = managed_document(arn) if OF_AWS in arn else document_of(context, arn)
        if text is None:
            log.warning("the policy %s is not known here: it grants nothing", arn)
            continue
        found.append(_read(text, arn.rpartition("/")[2]))
    return tuple(found)


def _read(text: str, name: str) -> AccessPolicy:
    """Reads a stored policy; one of an earlier version that is malformed grants nothing."""
    try:
        return documents.read(text, name)
    except MalformedPolicy:
        return AccessPolicy(name)
