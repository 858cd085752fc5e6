"""kill -9 of the server while a monitoring schedule makes up for missed times, and two servers beside each other: each due time
has one execution, and each execution one job."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.monitoring import Monitoring

from sagewright.engine.model_monitors.documents import SCHEDULE
from sagewright.store.database import Database
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

if TYPE_CHECKING:
    from conftest import Postgres, RunningServer

KILLS = int(os.environ.get("SAGEWRIGHT_TEST_KILLS", "3"))
ENDPOINT, NAME, HOURS = "dying", "dying", 5
HOURLY = {"ScheduleExpression": "cron(0 * ? * * *)"}
HOUR = timedelta(hours=1)


def prepare(monitoring: Monitoring) -> None:
    """A stopped hourly schedule, and captured data of the last hours."""
    monitoring.endpoint(ENDPOINT)
    for hour in range(HOURS + 2):
        monitoring.capture(ENDPOINT, "1,2", ago=hour * HOUR)
    config = {"ScheduleConfig": HOURLY, "MonitoringJobDefinition": monitoring.inline(ENDPOINT)}
    monitoring.sagemaker.create_monitoring_schedule(MonitoringScheduleName=NAME, MonitoringScheduleConfig=config)


def set_back(url: str) -> datetime:
    """Lets the schedule have been without a server for hours; returns the first time that it missed."""
    past = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - HOURS * HOUR
    since_ms = int(past.timestamp() * 1000)

    def how(current: Resource) -> Resource:
        return replace(current, document=current.document | {"RequestedMs": since_ms, "SinceMs": since_ms})

    store = Database(url)
    (schedule,) = resources.of_kind(store, SCHEDULE)
    resources.alter(store, schedule.id, how)
    store.close()
    return past + HOUR


def made(monitoring: Monitoring) -> list[dict[str, Any]]:
    return list(reversed(monitoring.executions(NAME)))


def await_all(monitoring: Monitoring, first: datetime, timeout_s: float = 120) -> None:
    """All missed times have one execution each, in order, and each has run one job."""
    deadline = time.monotonic() + timeout_s
    while [one["MonitoringExecutionStatus"] for one in made(monitoring)][HOURS - 1 : HOURS] != ["Completed"]:
        assert time.monotonic() < deadline, (made(monitoring), monitoring.server.log()[-4000:])
        time.sleep(0.2)
    executions = made(monitoring)
    times = [one["ScheduledTime"] for one in executions]
    assert times == [first + number * HOUR for number in range(len(times))]
    ended = [one for one in executions if one["MonitoringExecutionStatus"] == "Completed"]
    jobs = {one["ProcessingJobArn"] for one in ended}
    assert len(jobs) == len(ended) >= HOURS, [
        (one["ScheduledTime"], one["MonitoringExecutionStatus"], one.get("FailureReason")) for one in executions
    ]
    pages = monitoring.sagemaker.get_paginator("list_processing_jobs").paginate()
    listed = [one["ProcessingJobArn"] for page in pages for one in page["ProcessingJobSummaries"]]
    assert len(listed) <= len(executions)
    assert jobs <= set(listed)
    for one in ended:
        assert len(monitoring.report(one)["records"]) == 1


def test_a_killed_server_makes_no_execution_twice_and_loses_none(own_server: RunningServer) -> None:
    own_server.start()
    prepare(Monitoring(own_server))
    own_server.end(signal.SIGKILL)
    first = set_back(f"sqlite:///{own_server.data / 'store.sqlite'}")
    choose = random.Random(7)
    for _ in range(KILLS):
        own_server.start()
        time.sleep(choose.uniform(0.05, 1.0))
        own_server.end(signal.SIGKILL)
    own_server.start()
    await_all(Monitoring(own_server), first)


@pytest.fixture
def pair(
    postgres: Postgres, server_class: type[RunningServer], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[list[RunningServer], str]]:
    """Two servers on one store, whose objects a third keeps."""
    objects = server_class(tmp_path_factory.mktemp("objects"))
    objects.start()
    url = postgres.new_database()
    environ = {
        "SAGEWRIGHT_DATABASE": url,
        "SAGEWRIGHT_MASTER_KEY": "5a" * 32,
        "SAGEWRIGHT_OBJECTS": objects.endpoint.replace("http://", "s3://"),
        "SAGEWRIGHT_OBJECTS_CREDENTIALS": str(objects.data / "credentials"),
    }
    servers = [server_class(tmp_path_factory.mktemp(name), environ) for name in ("one", "other")]
    yield servers, url
    for running in (*servers, objects):
        running.kill_everything()


def test_of_two_servers_one_makes_the_execution(pair: tuple[list[RunningServer], str]) -> None:
    (one, other), url = pair
    one.start()
    other.start()  # before the first job, whose agent then knows both
    prepare(Monitoring(one))
    first = set_back(url)
    monitoring = Monitoring(other)
    while not made(monitoring):
        time.sleep(0.1)
    one.end(signal.SIGKILL)  # its executions and jobs are the other's then
    await_all(monitoring, first)
