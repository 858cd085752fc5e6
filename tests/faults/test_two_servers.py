"""Two servers on one PostgreSQL store share the work, and either may be killed: no job is lost, or done twice."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, text

if TYPE_CHECKING:
    from conftest import Postgres, RunningServer

JOBS = int(os.environ.get("SAGEWRIGHT_TEST_JOBS", "8"))
IMAGE = "python:3.11"
LEASE_S = 30
CPUS = 8  # of the machine, as the servers are told: four jobs run at a time


@pytest.fixture
def servers(
    postgres: Postgres, server_class: type[RunningServer], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[RunningServer, RunningServer, str]]:
    """Two servers with a data directory each, whose objects a third keeps; and the URL of the store."""
    objects = server_class(tmp_path_factory.mktemp("objects"))
    objects.start()
    url = postgres.new_database()
    pair = []
    for name in ("one", "other"):
        environ = {
            "SAGEWRIGHT_DATABASE": url,
            "SAGEWRIGHT_MASTER_KEY": "5a" * 32,
            "SAGEWRIGHT_CAPACITY_CPUS": str(CPUS),
            "SAGEWRIGHT_OBJECTS": objects.endpoint.replace("http://", "s3://"),
            "SAGEWRIGHT_OBJECTS_CREDENTIALS": str(objects.data / "credentials"),
        }
        running = server_class(tmp_path_factory.mktemp(name), environ)
        running.start()
        pair.append(running)
    yield pair[0], pair[1], url
    for running in (*pair, objects):
        running.kill_everything()


def rows(url: str, statement: str) -> list[tuple[str, ...]]:
    engine = create_engine(url)
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(text(statement))]
    engine.dispose()
    return found


def _stuck(url: str) -> list[tuple[str, ...]]:
    return rows(
        url,
        "SELECT jobs.name, jobs.status, jobs.lease_owner, hosts.phase, hosts.report_seq, hosts.handle FROM jobs "
        "LEFT JOIN hosts ON hosts.job_id = jobs.id WHERE jobs.status IN ('InProgress', 'Stopping')",
    )


def test_two_servers_share_the_work_and_survive_the_kill_of_either(
    servers: tuple[RunningServer, RunningServer, str],
) -> None:
    one, other, url = servers
    shell = "echo begin; sleep 0.2; echo done"
    for number in range(JOBS):
        (one, other)[number % 2].run_shell(f"job-{number}", shell, image=IMAGE)
        if number == JOBS // 3:
            one.end(signal.SIGKILL)
            time.sleep(1)
            one.start()
        if number == 2 * JOBS // 3:
            other.end(signal.SIGKILL)
            time.sleep(1)
            other.start()
    one.end(signal.SIGKILL)  # for good: what it had in its hands is the other's once its leases are over
    deadline = time.monotonic() + 3 * LEASE_S + 5 * JOBS
    while (left := rows(url, "SELECT count(*) FROM jobs WHERE status IN ('InProgress', 'Stopping')")) != [(0,)]:
        assert time.monotonic() < deadline, f"{left}\n{_stuck(url)}\n{other.log()}\n{one.log()}"
        time.sleep(0.3)
    outcomes = rows(url, "SELECT name, status, coalesce(failure_reason, '') FROM jobs")
    assert Counter(status for _, status, _ in outcomes) == {"Completed": JOBS}, outcomes
    for number in range(JOBS):
        assert [line for line in other.lines(f"job-{number}") if line in {"begin", "done"}] == ["begin", "done"]
    assert rows(url, "SELECT job_id FROM hosts GROUP BY job_id HAVING count(*) > 1") == []
    assert rows(url, "SELECT job_id FROM reservations") == []
    ends = rows(
        url,
        "SELECT subject_id FROM events WHERE status IN ('Completed', 'Failed', 'Stopped') "
        "GROUP BY subject_id HAVING count(*) > 1",
    )
    assert ends == []


def test_both_place_jobs_and_never_more_than_the_machine_has(
    servers: tuple[RunningServer, RunningServer, str],
) -> None:
    one, other, url = servers
    owners, most, number = set(), 0, 0
    deadline = time.monotonic() + 120
    while (running := rows(url, "SELECT 1 FROM jobs WHERE status = 'InProgress'")) or len(owners) < 2:
        assert time.monotonic() < deadline
        # Either may take what the other was given, and who has ended a job takes the next that waits: where one had all of them,
        # each is asked in turn while nothing runs.
        if number < 6 or (len(owners) < 2 and not running):
            (one, other)[number % 2].run_shell(f"both-{number}", "sleep 1; echo done", image=IMAGE)
            number += 1
        owners |= {owner for (owner,) in rows(url, "SELECT lease_owner FROM jobs WHERE lease_owner IS NOT NULL")}
        ((cpus,),) = rows(url, "SELECT coalesce(sum(cpus), 0) FROM reservations")
        most = max(most, int(cpus))
        time.sleep(0.05)
    assert 2 < most <= CPUS
    assert {status for (status,) in rows(url, "SELECT status FROM jobs")} == {"Completed"}
