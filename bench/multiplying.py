"""Many jobs in PostgreSQL, made there from one: the rows of bench/listing.py, with other ids, in a tenth of the time."""

from __future__ import annotations

import json
import random
from typing import Any

import listing
from server import REGION
from sqlalchemy import Connection, insert, text

from sagewright.store.database import Database
from sagewright.store.schema.jobs import jobs

BATCH = 50_000
_NUMBERS = "generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS n"
_NAME = f"'job-' || lpad(((n * 7919) % {listing.JOBS} + n / {listing.JOBS} * {listing.JOBS})::text, 6, '0')"
_CREATED = f"({listing.BEGIN_MS} + 10000 * n)"
_STATUS = f"CASE WHEN n % {listing.FAILED_EVERY} = 0 THEN 'Failed' ELSE 'Completed' END"
_EVENTS = f"""
INSERT INTO events (kind, subject_id, at_ms, status, step, message)
SELECT 'training', md5(n::text), {_CREATED} + after_ms, status, step, step
FROM (SELECT n, {_STATUS} AS ended FROM {_NUMBERS}) AS numbered,
LATERAL (VALUES (0, 'InProgress', 'Starting'), (1000, 'InProgress', 'Training'), (5000, ended, ended))
AS path (after_ms, status, step)
"""
_COMPONENTS = f"""
INSERT INTO resources (id, kind, account, region, name, version, parent, status, created_ms, modified_ms, document)
SELECT md5('component' || n), 'trial-component', '{listing.ACCOUNT}', '{REGION}', {_NAME} || '-aws-training-job', 0,
       md5(n::text), '', {_CREATED}, {_CREATED}, replace(:document, '@name', {_NAME})::json
FROM {_NUMBERS}
"""
_COMPONENT_EVENTS = f"""
INSERT INTO events (kind, subject_id, at_ms, status, step, message, detail)
SELECT 'trial-component', md5('component' || n), {_CREATED}, '', 'Created', '',
       json_build_object('name', {_NAME} || '-aws-training-job')
FROM {_NUMBERS}
"""


def add(store: Database, numbers: range) -> None:
    """Adds jobs of these numbers, at least two, their events and components."""
    template = numbers.start if numbers.start % listing.FAILED_EVERY else numbers.start + 1
    one = listing._job(template, random.Random(0))
    component = listing._component("0", "@name", 0)
    for first in range(numbers.start, numbers.stop, BATCH):
        within = {"first": first, "last": min(first + BATCH, numbers.stop) - 1}
        with store.write() as connection:
            _add_jobs(connection, one, within)
            connection.execute(text(_EVENTS), within)
            connection.execute(text(_COMPONENTS), {**within, "document": json.dumps(component["document"])})
            connection.execute(text(_COMPONENT_EVENTS), within)


def _add_jobs(connection: Connection, one: dict[str, Any], within: dict[str, int]) -> None:
    """Copies a job under other numbers."""
    request = {**one["request"], "TrainingJobName": "@name"}
    request["HyperParameters"] = {**request["HyperParameters"], "epochs": "@epochs"}
    values = {
        "id": "md5(n::text)",
        "name": _NAME,
        "created_ms": _CREATED,
        "modified_ms": f"{_CREATED} + 5000",
        "started_ms": f"{_CREATED} + 1000",
        "ended_ms": f"{_CREATED} + 5000",
        "status": _STATUS,
        "secondary_status": _STATUS,
        "failure_reason": f"CASE WHEN n % {listing.FAILED_EVERY} = 0 THEN 'AlgorithmError: , exit code: 1' END",
        "request": f"replace(replace(:request, '@name', {_NAME}), '@epochs', n::text)::json",
    }
    names = [column.name for column in jobs.columns]
    made = {"id": "0" * 32, **{name: value for name, value in one.items() if name != "id"}, "name": "@template"}
    connection.execute(insert(jobs), [made])
    chosen = ", ".join(values.get(name, f"template.{name}") for name in names)
    into = f"INSERT INTO jobs ({', '.join(names)}) SELECT {chosen}"
    found = text(f"{into} FROM jobs AS template, {_NUMBERS} WHERE template.name = '@template'")
    connection.execute(found, {**within, "request": json.dumps(request)})
    connection.execute(jobs.delete().where(jobs.c.name == "@template"))
