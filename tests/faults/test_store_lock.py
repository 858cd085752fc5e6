"""The store's writer lock is held for long, or much is deleted: the event loop goes on, and waiting writers are refused in time.

SAGEWRIGHT_TEST_LINES: how many lines the deleted group has (100,000; `make soak` 600,000).
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import urllib.request
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from sagewright.store.database import Database
from sagewright.store.logs import logs

if TYPE_CHECKING:
    from conftest import RunningServer

LINES = int(os.environ.get("SAGEWRIGHT_TEST_LINES", "100000"))
ONCE = Config(retries={"max_attempts": 0}, read_timeout=30)
IMAGE = "python:3.11"
GROUP = "/large"
PLACE = logs.LogScope("000000000000", "us-east-1")


class Watch(threading.Thread):
    """Asks again and again; `longest` is the longest answer in seconds."""

    def __init__(self, ask: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self._ask = ask
        self.longest, self.answers = 0.0, 0
        self.failure: BaseException | None = None
        self.ending = threading.Event()

    def run(self) -> None:
        while not self.ending.is_set():
            began = time.monotonic()
            try:
                self._ask()
            except BaseException as error:
                self.failure = error
                return
            self.longest = max(self.longest, time.monotonic() - began)
            self.answers += 1
            time.sleep(0.01)


def watched(running: RunningServer, **asks: Callable[[], Any]) -> dict[str, Watch]:
    watches = {name: Watch(ask) for name, ask in {"health": lambda: health(running), **asks}.items()}
    for watch in watches.values():
        watch.start()
    return watches


def end(watches: dict[str, Watch], longest_s: float) -> None:
    for watch in watches.values():
        watch.ending.set()
    for name, watch in watches.items():
        watch.join(60)
        assert watch.failure is None, (name, watch.failure)
        assert watch.answers > 5, name
        print(f"{name}: {watch.answers} answers, the longest took {watch.longest * 1000:.0f} ms")  # noqa: T201
        assert watch.longest < longest_s, name


def health(running: RunningServer) -> None:
    with urllib.request.urlopen(f"{running.endpoint}/_sagewright/health", timeout=30) as answer:
        assert answer.status == 200


@pytest.fixture
def running(own_server: RunningServer) -> RunningServer:
    own_server.start()
    s3 = own_server.boto("s3")
    s3.create_bucket(Bucket="outputs")
    s3.put_object(Bucket="outputs", Key="there", Body=b"x")
    return own_server


@pytest.mark.alone
def test_a_lock_of_another_process(running: RunningServer) -> None:
    s3, sagemaker = running.boto("s3", config=ONCE), running.boto("sagemaker", config=ONCE)
    running.run_shell("job", "for i in $(seq 1 400); do echo line $i; sleep 0.03; done", image=IMAGE)
    running.when_logged("job", "line 3")
    watches = watched(
        running,
        get=lambda: s3.get_object(Bucket="outputs", Key="there"),
        describe=lambda: sagemaker.describe_training_job(TrainingJobName="job"),
    )
    other = sqlite3.connect(running.data / "store.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writers = [threading.Thread(target=refused, args=(running, number)) for number in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    other.execute("ROLLBACK")
    other.close()
    end(watches, longest_s=1)
    assert running.wait("job")["TrainingJobStatus"] == "Completed"
    assert [line for line in running.lines("job") if line.startswith("line ")] == [f"line {i}" for i in range(1, 401)]
    s3.put_object(Bucket="outputs", Key="after", Body=b"x")
    assert "Traceback" not in running.log()


def refused(running: RunningServer, number: int) -> None:
    """Each kind of writer is asked to retry, in its own service's words, and nothing was done."""
    began = time.monotonic()
    asks: list[tuple[Callable[[], Any], str]] = [
        (lambda: running.boto("s3", config=ONCE).put_object(Bucket="outputs", Key="k", Body=b"x"), "SlowDown"),
        (lambda: running.boto("s3", config=ONCE).put_object(Bucket="outputs", Key="k", Body=b"x" * 10**6), "SlowDown"),
        (lambda: running.boto("s3", config=ONCE).delete_object(Bucket="outputs", Key="there"), "SlowDown"),
        (lambda: running.boto("logs", config=ONCE).create_log_group(logGroupName="/g"), "ServiceUnavailable"),
        (lambda: running.boto("sts", config=ONCE).get_session_token(), "ServiceUnavailable"),
        (lambda: running.boto("iam", config=ONCE).delete_role(RoleName="none"), "NoSuchEntity"),
        (lambda: create(running), "ServiceUnavailable"),
        (lambda: running.boto("sagemaker", config=ONCE).stop_training_job(TrainingJobName="job"), "ServiceUnavailable"),
    ]
    ask, code = asks[number]
    with pytest.raises(ClientError) as caught:
        ask()
    assert caught.value.response["Error"]["Code"] == code
    assert time.monotonic() - began < 15


def create(running: RunningServer) -> None:
    running.boto("sagemaker", config=ONCE).create_training_job(
        TrainingJobName="refused",
        AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        RoleArn="arn:aws:iam::000000000000:role/r",
        OutputDataConfig={"S3OutputPath": "s3://outputs/out"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 200},
        Tags=[{"Key": "a", "Value": "b"}],
    )


def fill(running: RunningServer) -> None:
    """Before the server starts: 100,000 lines through the door would take long."""
    store = Database(f"sqlite:///{running.data / 'store.sqlite'}")
    for start in range(0, LINES, 10_000):
        lines = [(at, f"line {at} {'x' * 80}") for at in range(start, start + 10_000)]
        logs.put(store, PLACE, (GROUP, f"stream-{start * 4 // LINES}"), lines)
    store.close()


def rows(running: RunningServer) -> int:
    other = sqlite3.connect(f"file:{running.data / 'store.sqlite'}?mode=ro", uri=True)
    (count,) = other.execute("SELECT count(*) FROM log_events").fetchone()
    other.close()
    return int(count)


def test_a_large_log_group_is_deleted_beside_everything_else(own_server: RunningServer) -> None:
    fill(own_server)
    own_server.start()
    s3, client = own_server.boto("s3"), own_server.boto("logs")
    s3.create_bucket(Bucket="outputs")
    watches = watched(own_server, put=lambda: s3.put_object(Bucket="outputs", Key="k", Body=b"x"))
    began = time.monotonic()
    client.delete_log_group(logGroupName=GROUP)
    assert time.monotonic() - began < 2, "the answer waited for the rows"
    assert client.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"] == []
    deadline = time.monotonic() + 200
    while rows(own_server) and time.monotonic() < deadline:
        time.sleep(0.1)
    end(watches, longest_s=2)
    assert rows(own_server) == 0


def test_a_server_killed_while_it_deletes_goes_on_with_it(own_server: RunningServer) -> None:
    fill(own_server)
    own_server.start()
    own_server.boto("logs").delete_log_group(logGroupName=GROUP)
    while rows(own_server) > LINES * 0.8:
        time.sleep(0.01)
    own_server.end(9)
    assert rows(own_server)
    own_server.start()
    assert own_server.boto("logs").describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"] == []
    deadline = time.monotonic() + 200
    while rows(own_server) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert rows(own_server) == 0


def test_a_page_of_a_long_log_is_read_at_once(own_server: RunningServer) -> None:
    fill(own_server)
    own_server.start()
    client = own_server.boto("logs")
    took = []
    for _ in range(5):
        began = time.monotonic()
        found = client.get_log_events(logGroupName=GROUP, logStreamName="stream-0", startFromHead=True, limit=10)
        assert len(found["events"]) == 10
        assert len(client.filter_log_events(logGroupName=GROUP, limit=10)["events"]) == 10
        assert len(client.describe_log_streams(logGroupName=GROUP, limit=2)["logStreams"]) == 2
        took.append(time.monotonic() - began)
    print(f"three pages of {LINES} lines: {min(took) * 1000:.0f} ms")  # noqa: T201
    assert min(took) < 0.2
