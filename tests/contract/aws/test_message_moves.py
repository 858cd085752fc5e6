"""Message move tasks of queues, driven by boto3."""

from __future__ import annotations

import base64
import json
import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from conftest import RunningServer


@pytest.fixture(scope="module")
def sqs(server: RunningServer) -> Any:
    return server.boto("sqs")


def queue(sqs: Any, dead: str = "", suffix: str = "") -> tuple[str, str]:
    name, attributes = uuid.uuid4().hex + suffix, {"FifoQueue": "true"} if suffix else {}
    if dead:
        attributes["RedrivePolicy"] = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 1})
    return sqs.create_queue(QueueName=name, Attributes=attributes)[
        "QueueUrl"
    ], f"arn:aws:sqs:us-east-1:000000000000:{name}"


def bury(sqs: Any, url: str, *bodies: str) -> None:
    """Have messages be dead letters of the queue."""
    for body in bodies:
        sqs.send_message(QueueUrl=url, MessageBody=body)
    for _ in range(2):
        for _ in bodies:
            sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)


def bodies(sqs: Any, url: str) -> list[str]:
    found: list[str] = []
    while page := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"]).get("Messages"):
        for message in page:
            assert message["Attributes"]["ApproximateReceiveCount"] == "1"
            assert "DeadLetterQueueSourceArn" not in message["Attributes"]
        found += [message["Body"] for message in page]
    return sorted(found)


def fault(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def ended(sqs: Any, source: str, status: str = "COMPLETED") -> dict[str, Any]:
    deadline = time.monotonic() + 30
    while True:
        (task,) = sqs.list_message_move_tasks(SourceArn=source)["Results"]
        if task["Status"] != "RUNNING":
            assert task["Status"] == status
            return dict(task)
        assert time.monotonic() < deadline, task
        time.sleep(0.1)


def test_dead_letters_go_back_to_where_they_came_from(sqs: Any) -> None:
    dead, source = queue(sqs)
    (one, _), (other, _) = queue(sqs, source), queue(sqs, source)
    bury(sqs, one, "a", "b")
    bury(sqs, other, "c")
    sqs.start_message_move_task(SourceArn=source)
    task = ended(sqs, source)
    assert (task["ApproximateNumberOfMessagesMoved"], task["ApproximateNumberOfMessagesToMove"]) == (3, 3)
    assert (bodies(sqs, one), bodies(sqs, other), bodies(sqs, dead)) == (["a", "b"], ["c"], [])
    assert not {"TaskHandle", "DestinationArn"} & task.keys()


def test_many_dead_letters_go_elsewhere_in_their_order(sqs: Any) -> None:
    _, source = queue(sqs, suffix=".fifo")
    first, _ = queue(sqs, source, ".fifo")
    to, destination = queue(sqs, suffix=".fifo")
    for number in range(5):
        sqs.send_message(
            QueueUrl=first, MessageBody=str(number), MessageGroupId="g", MessageDeduplicationId=str(number)
        )
    for _ in range(10):
        sqs.receive_message(QueueUrl=first, VisibilityTimeout=0)
    sqs.start_message_move_task(SourceArn=source, DestinationArn=destination)
    assert ended(sqs, source)["ApproximateNumberOfMessagesMoved"] == 5
    got = sqs.receive_message(QueueUrl=to, MaxNumberOfMessages=10)["Messages"]
    assert [message["Body"] for message in got] == [str(number) for number in range(5)]


def test_a_paced_task_can_be_cancelled(sqs: Any) -> None:
    dead, source = queue(sqs)
    first, _ = queue(sqs, source)
    to, destination = queue(sqs)
    bury(sqs, first, *(str(number) for number in range(6)))
    asked = {"SourceArn": source, "DestinationArn": destination, "MaxNumberOfMessagesPerSecond": 1}
    handle = sqs.start_message_move_task(**asked)["TaskHandle"]
    assert json.loads(base64.b64decode(handle))["sourceArn"] == source
    assert "already a task running" in fault(sqs.start_message_move_task, **asked)[1]
    time.sleep(2.5)
    (task,) = sqs.list_message_move_tasks(SourceArn=source)["Results"]
    assert (task["Status"], task["TaskHandle"], task["MaxNumberOfMessagesPerSecond"]) == ("RUNNING", handle, 1)
    moved = sqs.cancel_message_move_task(TaskHandle=handle)["ApproximateNumberOfMessagesMoved"]
    assert 1 <= moved <= 4
    time.sleep(2)
    assert ended(sqs, source, "CANCELLED")["ApproximateNumberOfMessagesMoved"] == moved
    assert len(bodies(sqs, to)) == moved
    assert fault(sqs.cancel_message_move_task, TaskHandle=handle)[0].endswith("InvalidParameterValue")
    sqs.start_message_move_task(SourceArn=source)
    ended(sqs, source)
    assert len(bodies(sqs, first)) == 6 - moved
    assert [one["Status"] for one in sqs.list_message_move_tasks(SourceArn=source, MaxResults=10)["Results"]] == [
        "COMPLETED",
        "CANCELLED",
    ]
    assert bodies(sqs, dead) == []


def test_what_cannot_be_moved_fails_the_task(sqs: Any) -> None:
    dead, source = queue(sqs)
    first, _ = queue(sqs, source)
    sqs.send_message(QueueUrl=dead, MessageBody="sent here")
    sqs.start_message_move_task(SourceArn=source)
    assert ended(sqs, source, "FAILED")["FailureReason"] == "CouldNotDetermineMessageSource"
    assert len(sqs.receive_message(QueueUrl=dead)["Messages"]) == 1
    other, _ = queue(sqs, source)
    bury(sqs, first, "a")
    sqs.delete_queue(QueueUrl=first)
    sqs.start_message_move_task(SourceArn=source)
    assert ended(sqs, source, "FAILED")["FailureReason"] == "AWS.SimpleQueueService.NonExistentQueue"
    sqs.delete_queue(QueueUrl=other)


def test_what_is_no_task(sqs: Any) -> None:
    _, source = queue(sqs)
    assert "Dead Letter Queue" in fault(sqs.start_message_move_task, SourceArn=source)[1]
    assert fault(sqs.start_message_move_task, SourceArn=source + "x")[0] == "ResourceNotFoundException"
    assert fault(sqs.cancel_message_move_task, TaskHandle="!")[1] == "Value for parameter TaskHandle is invalid."
    handle = base64.b64encode(json.dumps({"taskId": str(uuid.uuid4()), "sourceArn": source}).encode()).decode()
    assert fault(sqs.cancel_message_move_task, TaskHandle=handle) == (
        "ResourceNotFoundException",
        "Task does not exist.",
    )
    queue(sqs, source)
    wrong = {"SourceArn": source, "DestinationArn": source + "x"}
    assert "DestinationArn" in fault(sqs.start_message_move_task, **wrong)[1]
    fifo = {"SourceArn": source, "DestinationArn": queue(sqs, suffix=".fifo")[1]}
    assert "same type" in fault(sqs.start_message_move_task, **fifo)[1]
    assert sqs.list_message_move_tasks(SourceArn=source).get("Results", []) == []
