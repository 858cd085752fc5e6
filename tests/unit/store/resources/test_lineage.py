"""Lists of associations and of where entities come from, on both databases."""

from __future__ import annotations

from sagewright.store.database import Database
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.listing import PageRequest
from sagewright.store.resources import lineage, resources
from sagewright.store.resources.lineage import AssociationDraft, End
from sagewright.store.resources.resources import New

HERE = ("000000000000", "us-east-1")
ARN = "arn:aws:sagemaker:us-east-1:000000000000:"
DATA = End("1", f"{ARN}artifact/1", "DataSet")
MODEL = End("2", f"{ARN}artifact/2", "Model")
DEPLOYMENT = End("3", f"{ARN}action/3", "ModelDeployment")


def furnish(store: Database) -> None:
    with store.write() as connection:
        lineage.associate_in(connection, HERE, AssociationDraft(DATA, MODEL, "ContributedTo"))
        lineage.associate_in(connection, HERE, AssociationDraft(MODEL, DEPLOYMENT, "AssociatedWith"))
        lineage.associate_in(connection, ("1", "us-east-1"), AssociationDraft(DATA, DEPLOYMENT))


def ends(store: Database, *conditions: lineage.Condition, **requested: object) -> list[str]:
    page = PageRequest(sort_by="at_ms", descending=False, ties=("id",), **requested)  # type: ignore[arg-type]
    return [f"{one.source}-{one.destination}" for one in lineage.page(store, page, *conditions)]


def test_associations_of_a_place(database: Database) -> None:
    furnish(database)
    assert ends(database, *lineage.within(*HERE)) == ["1-2", "2-3"]
    assert ends(database, *lineage.within("1", "us-east-1")) == ["1-3"]
    assert ends(database, *lineage.within(*HERE), limit=1) == ["1-2"]


def test_associations_by_their_ends_and_types(database: Database) -> None:
    furnish(database)
    here = lineage.within(*HERE)
    assert ends(database, *here, lineage.is_end("2", forward=True)) == ["1-2"]
    assert ends(database, *here, lineage.is_end("2", forward=False)) == ["2-3"]
    assert ends(database, *here, lineage.has_type("AssociatedWith")) == ["2-3"]
    assert ends(database, *here, lineage.end_has_type("", ["Model"], forward=True)) == ["1-2"]
    assert ends(database, *here, lineage.end_has_type(f"{ARN}action/", ["Action"], forward=True)) == ["2-3"]
    assert ends(database, *here, lineage.end_has_type(f"{ARN}artifact/", ["x"], forward=False)) == ["1-2", "2-3"]


def test_entities_are_found_by_source_and_type(database: Database) -> None:
    scope = ResourceScope("artifact", *HERE)
    with database.write() as connection:
        for number, (uri, kind) in enumerate((("a", "Model"), ("a", "DataSet"), ("b" * 2048, "Model"))):
            row = resources.create_in(connection, scope, New(str(number), {}, "", {}))
            lineage.note_in(connection, row, uri, kind)

    def names(*conditions: lineage.Condition) -> list[str]:
        return sorted(one.name for one in resources.page(database, scope, PageRequest(), *conditions))

    assert names(lineage.comes_from(scope, "a")) == ["0", "1"]
    assert names(lineage.comes_from(scope, "b" * 2048)) == ["2"]
    assert names(lineage.is_a(scope, "Model")) == ["0", "2"]
    assert names(lineage.comes_from(scope, "a"), lineage.is_a(scope, "Model")) == ["0"]
    assert names(lineage.is_a(ResourceScope("action", *HERE), "Model")) == []
    with database.write() as connection:
        (row,) = resources.page(database, scope, PageRequest(limit=1), lineage.comes_from(scope, "b" * 2048))
        lineage.forget_in(connection, row.id)
    assert names(lineage.is_a(scope, "Model")) == ["0"]
