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


@check
def truth_is_taken_in_any_letters(target: Target) -> None:
    """Recorded on AWS: localstack test_sqs::test_fifo_approximate_number_of_messages_not_visible"""
    asked = {"FifoQueue": "True", "ContentBasedDeduplication": "True"}
    url = target.boto("sqs").create_queue(QueueName=f"{fresh()}.fifo", Attributes=asked)["QueueUrl"]
    assert (
        target.boto("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]["FifoQueue"]
        == "true"
    )


@check
def a_standard_queue_has_none_of_a_fifo_queue_s(target: Target) -> None:
    """Recorded on AWS: localstack test_sqs::test_create_standard_queue_with_fifo_attribute_raises_error"""
    for name, value in (
        ("FifoQueue", "false"),
        ("ContentBasedDeduplication", "false"),
        ("DeduplicationScope", "queue"),
    ):
        asked = {"QueueName": fresh(), "Attributes": {name: value}}
        assert refused(target.boto("sqs").create_queue, **asked) == ("InvalidAttributeName", 400)


@check
def errors_have_a_name_beside_their_code(target: Target) -> None:
    """Recorded on AWS: localstack test_sqs::test_posting_to_fifo_requires_deduplicationid_group_id"""
    found = refusal(target.boto("sqs").receive_message, QueueUrl=a_queue(target), MaxNumberOfMessages=11)
    assert (found.code, found.fields["QueryErrorCode"]) == ("InvalidParameterValue", "InvalidParameterValueException")


@check
def what_a_message_cannot_hold_is_refused(target: Target) -> None:
    """Recorded on AWS: localstack test_sqs::test_send_message_with_empty_string_attribute; API SendMessage"""
    sqs, url = target.boto("sqs"), a_queue(target)
    assert refused(sqs.send_message, QueueUrl=url, MessageBody="a\u0001") == ("InvalidMessageContents", 400)
    empty = {"a": {"DataType": "String", "StringValue": ""}}
    asked = {"QueueUrl": url, "MessageBody": "m"}
    assert refused(sqs.send_message, **asked, MessageAttributes=empty) == ("InvalidParameterValue", 400)
    assert refused(sqs.send_message, **asked, MessageGroupId="a b") == ("InvalidParameterValue", 400)


@check
def attributes_count_with_their_names_and_types(target: Target) -> None:
    """Recorded on AWS: localstack test_sqs::test_send_message_with_updated_maximum_message_size"""
    url = a_queue(target, MaximumMessageSize="1024")
    asked = {"MessageBody": "x" * 1017, "MessageAttributes": {"k": {"DataType": "String", "StringValue": "v"}}}
    assert refused(target.boto("sqs").send_message, QueueUrl=url, **asked) == ("InvalidParameterValue", 400)


@check
def a_group_s_messages_come_together(target: Target) -> None:
    """Recorded on AWS: localstack test_sqs::test_fifo_receive_message_group_id_ordering"""
    url = a_queue(target, FifoQueue="true", ContentBasedDeduplication="true")
    for group, body in (("1", "a"), ("2", "b"), ("1", "c")):
        target.boto("sqs").send_message(QueueUrl=url, MessageBody=body, MessageGroupId=group)
    assert [one["Body"] for one in receive(target, url, MaxNumberOfMessages=10)] == ["a", "c", "b"]


@check
def nothing_is_told_of_what_is_not_there(target: Target) -> None:
    """Recorded on AWS: localstack test_sqs::test_list_queues, test_tag_untag_queue"""
    sqs, url = target.boto("sqs"), a_queue(target)
    assert "QueueUrls" not in sqs.list_queues(QueueNamePrefix=fresh())
    assert "Tags" not in sqs.list_queue_tags(QueueUrl=url)
    assert "Failed" not in sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": "1", "MessageBody": "m"}])
