"""Lists of what belongs to something read its rows by an index, not those of the whole account."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import event

from sagewright.store.database import Database
from sagewright.store.listing import Condition, PageRequest
from sagewright.store.resources import resources, trials

AFTER = (5, "x")


@pytest.mark.parametrize(
    ("conditions", "index"),
    [
        (lambda: [resources.belongs_to("p", "pipeline-step")], "ix_resources_parent (parent=? AND created_ms<?)"),
        (lambda: [resources.belongs_to("p", "pipeline-execution")], "ix_resources_parent (parent=? AND created_ms<?)"),
        (lambda: [resources.is_of("trial"), trials.belongs_to("e")], "ix_resources_parent (parent=? AND created_ms<?)"),
        (lambda: [resources.is_of("trial"), trials.has_component("c")], "sqlite_autoindex_resources_1 (id=?)"),
        (lambda: [resources.is_of("component"), trials.in_trial("t")], "sqlite_autoindex_resources_1 (id=?)"),
        (lambda: [resources.is_of("component"), trials.in_experiment("e")], "sqlite_autoindex_resources_1 (id=?)"),
    ],
)
def test_the_index_of_what_they_belong_to(
    tmp_path: Path, conditions: Callable[[], list[Condition]], index: str
) -> None:
    store = Database(f"sqlite:///{tmp_path}/s")
    requested: list[tuple[str, tuple[object, ...]]] = []

    @event.listens_for(store.engine, "before_cursor_execute")
    def note(_connection: object, _cursor: object, statement: str, values: tuple[object, ...], *_: object) -> None:
        requested.append((statement, values))

    resources.page(store, None, PageRequest(limit=20, after=AFTER), *conditions())
    statement, values = requested[-1]
    with store.read() as connection:
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)]
    assert any(index in line for line in plan), plan
    store.close()
