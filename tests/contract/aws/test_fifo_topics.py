"""FIFO topics and permissions of topics, driven by boto3."""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from conftest import RunningServer

RAW = {"RawMessageDelivery": "true"}


@pytest.fixture(scope="module")
def sns(server: RunningServer) -> Any:
    return server.boto("sns")


@pytest.fixture(scope="module")
def sqs(server: RunningServer) -> Any:
    return server.boto("sqs")


def topic(sns: Any, **attributes: str) -> str:
    name = f"{uuid.uuid4().hex}.fifo"
    arn: str = sns.create_topic(Name=name, Attributes={"FifoTopic": "true", **attributes})["TopicArn"]
    return arn


def queue(sqs: Any, fifo: bool = True) -> tuple[str, str]:
    name = uuid.uuid4().hex + (".fifo" if fifo else "")
    url: str = sqs.create_queue(QueueName=name, Attributes={"FifoQueue": "true"} if fifo else {})["QueueUrl"]
    return url, f"arn:aws:sqs:us-east-1:000000000000:{name}"


def taken(sqs: Any, url: str) -> list[dict[str, Any]]:
    """All that can be received, deleted at once."""
    found: list[dict[str, Any]] = []
    while page := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"]).get("Messages"):
        for message in page:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        found += page
    return found


def fault(call: Any, **request: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**request)
    message: str = caught.value.response["Error"]["Message"]
    return message


def test_messages_come_in_order_and_once(sns: Any, sqs: Any) -> None:
    arn, (url, end) = topic(sns), queue(sqs)
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=end, Attributes=RAW)
    sent = [
        sns.publish(TopicArn=arn, Message=str(number), MessageGroupId="g", MessageDeduplicationId=str(number))
        for number in range(12)
    ]
    numbers = [one["SequenceNumber"] for one in sent]
    assert numbers == sorted(numbers)
    again = sns.publish(TopicArn=arn, Message="other", MessageGroupId="h", MessageDeduplicationId="3")
    assert (again["MessageId"], again["SequenceNumber"]) == (sent[3]["MessageId"], numbers[3])
    got = taken(sqs, url)
    assert [one["Body"] for one in got] == [str(number) for number in range(12)]
    assert {one["Attributes"]["MessageGroupId"] for one in got} == {"g"}
    assert got[5]["Attributes"]["MessageDeduplicationId"] == "5"


def test_a_message_that_no_subscription_got_is_known_too(sns: Any, sqs: Any) -> None:
    """The topic knows it: not the queue, which a filter kept it from."""
    arn, (url, end) = topic(sns, ContentBasedDeduplication="true"), queue(sqs)
    policy = {"FilterPolicy": json.dumps({"k": ["v"]})}
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=end, Attributes=RAW | policy)
    sns.publish(TopicArn=arn, Message="m", MessageGroupId="g")
    wanted = {"k": {"DataType": "String", "StringValue": "v"}}
    sns.publish(TopicArn=arn, Message="m", MessageGroupId="g", MessageAttributes=wanted)
    assert taken(sqs, url) == []
    sns.publish(TopicArn=arn, Message="n", MessageGroupId="g", MessageAttributes=wanted)
    (message,) = taken(sqs, url)
    assert message["Attributes"]["MessageDeduplicationId"] == hashlib.sha256(b"n").hexdigest()


def test_tokens_may_be_of_a_group(sns: Any, sqs: Any) -> None:
    arn, (url, end) = topic(sns, FifoThroughputScope="MessageGroup"), queue(sqs)
    sqs.set_queue_attributes(
        QueueUrl=url,
        Attributes={"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"},
    )
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=end, Attributes=RAW)
    for group in ("a", "b", "a"):
        sns.publish(TopicArn=arn, Message=group, MessageGroupId=group, MessageDeduplicationId="t")
    assert sorted(one["Body"] for one in taken(sqs, url)) == ["a", "b"]


def test_an_envelope_is_numbered_and_a_plain_queue_knows_no_groups(sns: Any, sqs: Any) -> None:
    arn, (url, end) = topic(sns), queue(sqs, fifo=False)
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=end)
    sent = sns.publish(TopicArn=arn, Message="m", MessageGroupId="g", MessageDeduplicationId="t")
    (message,) = taken(sqs, url)
    described = json.loads(message["Body"])
    assert (described["MessageId"], described["SequenceNumber"]) == (sent["MessageId"], sent["SequenceNumber"])
    assert "Signature" not in described
    assert not {"MessageGroupId", "MessageDeduplicationId"} & message["Attributes"].keys()


def test_what_a_fifo_topic_needs(sns: Any, sqs: Any) -> None:
    arn, plain = topic(sns), sns.create_topic(Name=uuid.uuid4().hex)["TopicArn"]
    assert "MessageGroupId parameter is required" in fault(sns.publish, TopicArn=arn, Message="m")
    assert "ContentBasedDeduplication" in fault(sns.publish, TopicArn=arn, Message="m", MessageGroupId="g")
    entries = [{"Id": "1", "Message": "m", "MessageGroupId": "g"}]
    assert "ContentBasedDeduplication" in fault(sns.publish_batch, TopicArn=arn, PublishBatchRequestEntries=entries)
    assert "not valid for this topic type" in fault(
        sns.publish, TopicArn=plain, Message="m", MessageDeduplicationId="t"
    )
    assert "MessageGroupId" in fault(
        sns.publish, TopicArn=arn, Message="m", MessageGroupId="a b", MessageDeduplicationId="t"
    )
    assert "Topic Name" in fault(sns.create_topic, Name="a.fifo")
    assert "Topic Name" in fault(sns.create_topic, Name="a", Attributes={"FifoTopic": "true"})
    assert "Unknown attribute" in fault(sns.create_topic, Name="a", Attributes={"ContentBasedDeduplication": "true"})
    assert "AttributeValue" in fault(topic, sns=sns, ContentBasedDeduplication="maybe")
    described = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    assert (described["FifoTopic"], described["ContentBasedDeduplication"]) == ("true", "false")
    sns.set_topic_attributes(TopicArn=arn, AttributeName="ContentBasedDeduplication", AttributeValue="true")
    assert sns.publish(TopicArn=arn, Message="m", MessageGroupId="g")["SequenceNumber"]
    _, end = queue(sqs)
    assert "FIFO SQS Queues" in fault(sns.subscribe, TopicArn=plain, Protocol="sqs", Endpoint=end)
    redrive = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": queue(sqs, fifo=False)[1]})}
    assert "must use a FIFO queue" in fault(
        sns.subscribe, TopicArn=arn, Protocol="sqs", Endpoint=end, Attributes=redrive
    )


def test_a_topic_made_again_knows_nothing(sns: Any, sqs: Any) -> None:
    arn, (url, end) = topic(sns), queue(sqs)
    message = {"TopicArn": arn, "Message": "m", "MessageGroupId": "g", "MessageDeduplicationId": "t"}
    first = sns.publish(**message)
    sns.delete_topic(TopicArn=arn)
    sns.create_topic(Name=arn.rpartition(":")[2], Attributes={"FifoTopic": "true"})
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=end, Attributes=RAW)
    assert sns.publish(**message)["MessageId"] != first["MessageId"]
    assert [one["Body"] for one in taken(sqs, url)] == ["m"]


def test_permissions(sns: Any) -> None:
    arn = sns.create_topic(Name=uuid.uuid4().hex)["TopicArn"]
    asked = {"TopicArn": arn, "Label": "l", "AWSAccountId": ["111111111111"], "ActionName": ["Publish"]}
    sns.add_permission(**asked)
    assert "Statement already exists" in fault(sns.add_permission, **asked)
    assert "out of service scope" in fault(sns.add_permission, **{**asked, "Label": "m", "ActionName": ["Fly"]})

    def labels() -> list[str]:
        policy = json.loads(sns.get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"])
        return [statement["Sid"] for statement in policy["Statement"]]

    assert labels() == ["__default_statement_ID", "l"]
    for _ in range(2):
        sns.remove_permission(TopicArn=arn, Label="l")
    assert labels() == ["__default_statement_ID"]
