"""One of several texts, as one parameter, on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import insert, select

from sagewright.store import events
from sagewright.store.among import among
from sagewright.store.database import Database
from sagewright.store.jobs import job_lists, warmpools
from sagewright.store.prepared import PreparedStatement
from sagewright.store.resources import component_metrics, resources, tags, trials
from sagewright.store.schema.tags import tags as table

STATEMENTS = {
    "jobs": job_lists._JOBS,
    "metrics": job_lists._METRICS,
    "events": events._OF_SEVERAL,
    "warm pools": warmpools._BY_JOBS,
    "resources": resources._SEVERAL,
    "summaries": component_metrics._OF_SEVERAL,
    "tags": tags._OF_ALL,
    "trials": trials._TRIALS,
    "components": trials._COMPONENTS,
    "components of jobs": trials._OF_JOBS,
}


def test_rows_with_one_of_the_texts(database: Database) -> None:
    statement = PreparedStatement(select(table.c.arn).where(among(table.c.arn, "arns")).order_by(table.c.arn))
    arns = ["a", 'quoted "text"', "ü", "{c,d}", "NULL"]
    with database.write() as connection:
        rows = [{"arn": arn, "key": "k", "value": "", "position": 0} for arn in [*arns, "other"]]
        connection.execute(insert(table), rows)
        for some in ([], ["nobody"], ["a"], arns, [*arns, "nobody"], arns[:2] * 400):
            found = [row[0] for row in statement.all(connection, {"arns": some})]
            assert found == sorted(set(some) & set(arns), key=str.encode), some


@pytest.mark.parametrize("name", STATEMENTS)
def test_an_index_finds_them(name: str, tmp_path: Path) -> None:
    store = Database(f"sqlite:///{tmp_path / 's'}")
    with store.read() as connection:
        compiled = STATEMENTS[name]._prepared(connection)
        values = tuple("[]" for _ in compiled.parameters)
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled.text}", values).all()
    store.close()
    assert [row[3] for row in plan if row[3].startswith("SCAN")] == ["SCAN json_each VIRTUAL TABLE INDEX 1:"]
