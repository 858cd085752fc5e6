"""Homes: directories of the data directory that belong to a space, a user profile or a notebook instance, across its starts."""

from __future__ import annotations

from pathlib import Path

from sagewright.engine.jobs.directories import Trash
from sagewright.kinds.app import HOMES
from sagewright.model.aws.arns import sagemaker_arn
from sagewright.model.jobs.state_machines import StudioStatus
from sagewright.store.database import Database
from sagewright.store.resources import resources

SPACE, PROFILE = "space", "user-profile"
"""Kinds of resources with a home, besides notebook instances."""
OWNERS = (SPACE, PROFILE)


def home_of(data: Path, owner_id: str) -> Path:
    return data / HOMES / owner_id


def make_home(data: Path, owner_id: str) -> None:
    """Creates the home, unless it exists. Raises OSError."""
    home_of(data, owner_id).mkdir(parents=True, exist_ok=True, mode=0o700)


def remove_deleted(store: Database, data: Path, trash: Trash, owner_id: str) -> None:
    """Removes a space or user profile that is being deleted, with its home."""
    owner = resources.get(store, owner_id)
    if owner is None or owner.kind not in OWNERS or owner.status != StudioStatus.DELETING:
        return
    trash.throw(home_of(data, owner_id))
    resources.remove(store, owner, sagemaker_arn(owner.region, owner.account, owner.kind, owner.name))
