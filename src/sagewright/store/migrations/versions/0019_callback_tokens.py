"""Callback tokens get separate rows: those of waiting steps are added.

Revision ID: 0019
Revises: 0018
"""

from __future__ import annotations

import uuid

import orjson
import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

STEPS = sa.text(
    "SELECT account, region, parent, created_ms, modified_ms, document FROM resources WHERE kind = 'pipeline-step' "
    "AND status IN ('Starting', 'Executing', 'Stopping') AND CAST(document AS TEXT) LIKE '%CallbackToken%'"
)
ADD = (
    "INSERT INTO resources (id, kind, account, region, name, version, parent, status, created_ms, modified_ms, document) "
    "VALUES (:id, 'pipeline-callback', :account, :region, :token, 0, :parent, :status, :created_ms, :modified_ms, :document)"
)


def upgrade() -> None:
    connection = op.get_bind()
    on_postgres = connection.dialect.name == "postgresql"
    add = sa.text(ADD.replace(":document)", "CAST(:document AS JSON))") if on_postgres else ADD)
    for row in connection.execute(STEPS).mappings().all():
        step = row["document"] if isinstance(row["document"], dict) else orjson.loads(row["document"])
        token = (step.get("metadata", {}).get("Callback") or {}).get("CallbackToken")
        if not token:
            continue
        answer = step.get("answer")
        document = {"Step": step["name"]} | ({"Answer": answer} if answer else {})
        values = {name: row[name] for name in ("account", "region", "parent", "created_ms", "modified_ms")}
        status = "answered" if answer else "open"
        added = {"id": uuid.uuid4().hex, "token": token, "status": status, "document": orjson.dumps(document).decode()}
        connection.execute(add, values | added)


def downgrade() -> None:
    op.execute("DELETE FROM resources WHERE kind = 'pipeline-callback'")
