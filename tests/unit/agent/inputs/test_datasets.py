"""Which tables a query of Athena's may name."""

from __future__ import annotations

import pytest

from sagewright.agent.inputs.datasets import tables_of
from sagewright.model.jobs.brief import Query, QueryEngine


def query(sql: str, database: str = "sales") -> Query:
    return Query(
        title="Input a", place="processing/a", engine=QueryEngine.ATHENA, catalog="AwsDataCatalog", source=database, sql=sql,
        uri="s3://b/o", format="PARQUET", compression="", mode="File", sharded=True, result=".athena/results/0",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ("SELECT * FROM orders", {("sales", "orders")}),
        (
            "select * from Orders o, people.customers c",
            {("sales", "orders"), ("sales", "Orders"), ("people", "customers")},
        ),
        ('SELECT 1 FROM "AwsDataCatalog"."people" . "a-b.c"', {("people", "a-b.c")}),
        ("SELECT 1 FROM (SELECT 2 FROM a) JOIN b ON true", {("sales", "a"), ("sales", "b")}),
        ("SELECT 1 -- FROM hidden\n FROM /* JOIN no */ a", {("sales", "a")}),
        ('SELECT 1 FROM "../../x"', set()),
        ('SELECT 1 FROM "..", "."', set()),
        ("SELECT 1", set()),
    ],
)
def test_tables_of_a_query(sql: str, tables: set[tuple[str, str]]) -> None:
    assert tables_of(query(sql)) == tables


def test_a_database_whose_name_is_no_folder_has_no_tables() -> None:
    assert tables_of(query("SELECT 1 FROM a", "../x")) == set()


def test_a_long_query_is_looked_through_at_once() -> None:
    assert len(tables_of(query("SELECT 1 FROM a" + ", a . " * 600))) < 5
    assert tables_of(query("/*" * 2000 + " FROM a")) is not None
