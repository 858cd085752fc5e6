"""Tokens of callback steps: a row for each, from which the answer's sender finds the step, and the engine its answers.

A row is *open* until it is answered, *answered* until the step has consumed the answer, and *closed* then.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.exc import IntegrityError

from sagewright.engine.pipelines.step_records import StepRecord, token_for
from sagewright.model.clock import now_ms
from sagewright.model.members import TypedDocument, member
from sagewright.pipelines.plan import StepStatus
from sagewright.store.database import Database
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

KIND, TYPE = "pipeline-callback", "Callback"
OPEN, ANSWERED, CLOSED = "open", "answered", "closed"


@dataclass(frozen=True, kw_only=True)
class CallbackDocument(TypedDocument):
    """The row of a token. `answer`: None until it is answered."""

    step: str = member("Step")
    answer: dict[str, Any] | None = member("Answer", None)


def waits(record: StepRecord) -> bool:
    return record.type == TYPE and record.live


def open_for(store: Database, execution: Resource, record: StepRecord) -> None:
    """Opens the token of a callback step that is about to begin, so that it can be answered."""
    if record.type != TYPE or record.status != StepStatus.STARTING:
        return
    now = now_ms()
    row = Resource(
        id=uuid.uuid4().hex, kind=KIND, account=execution.account, region=execution.region,
        name=token_for(execution, record.name, record.attempt), version=0, parent=execution.id, status=OPEN,
        created_ms=now, modified_ms=now, document=CallbackDocument(step=record.name).write({}),
    )  # fmt: skip
    try:
        with store.write() as connection:
            resources.put_in(connection, row)
    except IntegrityError:  # of an interrupted pass, or of another server
        if find(store, (execution.account, execution.region), row.name) is None:
            raise


def find(store: Database, scope: tuple[str, str], token: str) -> Resource | None:
    """Returns the row of a token. `scope`: account and region."""
    return resources.find(store, ResourceScope(KIND, *scope), token)


def answer(store: Database, row: Resource, document: Mapping[str, Any]) -> bool:
    """Stores the answer to a token; returns False if it was already answered."""

    def how(current: Resource) -> Resource | None:
        if current.status != OPEN:
            return None
        kept = replace(CallbackDocument.read(current.document), answer=dict(document))
        return replace(current, status=ANSWERED, document=kept.write(current.document))

    return resources.alter(store, row.id, how) is not None


def answers(store: Database, execution: Resource) -> dict[str, dict[str, Any]]:
    """Returns the answers that no step has consumed yet, by step name."""
    waiting = resources.in_status(store, KIND, (ANSWERED,))
    rows = (row for row in resources.several(store, waiting) if row.parent == execution.id)
    found = (CallbackDocument.read(row.document) for row in rows)
    return {one.step: one.answer or {} for one in found}


def close(store: Database, execution: Resource, record: StepRecord) -> None:
    """Closes the token after its step has consumed the answer."""
    row = find(store, (execution.account, execution.region), token_for(execution, record.name, record.attempt))
    if row is not None:
        resources.alter(store, row.id, lambda current: replace(current, status=CLOSED, document={"Step": record.name}))
