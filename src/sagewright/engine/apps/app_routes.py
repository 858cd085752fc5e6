"""Apps and notebook instances as the front reaches them."""

from __future__ import annotations

from typing import Any

from sagewright.model.aws.arns import sagemaker_arn
from sagewright.store.database import Database
from sagewright.store.resources import resources


def routes_of(store: Database, account: str) -> list[dict[str, Any]]:
    """Returns the apps and notebook instances of an account, those without a host too."""
    return [
        {
            "id": one.id,
            "kind": one.kind,
            "app_type": one.document.get("AppType", ""),
            "space": one.document.get("SpaceId", ""),
            "name": one.document.get("SpaceName") or one.name,
            "domain": one.document.get("DomainId", ""),
            "arn": sagemaker_arn(one.region, account, one.kind, one.name),
            "status": one.status,
            "directory": one.document.get("Directory", ""),
        }
        for kind in ("app", "notebook-instance")
        for one in resources.of_kind(store, kind)
        if one.account == account
    ]
