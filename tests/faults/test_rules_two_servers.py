"""Two servers on one PostgreSQL store: what happens by either is sent in order and once, and goes on when one is killed."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Postgres, RunningServer

GROUP, VERSIONS = "shared", 20
QUEUE = "arn:aws:sqs:us-east-1:000000000000:decisions"


@pytest.fixture
def servers(
    postgres: Postgres, server_class: type[RunningServer], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[RunningServer]]:
    url = postgres.new_database()
    environ = {"SAGEWRIGHT_DATABASE": url, "SAGEWRIGHT_MASTER_KEY": "5a" * 32}
    pair = [server_class(tmp_path_factory.mktemp(name), environ) for name in ("one", "other")]
    for running in pair:
        running.start()
    yield pair
    for running in pair:
        running.kill_everything()


def decide(server: RunningServer) -> str:
    """A version is registered and approved; the expected events."""
    sagemaker = server.boto("sagemaker")
    specification = {"Containers": [{"Image": "own:latest"}]}
    arn = sagemaker.create_model_package(ModelPackageGroupName=GROUP, InferenceSpecification=specification)
    sagemaker.update_model_package(ModelPackageArn=arn["ModelPackageArn"], ModelApprovalStatus="Approved")
    return str(arn["ModelPackageArn"]).rpartition("/")[2]


def received(sqs: Any, url: str, wanted: int, timeout_s: float) -> list[str]:
    """The versions that the queue tells are approved, in order, until there are so many."""
    found: list[str] = []
    deadline = time.monotonic() + timeout_s
    while len(set(found)) < wanted:
        assert time.monotonic() < deadline, found
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=2).get("Messages", []):
            detail = json.loads(message["Body"])
            found += [str(detail["ModelPackageVersion"])] if detail["ModelApprovalStatus"] == "Approved" else []
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


def test_either_sends_what_happens_and_one_goes_on_alone(servers: list[RunningServer]) -> None:
    one, other = servers
    one.boto("sagemaker").create_model_package_group(ModelPackageGroupName=GROUP)
    sqs, events = other.boto("sqs"), one.boto("events")
    url = sqs.create_queue(QueueName="decisions")["QueueUrl"]
    events.put_rule(Name="decisions", EventPattern=json.dumps({"detail": {"ModelPackageGroupName": [GROUP]}}))
    events.put_targets(Rule="decisions", Targets=[{"Id": "queue", "Arn": QUEUE, "InputPath": "$.detail"}])
    decided = [decide(servers[number % 2]) for number in range(VERSIONS)]
    assert received(sqs, url, VERSIONS, 60) == decided
    decided = [decide(servers[number % 2]) for number in range(VERSIONS)]
    one.end(signal.SIGKILL)
    decided += [decide(other) for _ in range(3)]
    found = received(sqs, url, len(decided), 120)
    assert list(dict.fromkeys(found)) == decided
    assert len(found) <= len(decided) + 1
