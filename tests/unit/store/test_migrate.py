"""Migrations: an empty store and an old one both end at the schema that the code declares."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from sagewright.engine.pipelines import callbacks
from sagewright.model.jobs.state_machines import SecondaryStatus
from sagewright.store import events
from sagewright.store.database import Database
from sagewright.store.jobs import jobs
from sagewright.store.migrate import HEAD, MIGRATIONS, current
from sagewright.store.schema import metadata

EARLIER = sorted({script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()} - {HEAD})


def test_head_is_the_newest_revision() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [HEAD]


def test_a_new_store_has_the_declared_schema(database: Database) -> None:
    assert current(database.engine) == HEAD
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


@pytest.mark.sampled(8)
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
@pytest.mark.parametrize("revision", EARLIER)
def test_what_an_earlier_version_has_written_is_kept(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, revision: str
) -> None:
    url = f"sqlite:///{tmp_path / 's'}" if kind == "sqlite" else request.getfixturevalue("postgres").new_database()
    upgrade_to(url, revision)
    rows = {name: populated(url, name) for name in TABLES}
    store = Database(url)
    assert current(store.engine) == HEAD
    with store.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        for name, values in rows.items():
            (found,) = connection.execute(text(f"SELECT * FROM {name}")).mappings()
            assert {column: found[column] for column in values} == values
    store.close()


@pytest.mark.sampled(4)
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
@pytest.mark.parametrize("revision", [f"{number:04}" for number in range(1, 8)])
def test_events_of_training_jobs_go_on_in_the_log_of_all(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, revision: str
) -> None:
    url = f"sqlite:///{tmp_path / 's'}" if kind == "sqlite" else request.getfixturevalue("postgres").new_database()
    upgrade_to(url, revision)
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO jobs (id, kind, account, region, name, created_ms, request, wanted, status, secondary_status, "
                "modified_ms) VALUES ('j', 'training', '0', 'r', 'one', 1, '{}', 'run', 'InProgress', 'Training', 2)"
            )
        )
        for at_ms, step in ((1, "Starting"), (2, "Training")):
            connection.execute(
                text(
                    "INSERT INTO job_events (job_id, at_ms, status, secondary_status, message) "
                    "VALUES ('j', :at_ms, 'InProgress', :step, 'said')"
                ),
                {"at_ms": at_ms, "step": step},
            )
    engine.dispose()
    store = Database(url)
    assert [(entry.at_ms, entry.step, entry.message) for entry in jobs.transitions(store, "j")] == [
        (1, "Starting", "said"),
        (2, "Training", "said"),
    ]
    moved = jobs.move(store, "j", jobs.Event(SecondaryStatus.FAILED, failure_reason="AlgorithmError: x", ended=True))
    assert moved
    assert moved.ended
    assert [one.entry.step for one in events.after(store, events.EventCursor(), 9)] == [
        "Starting",
        "Training",
        "Failed",
    ]
    store.close()


TABLES = ("access_keys", "hosts", "log_groups", "log_streams", "log_events", "metric_data")


def upgrade_to(url: str, revision: str) -> None:
    engine = create_engine(url)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["engine"] = engine
    command.upgrade(config, revision)
    engine.dispose()


def populated(url: str, name: str) -> dict[str, Any]:
    """A row of the table, as wide as the schema of that version is."""
    engine = create_engine(url)
    values: dict[str, Any] = {}
    for column in inspect(engine).get_columns(name):
        kind = column["type"].python_type
        values[column["name"]] = {int: 7, float: 0.5, str: "text"}.get(kind)  # JSON: null
    columns = ", ".join(values)
    with engine.begin() as connection:
        connection.execute(text(f"INSERT INTO {name} ({columns}) VALUES (:{', :'.join(values)})"), values)
    engine.dispose()
    return values


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_callbacks_that_wait_are_found_by_their_tokens(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    url = f"sqlite:///{tmp_path / 's'}" if kind == "sqlite" else request.getfixturevalue("postgres").new_database()
    upgrade_to(url, "0018")
    engine = create_engine(url)
    with engine.begin() as connection:
        for number, (token, status, answer) in enumerate(
            [
                ("waits", "Executing", None),
                ("answered", "Executing", {"FailureReason": "no"}),
                ("over", "Succeeded", None),
            ]
        ):
            step = {"name": token, "metadata": {"Callback": {"CallbackToken": token}}, "answer": answer}
            connection.execute(
                text(
                    "INSERT INTO resources (id, kind, account, region, name, version, parent, status, created_ms, modified_ms, "
                    f"document) VALUES ('{number}', 'pipeline-step', '0', 'r', 'e/{number}', 0, 'e', '{status}', 1, 1, :document)"
                ),
                {"document": json.dumps(step)},
            )
    engine.dispose()
    store = Database(url)
    found = {token: callbacks.find(store, ("0", "r"), token) for token in ("waits", "answered", "over")}
    assert {token: row and (row.parent, row.status, row.document) for token, row in found.items()} == {
        "waits": ("e", "open", {"Step": "waits"}),
        "answered": ("e", "answered", {"Step": "answered", "Answer": {"FailureReason": "no"}}),
        "over": None,
    }
    store.close()
