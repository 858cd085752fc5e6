"""A server that is killed while a function of a pipeline runs, and while a schedule comes due: each happens once all the same."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select
from tests.conftest import ROLE, STORE
from tests.functions import Functions
from tests.pipelines import Pipelines, step

from sagewright.store.database import Database
from sagewright.store.schema.rules import deliveries

if TYPE_CHECKING:
    from conftest import RunningServer

SOURCE = """
import time
def handler(event, context):
    print("called", context.aws_request_id, flush=True)
    time.sleep(2)
    return {"word": "w"}
"""
GROUP = "/aws/lambda/slow"


@pytest.fixture
def running(tmp_path: Path, server_class: type[RunningServer]) -> Iterator[RunningServer]:
    started = server_class(tmp_path)
    started.start()
    yield started
    started.kill_everything()


def called(running: RunningServer) -> list[str]:
    logs = running.boto("logs")
    try:
        found = logs.filter_log_events(logGroupName=GROUP, filterPattern="called")["events"]
    except logs.exceptions.ResourceNotFoundException:
        return []
    return [event["message"] for event in found]


def kill_and_start(running: RunningServer) -> None:
    running.end(signal.SIGKILL)
    running.start()


def until_noted(running: RunningServer) -> None:
    """Waits until each delivery is known to have been made: a message may come before its sender has noted that it was sent."""
    store, until = Database(f"sqlite:///{running.data / STORE}"), time.monotonic() + 60
    counted = select(func.count()).select_from(deliveries)
    while True:
        with store.read() as connection:
            if not connection.execute(counted).scalar():
                break
        assert time.monotonic() < until
        time.sleep(0.05)
    store.close()


def test_a_function_of_a_pipeline_is_called_once(running: RunningServer) -> None:
    made = Functions(running).create("slow", SOURCE)
    outputs = [{"OutputName": "word", "OutputType": "String"}]
    pipelines = Pipelines(running)
    arn = pipelines.start(
        pipelines.create("killed", step("f", "Lambda", {}, FunctionArn=made["FunctionArn"], OutputParameters=outputs))
    )
    until = time.monotonic() + 60
    while not called(running):
        assert time.monotonic() < until, running.log()
        time.sleep(0.05)
    kill_and_start(running)
    after = Pipelines(running)
    assert after.wait(arn)["PipelineExecutionStatus"] == "Succeeded"
    metadata = after.steps(arn)["f"]["Metadata"]["Lambda"]
    assert metadata["OutputParameters"] == [{"Name": "word", "Value": "w"}]
    assert len(called(running)) == 1


def test_a_time_that_comes_while_no_server_runs_is_made_up_for_once(running: RunningServer) -> None:
    sqs = running.boto("sqs")
    url = sqs.create_queue(QueueName="due")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    when = datetime.now(UTC) + timedelta(seconds=2)
    running.boto("scheduler").create_schedule(
        Name="once", ScheduleExpression=f"at({when:%Y-%m-%dT%H:%M:%S})", FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": arn, "RoleArn": ROLE, "Input": "now"},
    )  # fmt: skip
    running.end(signal.SIGKILL)
    time.sleep(2.5)
    running.start()
    kill_and_start(running)
    again, found = running.boto("sqs"), list[str]()
    until = time.monotonic() + 60
    while not found and time.monotonic() < until:
        found = [one["Body"] for one in again.receive_message(QueueUrl=url, WaitTimeSeconds=2).get("Messages", [])]
    assert found == ["now"]
    until_noted(running)
    kill_and_start(running)
    assert "Messages" not in running.boto("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=2)
