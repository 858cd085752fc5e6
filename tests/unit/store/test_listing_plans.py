"""Lists of what belongs to something read its rows by an index, not those of the whole account."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import event, insert

from sagewright.store.database import Database
from sagewright.store.jobs import job_lists
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.listing import Bound, Comparison, Condition, PageRequest, TableListing
from sagewright.store.resources import resources, trials
from sagewright.store.schema.jobs import jobs

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
    plan = _plan(tmp_path, lambda store: resources.page(store, None, PageRequest(limit=20, after=AFTER), *conditions()))
    assert any(index in line for line in plan), plan


@pytest.mark.parametrize("after", [None, AFTER])
@pytest.mark.parametrize(("listing", "table"), [(job_lists.LISTING, "jobs"), (resources.LISTING, "resources")])
def test_the_index_of_their_status(
    tmp_path: Path, listing: TableListing, table: str, after: tuple[object, ...] | None
) -> None:
    """A list of what has a rare status, as of the jobs that run, looks at no other row; nothing is left to sort."""
    requested = PageRequest((Bound("status", Comparison.IS, "InProgress"),), limit=20, after=after)
    begin = "" if after is None else " AND created_ms<?"
    assert _plan(tmp_path, lambda store: listing.page(store, ResourceScope("training", "0", "r"), requested)) == [
        f"SEARCH {table} USING INDEX ix_{table}_status (kind=? AND status=? AND account=? AND region=?{begin})"
    ]


def test_the_component_of_a_job_is_found_by_the_job(tmp_path: Path) -> None:
    """Each start of a job looks for its component; the index of kinds would read those of all jobs."""
    store = Database(f"sqlite:///{tmp_path}/s")
    scope = ResourceScope("training", "0", "r")
    plans: list[str] = []
    with store.write() as connection:
        row = {column.key: 0 if column.type.python_type is int else "" for column in jobs.columns}
        connection.execute(insert(jobs), [row | vars(scope) | {"id": f"j{n}", "name": f"n{n}"} for n in range(2)])
        driver = connection.connection.dbapi_connection
        assert driver is not None
        statements: list[str] = []
        driver.set_trace_callback(statements.append)
        assert [one.id for one in trials.newest_jobs_in(connection, scope, 0, 5).missing] == ["j1", "j0"]
        assert [one.id for one in trials.next_jobs_in(connection, scope, (0, "n0"), 5).missing] == ["j1"]
        assert not trials.of_jobs_in(connection, ["j0"])
        driver.set_trace_callback(None)
        for statement in statements:
            plans += [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")]
    assert [plan for plan in plans if "resources" in plan] == [
        "SEARCH resources USING INDEX ix_resources_parent (parent=?)"
    ] * 3
    assert all("(kind=? AND account=? AND region=? AND " in plan for plan in plans if "jobs" in plan), plans
    store.close()


def _plan(directory: Path, read: Callable[[Database], object]) -> list[str]:
    """Returns SQLite's plan of the last statement of `read`."""
    store = Database(f"sqlite:///{directory}/s")
    requested: list[tuple[str, tuple[object, ...]]] = []

    @event.listens_for(store.engine, "before_cursor_execute")
    def note(_connection: object, _cursor: object, statement: str, values: tuple[object, ...], *_: object) -> None:
        requested.append((statement, values))

    read(store)
    statement, values = requested[-1]
    with store.read() as connection:
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)]
    store.close()
    return plan
