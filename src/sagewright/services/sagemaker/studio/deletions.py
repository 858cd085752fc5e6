"""Deletions of user profiles and spaces: nothing of theirs may be left, and their homes go with them."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from sagewright.engine.apps.homes import PROFILE, SPACE
from sagewright.kinds.app import APP
from sagewright.model.aws.arns import sagemaker_arn
from sagewright.model.errors import ResourceInUse
from sagewright.model.jobs.state_machines import AppStatus, StudioStatus
from sagewright.services.context import Context
from sagewright.services.sagemaker.studio.domain_members import DomainMember
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

IDLE = frozenset({AppStatus.DELETED, AppStatus.FAILED})
"""Statuses of apps of which nothing runs."""


def delete_owner(context: Context, owner: Resource, members: DomainMember) -> None:
    """Marks a user profile or space as being deleted; the engine removes it with its home. Raises ResourceInUse."""
    arn = members.arn(context, owner.name)
    with context.store.write() as connection:
        current = resources.locked_in(connection, owner.id)
        if current is None:
            raise members.missing(owner.name.rpartition("/")[2])
        _check_unused(connection, current, f"Unable to delete {members.noun} [{arn}] because")
        for app in resources.children_in(connection, owner.id):
            if app.status == AppStatus.FAILED:
                resources.remove_in(connection, app, sagemaker_arn(app.region, app.account, APP, app.name))
        resources.change_in(connection, replace(current, status=str(StudioStatus.DELETING)), context.principal.arn)
    context.engine.wake(owner.kind, owner.id)


def _check_unused(connection: Connection, owner: Resource, unable: str) -> None:
    """Raises ResourceInUse if apps run, or if a user profile owns spaces."""
    if any(app.status not in IDLE for app in resources.children_in(connection, owner.id)):
        raise ResourceInUse(f"{unable} App(s) are associated with it.")
    if owner.kind != PROFILE:
        return
    name = owner.document["UserProfileName"].lower()
    for space in resources.children_in(connection, owner.parent):
        ownership = space.document.get("OwnershipSettings") or {}
        if space.kind == SPACE and ownership.get("OwnerUserProfileName", "").lower() == name:
            raise ResourceInUse(f"{unable} Space(s) are associated with it.")
