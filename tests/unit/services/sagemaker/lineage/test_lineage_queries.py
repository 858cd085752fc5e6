"""Walks over lineage: they stop at their limits, and each step is a look through an index."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import text

from sagewright.model.errors import ValidationException
from sagewright.services.context import Context
from sagewright.services.sagemaker.lineage import lineage_queries
from sagewright.services.sagemaker.lineage.lineage_queries import Walk
from sagewright.store.database import Database
from sagewright.store.resources import lineage
from sagewright.store.resources.lineage import AssociationDraft, End

ARN = "arn:aws:sagemaker:us-east-1:000000000000:artifact/"


def end(number: int) -> End:
    return End(str(number), f"{ARN}{number}", "DataSet")


def chained(store: Database, pairs: list[tuple[int, int]]) -> None:
    with store.write() as connection:
        for source, destination in pairs:
            lineage.associate_in(connection, ("0", "us-east-1"), AssociationDraft(end(source), end(destination)))


def walk(store: Database, depth: int = 10) -> Walk:
    return Walk(cast(Context, SimpleNamespace(store=store)), end(0), depth)


def test_a_walk_has_a_limit_of_entities(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    chained(database, [(0, number) for number in range(1, 8)])
    monkeypatch.setattr(lineage_queries, "MOST_ENTITIES", 8)
    whole = walk(database)
    whole.go(forward=True)
    assert len(whole.met) == 8
    monkeypatch.setattr(lineage_queries, "MOST_ENTITIES", 7)
    with pytest.raises(ValidationException, match="more than 7 entities"):
        walk(database).go(forward=True)


def test_a_walk_has_a_limit_of_associations_and_reads_no_more(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    chained(database, [(0, number) for number in range(1, 40)])
    monkeypatch.setattr(lineage_queries, "MOST_ASSOCIATIONS", 10)
    wide = walk(database)
    with pytest.raises(ValidationException, match="more than 10 associations"):
        wide.go(forward=True)
    assert len(wide.associations) == 11


def test_a_walk_has_a_limit_of_time(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    chained(database, [(0, 1)])
    monkeypatch.setattr(lineage_queries, "MOST_S", -1.0)
    with pytest.raises(ValidationException, match="to query"):
        walk(database).go(forward=True)


def test_a_walk_meets_each_entity_once_however_many_ways_lead_to_it(database: Database) -> None:
    layers = [(10 * layer + one, 10 * layer + 10 + two) for layer in range(8) for one in range(5) for two in range(5)]
    chained(database, [(0, one) for one in range(1, 5)] + layers)
    whole = walk(database)
    whole.go(forward=True)  # 5^8 ways
    assert len(whole.met) == 45


@pytest.mark.parametrize("column", ["source", "destination"])
def test_associations_are_found_from_both_ends_by_an_index(database: Database, column: str) -> None:
    explain, index = ("EXPLAIN QUERY PLAN", "SEARCH lineage_associations USING INDEX")
    with database.read(streamed=True) as connection:
        if not database.embedded:
            explain, index = "EXPLAIN", "Index"
            connection.execute(text("SET LOCAL enable_seqscan = off"))  # of few rows it would read the table
        plan: Any = connection.execute(
            text(f"{explain} SELECT * FROM lineage_associations WHERE {column} IN ('a', 'b')")
        )
        found = str(plan.all())
        assert index in found
        assert column in found


def test_an_association_is_made_once(database: Database) -> None:
    for kind in ("ContributedTo", "Produced", ""):
        with database.write() as connection:
            lineage.associate_in(connection, ("0", "us-east-1"), AssociationDraft(end(0), end(1), kind))
    (one,) = lineage.neighbours(database, ["0"], forward=True, most=10)
    assert one.type == "Produced"
    assert lineage.neighbours(database, ["1"], forward=False, most=10) == [one]
    with database.write() as connection:
        assert lineage.is_associated_in(connection, "1")
        lineage.dissociate_all_in(connection, "1")
        assert not lineage.is_associated_in(connection, "0")
