"""The version that each deploy target's endpoint should serve, and the progress of its deployment."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, delete, or_, select, update

from sagewright.model.clock import now_ms
from sagewright.store.absent import insert_absent
from sagewright.store.database import Database
from sagewright.store.schema.rules import deployments
from sagewright.store.servers import is_dead

LEASE_MS = 30_000


class DeploymentState(StrEnum):
    """The state of a deployment."""

    WAITING = "Waiting"  # not started yet, or to be retried
    DEPLOYING = "Deploying"  # the endpoint is being created or updated
    DEPLOYED = "Deployed"  # the endpoint serves the version
    FAILED = "Failed"  # it could not; `message` says why


OPEN = frozenset({DeploymentState.WAITING, DeploymentState.DEPLOYING})


@dataclass(frozen=True)
class Deployment:
    """See the table for the columns."""

    target: str
    package: str
    asked_ms: int
    asked_by: str
    status: str
    message: str = ""
    deployed: str = ""
    updated: str = ""
    due_ms: int = 0
    attempts: int = 0


_COLUMNS = [deployments.c[name] for name in Deployment.__dataclass_fields__]


def find(store: Database, target: str) -> Deployment | None:
    with store.read() as connection:
        row = connection.execute(select(*_COLUMNS).where(deployments.c.target == target)).first()
    return Deployment(*row) if row else None


def want_in(connection: Connection, target: str, package: str, asked_by: str) -> None:
    """Sets the version that the endpoint should serve. A version that failed is tried again."""
    now = now_ms()
    values = {
        "package": package, "asked_ms": now, "asked_by": asked_by, "status": DeploymentState.WAITING.value, "message": "",
        "due_ms": now, "attempts": 0, "updated": "", "owner": None,
    }  # fmt: skip
    changed = update(deployments).where(deployments.c.target == target).values(**values)
    while connection.execute(changed.returning(deployments.c.target)).first() is None:
        if insert_absent(connection, deployments, {"target": target, **values}):
            return


def open_ones(store: Database, limit: int = 1000) -> list[str]:
    """Returns the targets whose deployment is due."""
    due = (
        select(deployments.c.target)
        .where(deployments.c.status.in_(OPEN), deployments.c.due_ms <= now_ms())
        .limit(limit)
    )
    with store.read() as connection:
        return list(connection.execute(due).scalars())


def take(store: Database, target: str, owner: str) -> Deployment | None:
    """Claims the deployment for `owner`, for LEASE_MS, if it is open and no other server has claimed it."""
    now = now_ms()
    over = or_(deployments.c.until_ms < now, is_dead(deployments.c.owner))
    free = or_(deployments.c.owner.is_(None), deployments.c.owner == owner, over)
    held = (
        update(deployments)
        .where(deployments.c.target == target, deployments.c.status.in_(OPEN), deployments.c.due_ms <= now, free)
        .values(owner=owner, until_ms=now + LEASE_MS)
        .returning(*_COLUMNS)
    )
    with store.write() as connection:
        row = connection.execute(held).first()
    return Deployment(*row) if row else None


def note(store: Database, deployment: Deployment, **changes: Any) -> bool:
    """Stores the progress of a deployment; returns False if another version has been requested since."""
    same = (deployments.c.target == deployment.target, deployments.c.asked_ms == deployment.asked_ms,
            deployments.c.package == deployment.package)  # fmt: skip
    changed = update(deployments).where(*same).values(owner=None, **changes).returning(deployments.c.target)
    with store.write() as connection:
        return connection.execute(changed).first() is not None


def forget_in(connection: Connection, subject: str) -> None:
    """Deletes the deployments of a deleted rule, by its id, or of one of its deleted targets. The endpoint is left unchanged."""
    connection.execute(
        delete(deployments).where(
            or_(deployments.c.target == subject, deployments.c.target.startswith(f"{subject}/", autoescape=True))
        )
    )
