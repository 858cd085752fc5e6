"""Components of jobs from before there were any: a request creates a bounded number, the server the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import insert, select

from sagewright.model.clock import now_ms
from sagewright.model.settings import Settings
from sagewright.services.context import ANONYMOUS, Context, Platform
from sagewright.services.sagemaker.experiments import job_components
from sagewright.store.database import Database
from sagewright.store.resources import trials
from sagewright.store.schema.jobs import jobs
from sagewright.store.schema.resources import resources

KIND = next(iter(job_components.SOURCE_TYPES))
EACH = 230


def fill(store: Database, account: str) -> None:
    """Adds jobs; some are created in the same millisecond."""
    add(store, account, {f"job-{at:03d}": 100_000 + at // 60 for at in range(EACH)})


def add(store: Database, account: str, created_ms: dict[str, int]) -> None:
    row = {column.key: 0 if column.type.python_type is int else "" for column in jobs.columns}
    own = row | {"kind": KIND, "account": account, "region": "r"}
    with store.write() as connection:
        connection.execute(insert(jobs), [
            own | {"id": f"{account}-{name}", "name": name, "created_ms": at_ms} for name, at_ms in created_ms.items()
        ])  # fmt: skip


def made(store: Database, account: str) -> list[str]:
    own = (resources.c.kind == trials.COMPONENT, resources.c.account == account)
    with store.read() as connection:
        return sorted(connection.execute(select(resources.c.name).where(*own)).scalars())


def test_a_request_creates_the_newest_and_the_server_the_others(tmp_path: Path) -> None:
    store, nothing = Database(f"sqlite:///{tmp_path}/s"), cast("Any", None)
    platform = Platform(Settings(data=tmp_path), store, nothing, nothing)
    for account in ("1", "2"):
        fill(store, account)
    job_components.catch_up(Context("", "1", "r", ANONYMOUS, platform))
    first = made(store, "1")
    assert len(first) == job_components.AT_ONCE < EACH
    assert first[0].startswith(f"job-{EACH - job_components.AT_ONCE:03d}-") and made(store, "2") == []
    stops = iter([False, True])
    job_components.keep_up(platform, lambda: next(stops))  # ends after one batch
    assert len(made(store, "1")) == min(EACH, len(first) + job_components.BATCH) and made(store, "2") == []
    job_components.keep_up(platform)
    assert len(made(store, "1")) == len(made(store, "2")) == EACH
    with store.write() as connection:
        connection.execute(resources.update().where(resources.c.account == "2").values(kind=trials.FORGOTTEN))
    job_components.keep_up(platform)
    job_components.catch_up(Context("", "2", "r", ANONYMOUS, platform))
    assert made(store, "2") == []
    store.close()


def test_a_started_server_continues_where_the_last_one_ended(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = cast("Any", None)
    platform = Platform(Settings(), database, nothing, nothing)
    fill(database, "1")
    read: list[int] = []
    next_jobs_in = trials.next_jobs_in

    def counted(*arguments: Any) -> trials.JobsRead:
        with database.read() as connection:
            before = connection.execute(select(jobs.c.id).where(jobs.c.created_ms > arguments[2][0])).all()
        read.append(len(before))
        return next_jobs_in(*arguments)

    monkeypatch.setattr(trials, "next_jobs_in", counted)
    for expected in (EACH, 0, 0):
        job_components._seen_until.pop(database, None)  # as a server's start
        job_components.keep_up(platform)
        assert read[-1] == expected
        assert len(made(database, "1")) == EACH
    add(database, "1", {"late": now_ms() - job_components.MARGIN_MS // 2})
    job_components._seen_until.pop(database, None)
    job_components.keep_up(platform)
    assert read[-1] == 1 and len(made(database, "1")) == EACH + 1
