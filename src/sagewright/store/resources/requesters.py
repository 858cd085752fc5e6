"""Who requested what exists: the caller of the request behind a job or a resource, through everything that the engine creates."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from sagewright.model.quotas import requester_of
from sagewright.store.database import Database
from sagewright.store.schema.events import events
from sagewright.store.schema.resources import resources

_DEEPEST = 4
"""A tuning job of a pipeline's execution is two levels deep."""
_FIRST = (
    select(events.c.principal, resources.c.document)
    .select_from(events.outerjoin(resources, resources.c.id == events.c.subject_id))
    .where(events.c.subject_id == bindparam("subject"))
    .order_by(events.c.seq)
    .limit(1)
)


def requester(store: Database, subject_id: str) -> str:
    """Returns who caused a resource to exist, user/NAME or role/NAME; "" if its row does not say."""
    found = ""
    with store.read() as connection:
        for _ in range(_DEEPEST):
            row = connection.execute(_FIRST, {"subject": subject_id}).first()
            if row is None:
                break
            found = requester_of(row[0]) or found
            owner = (row[1] or {}).get("Owner")
            if not owner:
                break
            subject_id = str(owner["Id"])
    return found
