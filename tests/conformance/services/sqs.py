"""SQS."""

from __future__ import annotations

import json
from typing import Any

from services.check import check
from services.target import Target, fresh, refusal, refused

NO_QUEUE = ("AWS.SimpleQueueService.NonExistentQueue", 400)


def a_queue(target: Target, **attributes: str) -> str:
    name = fresh() + (".fifo" if attributes.get("FifoQueue") == "true" else "")
    url: str = target.boto("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    return url


def receive(target: Target, url: str, **asked: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = target.boto("sqs").receive_message(QueueUrl=url, **asked).get("Messages", [])
    return found


@check
def the_same_queue_is_made_once(target: Target) -> None:
    """API CreateQueue: with the same name and attributes it returns the queue URL; QueueNameExists"""
    sqs, name = target.boto("sqs"), fresh()
    url = sqs.create_queue(QueueName=name, Attributes={"DelaySeconds": "1"})["QueueUrl"]
    assert sqs.create_queue(QueueName=name, Attributes={"DelaySeconds": "1"})["QueueUrl"] == url
    found = refused(sqs.create_queue, QueueName=name, Attributes={"DelaySeconds": "2"})
    assert found == ("QueueAlreadyExists", 400)


@check
def a_queue_that_is_not_there_has_its_code_of_before(target: Target) -> None:
    """API GetQueueUrl: QueueDoesNotExist; x-amzn-query-error; moto, verified against AWS"""
    found = refusal(target.boto("sqs").get_queue_url, QueueName=fresh())
    assert (found.code, found.status) == NO_QUEUE
    assert found.message == "The specified queue does not exist."


@check
def a_message_comes_hidden_and_again(target: Target) -> None:
    """API ReceiveMessage: VisibilityTimeout; API ChangeMessageVisibility"""
    sqs, url = target.boto("sqs"), a_queue(target)
    sqs.send_message(QueueUrl=url, MessageBody="m")
    (message,) = receive(target, url, VisibilityTimeout=30)
    assert receive(target, url) == []
    handle = message["ReceiptHandle"]
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)
    (again,) = receive(target, url, AttributeNames=["ApproximateReceiveCount"])
    assert (again["MessageId"], again["Attributes"]["ApproximateReceiveCount"]) == (message["MessageId"], "2")
    sqs.delete_message(QueueUrl=url, ReceiptHandle=again["ReceiptHandle"])
    assert receive(target, url) == []


@check
def digests_are_of_bodies_and_attributes(target: Target) -> None:
    """API SendMessage: MD5OfMessageBody, MD5OfMessageAttributes, which botocore checks"""
    sqs, url = target.boto("sqs"), a_queue(target)
    attributes = {
        "n": {"DataType": "Number", "StringValue": "1"},
        "b": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    sqs.send_message(QueueUrl=url, MessageBody="m", MessageAttributes=attributes)
    (message,) = receive(target, url, MessageAttributeNames=["All"])
    assert message["MessageAttributes"]["b"]["BinaryValue"] == b"\x00\xff"


@check
def a_fifo_queue_has_attributes_of_its_own(target: Target) -> None:
    """API GetQueueAttributes: FIFO; moto test_create_fifo_queue, verified against AWS"""
    told = target.boto("sqs").get_queue_attributes(QueueUrl=a_queue(target, FifoQueue="true"), AttributeNames=["All"])
    wanted = {
        "FifoQueue": "true", "ContentBasedDeduplication": "false", "DeduplicationScope": "queue",
        "FifoThroughputLimit": "perQueue", "MaximumMessageSize": "1048576",
    }  # fmt: skip
    assert {name: told["Attributes"].get(name) for name in wanted} == wanted


@check
def a_fifo_message_has_no_delay_of_its_own(target: Target) -> None:
    """API SendMessage: DelaySeconds: not per message on a FIFO queue; moto, verified against AWS"""
    said = {"MessageBody": "m", "MessageGroupId": "g", "MessageDeduplicationId": "d", "DelaySeconds": 5}
    found = refusal(target.boto("sqs").send_message, QueueUrl=a_queue(target, FifoQueue="true"), **said)
    assert (found.code, found.status) == ("InvalidParameterValue", 400)
    assert found.message.startswith("Value 5 for parameter DelaySeconds is invalid.")


@check
def a_message_twice_is_one_in_a_fifo_queue(target: Target) -> None:
    """API SendMessage: MessageDeduplicationId"""
    sqs, url = target.boto("sqs"), a_queue(target, FifoQueue="true")
    for body in ("one", "other"):
        sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId="g", MessageDeduplicationId="d")
    assert [message["Body"] for message in receive(target, url, MaxNumberOfMessages=10)] == ["one"]


@check
def an_empty_batch_is_told_by_its_operation(target: Target) -> None:
    """API DeleteMessageBatch: EmptyBatchRequest; moto, verified against AWS"""
    found = refusal(target.boto("sqs").delete_message_batch, QueueUrl=a_queue(target), Entries=[])
    assert (found.code, found.status) == ("AWS.SimpleQueueService.EmptyBatchRequest", 400)
    assert found.message == "There should be at least one DeleteMessageBatchRequestEntry in the request."


@check
def ids_in_a_batch_are_words_and_differ(target: Target) -> None:
    """API SendMessageBatch: InvalidBatchEntryId, BatchEntryIdsNotDistinct; moto, verified against AWS"""
    send, url = target.boto("sqs").send_message_batch, a_queue(target)
    for name in ("", "i" * 81, "a.b"):
        found = refusal(send, QueueUrl=url, Entries=[{"Id": name, "MessageBody": "m"}])
        assert found.message.startswith("A batch entry id can only contain alphanumeric characters")
    twice = [{"Id": "a", "MessageBody": "m"}, {"Id": "a", "MessageBody": "m"}]
    found = refusal(send, QueueUrl=url, Entries=twice)
    assert (found.code, found.message) == ("AWS.SimpleQueueService.BatchEntryIdsNotDistinct", "Id a repeated.")


@check
def ten_entries_are_the_most(target: Target) -> None:
    """API SendMessageBatch: TooManyEntriesInBatchRequest"""
    entries = [{"Id": str(number), "MessageBody": "m"} for number in range(11)]
    found = refused(target.boto("sqs").send_message_batch, QueueUrl=a_queue(target), Entries=entries)
    assert found == ("AWS.SimpleQueueService.TooManyEntriesInBatchRequest", 400)


@check
def a_message_that_fails_again_and_again_is_dead(target: Target) -> None:
    """API SetQueueAttributes: RedrivePolicy"""
    sqs, dead = target.boto("sqs"), a_queue(target)
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    url = a_queue(target, RedrivePolicy=json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1}))
    sqs.send_message(QueueUrl=url, MessageBody="m")
    assert receive(target, url, VisibilityTimeout=0)
    assert receive(target, url, VisibilityTimeout=0) == []
    assert [message["Body"] for message in receive(target, dead)] == ["m"]


@check
def an_attribute_that_is_none_is_refused(target: Target) -> None:
    """API GetQueueAttributes: InvalidAttributeName"""
    found = refused(target.boto("sqs").get_queue_attributes, QueueUrl=a_queue(target), AttributeNames=["Color"])
    assert found == ("InvalidAttributeName", 400)


@check
def a_number_out_of_range_is_refused(target: Target) -> None:
    """API CreateQueue: MessageRetentionPeriod: 60 to 1,209,600; InvalidAttributeValue"""
    wanted = {"QueueName": fresh(), "Attributes": {"MessageRetentionPeriod": "59"}}
    assert refused(target.boto("sqs").create_queue, **wanted) == ("InvalidAttributeValue", 400)
