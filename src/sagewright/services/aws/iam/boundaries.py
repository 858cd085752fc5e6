"""Permissions boundaries of roles: stored and returned like all policies.

Source: IAM's API reference; moto's tests that are verified against AWS (`test_iam_response_attributes.py`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sagewright.services.access.kinds import BOUNDARY, USER, scope_of
from sagewright.services.context import Context
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.listing import PageRequest
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New, ResourceNameTaken


def of_role(context: Context, role: str) -> dict[str, Any]:
    """Returns the members that describe a role's boundary; nothing if it has none."""
    found = resources.find(context.store, _scope(context), role)
    if found is None:
        return {}
    described = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": found.document["Arn"]}
    return {"PermissionsBoundary": described}


def set_of_role(context: Context, role: str, arn: str) -> None:
    try:
        resources.create(context.store, _scope(context), New(role, {"Arn": arn}, "", {}))
    except ResourceNameTaken:
        there = resources.find(context.store, _scope(context), role)
        if there is None or not resources.alter(
            context.store, there.id, lambda now: replace(now, document={"Arn": arn})
        ):
            set_of_role(context, role, arn)


def forget_of_role(context: Context, role: str) -> bool:
    """Returns False if there was none."""
    found = resources.find(context.store, _scope(context), role)
    return found is not None and resources.remove(context.store, found, "")


def used(context: Context, arn: str) -> int:
    """Returns the number of roles and users whose boundary is the policy."""
    every = PageRequest(sort_by="name", descending=False, limit=100_000)
    roles = resources.page(context.store, _scope(context), every)
    users = resources.page(context.store, scope_of(USER, context.account), every)
    named = [row.document["Arn"] for row in roles] + [row.document.get("Boundary") for row in users]
    return named.count(arn)


def _scope(context: Context) -> ResourceScope:
    return scope_of(BOUNDARY, context.account)
