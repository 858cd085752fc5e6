"""The addresses of the programs of apps and notebook instances, for the process that serves browsers."""

from __future__ import annotations

from typing import Any

from sagewright.engine.apps.app_documents import AppDocument, AppIdentity
from sagewright.kinds.app import APP, NOTEBOOK
from sagewright.model.aws.arns import sagemaker_arn
from sagewright.model.jobs.state_machines import AppStatus, NotebookInstanceStatus
from sagewright.store.database import Database
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

KINDS = (APP, NOTEBOOK)
"""Kinds of resources whose changes change the routes."""


def routes_of(store: Database, account: str) -> list[dict[str, Any]]:
    """Returns one entry for each app that is not deleted and each notebook instance.

    Members: id, kind, app_type ("" for a notebook instance), space (the space's id, or ""), name (of the space, of the user profile
    or of the notebook instance), domain, region, arn, status, directory (of the host that answers, "" while none does).
    """
    statuses = sorted({*AppStatus, *NotebookInstanceStatus} - {AppStatus.DELETED})
    return [
        _route(one)
        for kind in KINDS
        for one in resources.in_parts(store, resources.in_status(store, kind, statuses))
        if one.account == account
    ]


def _route(one: Resource) -> dict[str, Any]:
    identity = AppIdentity.read(one.document)
    return {
        "id": one.id,
        "kind": one.kind,
        "app_type": identity.app_type,
        "space": identity.space_id,
        "name": identity.owner or one.name,
        "domain": identity.domain,
        "region": one.region,
        "arn": sagemaker_arn(one.region, one.account, one.kind, one.name),
        "status": one.status,
        "directory": AppDocument.read(one.document).directory,
    }
