"""Queues and topics driven by boto3, and rules that send to them."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from conftest import RunningServer

ACCOUNT = "us-east-1:000000000000"


@pytest.fixture(scope="module")
def sqs(server: RunningServer) -> Any:
    return server.boto("sqs")


@pytest.fixture(scope="module")
def sns(server: RunningServer) -> Any:
    return server.boto("sns")


@pytest.fixture
def name() -> str:
    return f"q-{uuid.uuid4().hex[:10]}"


def fault(call: Any, **request: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**request)
    code: str = caught.value.response["Error"]["Code"]
    return code


def bodies(sqs: Any, url: str, **asked: Any) -> list[str]:
    """Receives all available messages and deletes each."""
    found: list[str] = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, **asked).get("Messages", []):
        for message in messages:
            found.append(message["Body"])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


def test_a_queues_life(sqs: Any, name: str) -> None:
    url = sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "5"}, tags={"a": "b"})["QueueUrl"]
    assert sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "5"})["QueueUrl"] == url
    with pytest.raises(sqs.exceptions.QueueNameExists):
        sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "6"})
    assert sqs.get_queue_url(QueueName=name)["QueueUrl"] == url
    assert sqs.list_queues(QueueNamePrefix=name)["QueueUrls"] == [url]
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"a": "b"}
    sqs.tag_queue(QueueUrl=url, Tags={"c": "d"})
    sqs.untag_queue(QueueUrl=url, TagKeys=["a"])
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"c": "d"}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"DelaySeconds": "1"})
    described = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert (described["QueueArn"], described["VisibilityTimeout"], described["DelaySeconds"]) == (
        f"arn:aws:sqs:{ACCOUNT}:{name}",
        "5",
        "1",
    )
    sqs.send_message(QueueUrl=url, MessageBody="x")
    described = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessagesDelayed"])[
        "Attributes"
    ]
    assert described == {"ApproximateNumberOfMessagesDelayed": "1"}
    sqs.purge_queue(QueueUrl=url)
    sqs.delete_queue(QueueUrl=url)
    for call, more in ((sqs.send_message, {"MessageBody": "x"}), (sqs.receive_message, {}), (sqs.delete_queue, {})):
        with pytest.raises(sqs.exceptions.QueueDoesNotExist) as caught:
            call(QueueUrl=url, **more)
        assert caught.value.response["Error"]["Code"] == "AWS.SimpleQueueService.NonExistentQueue"


def test_a_message_comes_again_unless_it_is_deleted(sqs: Any, name: str) -> None:
    url = sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "1"})["QueueUrl"]
    attributes = {"n": {"DataType": "Number", "StringValue": "5"}, "b": {"DataType": "Binary", "BinaryValue": b"\0\1"}}
    sent = sqs.send_message(QueueUrl=url, MessageBody="hello", MessageAttributes=attributes)
    assert sent["MD5OfMessageBody"] == hashlib.md5(b"hello", usedforsecurity=False).hexdigest()
    asked = {"QueueUrl": url, "MessageAttributeNames": ["All"], "AttributeNames": ["All"]}
    (first,) = sqs.receive_message(**asked)["Messages"]
    assert (first["Body"], first["MessageId"], first["MessageAttributes"]) == ("hello", sent["MessageId"], attributes)
    assert first["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert first["Attributes"]["ApproximateReceiveCount"] == "1"
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    (again,) = sqs.receive_message(**asked, WaitTimeSeconds=5)["Messages"]
    assert (again["MessageId"], again["Attributes"]["ApproximateReceiveCount"]) == (sent["MessageId"], "2")
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"], VisibilityTimeout=0)
    assert (
        fault(sqs.change_message_visibility, QueueUrl=url, ReceiptHandle=first["ReceiptHandle"], VisibilityTimeout=0)
        == "InvalidParameterValue"
    )
    (third,) = sqs.receive_message(QueueUrl=url)["Messages"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=third["ReceiptHandle"])
    assert "Messages" not in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=2)


def test_the_digest_of_attributes_is_that_of_awss_clients(sqs: Any, name: str) -> None:
    """By hand: name, type and value, each behind its length in four bytes, the value also behind a byte for its kind."""
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    sent = sqs.send_message(
        QueueUrl=url, MessageBody="x", MessageAttributes={"a": {"DataType": "String", "StringValue": "v"}}
    )
    digested = b"\0\0\0\1a" + b"\0\0\0\6String" + b"\1" + b"\0\0\0\1v"
    assert sent["MD5OfMessageAttributes"] == hashlib.md5(digested, usedforsecurity=False).hexdigest()


def test_who_waits_is_answered_when_a_message_comes_and_keeps_nobody_from_an_answer(
    server: RunningServer, sqs: Any, name: str
) -> None:
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    got: list[float] = []

    def wait() -> None:
        answer = server.boto("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=20)
        got.append(time.monotonic() if "Messages" in answer else 0.0)

    waiting = [threading.Thread(target=wait) for _ in range(6)]
    for one in waiting:
        one.start()
    time.sleep(1)
    begun = time.monotonic()
    server.boto("sagemaker").list_models()
    assert time.monotonic() - begun < 10, "it stood behind those who wait"
    sending = time.monotonic()  # whoever waits may have its message before the sender has an answer
    sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": str(n), "MessageBody": "x"} for n in range(6)])
    for one in waiting:
        one.join()
    assert len(got) == 6
    assert all(sending < at < sending + 12 for at in got), [at - sending for at in got]


def test_batches(sqs: Any, name: str) -> None:
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    entries = [{"Id": str(number), "MessageBody": str(number)} for number in range(10)]
    assert len(sqs.send_message_batch(QueueUrl=url, Entries=entries)["Successful"]) == 10
    found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert [one["Body"] for one in found] == [str(number) for number in range(10)]
    handles = [{"Id": one["Body"], "ReceiptHandle": one["ReceiptHandle"]} for one in found]
    shown = [one | {"VisibilityTimeout": 0} for one in handles[:2]] + [
        {"Id": "x", "ReceiptHandle": "x", "VisibilityTimeout": 0}
    ]
    answer = sqs.change_message_visibility_batch(QueueUrl=url, Entries=shown)
    assert [one["Id"] for one in answer["Failed"]] == ["x"]
    assert len(sqs.delete_message_batch(QueueUrl=url, Entries=handles)["Successful"]) == 10
    assert bodies(sqs, url) == []
    with pytest.raises(sqs.exceptions.TooManyEntriesInBatchRequest):
        sqs.send_message_batch(QueueUrl=url, Entries=[*entries, {"Id": "10", "MessageBody": "x"}])
    with pytest.raises(sqs.exceptions.BatchEntryIdsNotDistinct):
        sqs.send_message_batch(QueueUrl=url, Entries=[entries[0]] * 2)


def test_what_is_received_too_often_is_a_dead_letter(sqs: Any, name: str) -> None:
    dead = sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
    policy = {"deadLetterTargetArn": f"arn:aws:sqs:{ACCOUNT}:{name}-dead", "maxReceiveCount": "2"}
    url = sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "0", "RedrivePolicy": json.dumps(policy)})[
        "QueueUrl"
    ]
    sqs.send_message(QueueUrl=url, MessageBody="poison")
    for _ in range(2):
        assert len(sqs.receive_message(QueueUrl=url)["Messages"]) == 1
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    assert bodies(sqs, dead) == ["poison"]
    wrong = json.dumps(policy | {"deadLetterTargetArn": f"arn:aws:sqs:{ACCOUNT}:none"})
    assert fault(sqs.set_queue_attributes, QueueUrl=url, Attributes={"RedrivePolicy": wrong}) == "InvalidAttributeValue"


def test_a_fifo_queue_keeps_the_order_of_a_group_and_knows_what_was_sent(sqs: Any, name: str) -> None:
    url = sqs.create_queue(
        QueueName=f"{name}.fifo", Attributes={"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    )["QueueUrl"]
    for body in ("1", "2", "2", "3"):
        sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId="g")
    sqs.send_message(QueueUrl=url, MessageBody="other", MessageGroupId="h")
    (first,) = sqs.receive_message(QueueUrl=url)["Messages"]
    assert first["Body"] == "1"
    (second,) = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert second["Body"] == "other"
    sqs.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
    assert bodies(sqs, url) == ["2", "3"]
    assert fault(sqs.send_message, QueueUrl=url, MessageBody="x") == "MissingParameter"


@pytest.mark.parametrize(("request_", "code"), [
    ({"QueueName": "a b"}, "InvalidParameterValue"),
    ({"QueueName": "a.fifo"}, "InvalidParameterValue"),
    ({"QueueName": "a", "Attributes": {"VisibilityTimeout": "-1"}}, "InvalidAttributeValue"),
    ({"QueueName": "a", "Attributes": {"Colour": "red"}}, "InvalidAttributeName"),
])  # fmt: skip
def test_what_is_no_queue(sqs: Any, request_: dict[str, Any], code: str) -> None:
    assert fault(sqs.create_queue, **request_) == code


def test_what_is_no_message(sqs: Any, name: str) -> None:
    url = sqs.create_queue(QueueName=name, Attributes={"MaximumMessageSize": "1024"})["QueueUrl"]
    assert fault(sqs.send_message, QueueUrl=url, MessageBody="x" * 1025) == "InvalidParameterValue"
    assert fault(sqs.send_message, QueueUrl=url, MessageBody="x", DelaySeconds=901) == "InvalidParameterValue"
    assert fault(sqs.receive_message, QueueUrl=url, MaxNumberOfMessages=11) == "InvalidParameterValue"
    assert fault(sqs.receive_message, QueueUrl=url, WaitTimeSeconds=21) == "InvalidParameterValue"


def test_what_is_published_reaches_the_queues_that_subscribe(sqs: Any, sns: Any, name: str) -> None:
    topic = sns.create_topic(Name=name, Tags=[{"Key": "a", "Value": "b"}])["TopicArn"]
    assert topic == f"arn:aws:sns:{ACCOUNT}:{name}"
    assert sns.create_topic(Name=name)["TopicArn"] == topic
    assert sns.list_tags_for_resource(ResourceArn=topic)["Tags"] == [{"Key": "a", "Value": "b"}]
    plain, raw = (sqs.create_queue(QueueName=f"{name}-{kind}")["QueueUrl"] for kind in ("plain", "raw"))
    arns = [f"arn:aws:sqs:{ACCOUNT}:{name}-{kind}" for kind in ("plain", "raw")]
    first = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arns[0])["SubscriptionArn"]
    assert sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arns[0])["SubscriptionArn"] == first
    policy = {"kind": ["alert"], "level": [{"numeric": [">", 3]}]}
    options = {"RawMessageDelivery": "true", "FilterPolicy": json.dumps(policy)}
    second = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arns[1], Attributes=options)["SubscriptionArn"]
    assert {one["SubscriptionArn"] for one in sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]} == {
        first,
        second,
    }
    assert sns.get_topic_attributes(TopicArn=topic)["Attributes"]["SubscriptionsConfirmed"] == "2"

    def attributes(kind: str, level: int) -> dict[str, Any]:
        return {
            "kind": {"DataType": "String", "StringValue": kind},
            "level": {"DataType": "Number", "StringValue": str(level)},
        }

    published = sns.publish(TopicArn=topic, Message="one", Subject="s")
    sns.publish(TopicArn=topic, Message="two", MessageAttributes=attributes("alert", 4))
    sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=[
        {"Id": "a", "Message": "three", "MessageAttributes": attributes("alert", 3)},
    ])  # fmt: skip
    described = [json.loads(body) for body in bodies(sqs, plain)]
    assert [one["Message"] for one in described] == ["one", "two", "three"]
    assert {key: described[0][key] for key in ("Type", "TopicArn", "MessageId", "Subject")} == {
        "Type": "Notification", "TopicArn": topic, "MessageId": published["MessageId"], "Subject": "s",
    }  # fmt: skip
    assert described[1]["MessageAttributes"]["kind"] == {"Type": "String", "Value": "alert"}
    (message,) = sqs.receive_message(QueueUrl=raw, MessageAttributeNames=["All"])["Messages"]
    assert (message["Body"], message["MessageAttributes"]) == ("two", attributes("alert", 4))
    sns.set_subscription_attributes(SubscriptionArn=second, AttributeName="FilterPolicy", AttributeValue="{}")
    assert "FilterPolicy" not in sns.get_subscription_attributes(SubscriptionArn=second)["Attributes"]
    sns.unsubscribe(SubscriptionArn=first)
    sns.publish(TopicArn=topic, Message=json.dumps({"default": "d", "sqs": "q"}), MessageStructure="json")
    assert (bodies(sqs, plain), bodies(sqs, raw)) == ([], ["q"])
    assert fault(sns.subscribe, TopicArn=topic, Protocol="email", Endpoint="a@b.c") == "InvalidParameter"
    sns.delete_topic(TopicArn=topic)
    with pytest.raises(sns.exceptions.NotFoundException):
        sns.publish(TopicArn=topic, Message="x")
    assert topic not in [one["TopicArn"] for one in sns.list_topics()["Topics"]]


def test_rules_send_to_queues_and_topics(server: RunningServer, sqs: Any, sns: Any, name: str) -> None:
    events = server.boto("events")
    urls = {kind: sqs.create_queue(QueueName=f"{name}-{kind}")["QueueUrl"] for kind in ("direct", "fanned", "dead")}
    arns = {kind: f"arn:aws:sqs:{ACCOUNT}:{name}-{kind}" for kind in urls}
    topic = sns.create_topic(Name=name)["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arns["fanned"], Attributes={"RawMessageDelivery": "true"})
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    targets = [
        {"Id": "queue", "Arn": arns["direct"], "InputPath": "$.detail"},
        {"Id": "topic", "Arn": topic, "InputPath": "$.detail"},
        {"Id": "gone", "Arn": f"arn:aws:sqs:{ACCOUNT}:none", "DeadLetterConfig": {"Arn": arns["dead"]}},
    ]
    assert events.put_targets(Rule=name, Targets=targets)["FailedEntryCount"] == 0
    events.put_events(Entries=[{"Source": name, "DetailType": "t", "Detail": json.dumps({"n": n})} for n in range(3)])
    for kind in ("direct", "fanned"):
        got: list[str] = []
        deadline = time.monotonic() + 30
        while len(got) < 3 and time.monotonic() < deadline:
            got += bodies(sqs, urls[kind], WaitTimeSeconds=1)
        assert [json.loads(one) for one in got] == [{"n": n} for n in range(3)]
    found = sqs.receive_message(QueueUrl=urls["dead"], MessageAttributeNames=["All"], WaitTimeSeconds=20)["Messages"]
    assert found[0]["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "QueueDoesNotExist"
    assert json.loads(found[0]["Body"])["source"] == name


@pytest.mark.parametrize("version", ["1", "2"])
def test_messages_are_signed(server: RunningServer, sqs: Any, sns: Any, name: str, version: str) -> None:
    """As AWS's guide verifies them, also those that a rule has sent."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    topic = sns.create_topic(Name=name, Attributes={"SignatureVersion": version})["TopicArn"]
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{ACCOUNT}:{name}")
    events = server.boto("events")
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": topic, "Input": '"by rule"'}])
    sns.publish(TopicArn=topic, Message="hello", Subject="s")
    events.put_events(Entries=[{"Source": name, "DetailType": "t", "Detail": "{}"}])
    seen: list[str] = []
    while len(seen) < 2:
        (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        described = json.loads(message["Body"])
        seen.append(described["Message"])
        with urlopen(described["SigningCertURL"]) as answer:
            key = x509.load_pem_x509_certificate(answer.read()).public_key()
        fields = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
        signed = "".join(f"{field}\n{described[field]}\n" for field in fields if field in described).encode()
        by = hashes.SHA1() if version == "1" else hashes.SHA256()
        assert described["SignatureVersion"] == version
        key.verify(base64.b64decode(described["Signature"]), signed, padding.PKCS1v15(), by)  # type: ignore[union-attr, call-arg]
    assert sorted(seen) == ['"by rule"', "hello"]


NO_POLICIES = (
    "no JSON",
    "[]",
    '"text"',
    "[" * 5000,
    '{"Version": "2012-10-17", "Statement": ["odd"]}',
    '{"Statement": "odd"}',
)


def test_a_queues_policy_is_a_policy(server: RunningServer) -> None:
    """One with a statement that is none isn't kept either: the next permission would be put beside it, or lose it."""
    sqs = server.boto("sqs")
    url = sqs.create_queue(QueueName="with-a-policy")["QueueUrl"]
    for text in NO_POLICIES:
        with pytest.raises(ClientError) as caught:
            sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": text})
        assert caught.value.response["Error"]["Code"] == "InvalidAttributeValue"
    single = {
        "Version": "2012-10-17",
        "Statement": {"Sid": "zero", "Effect": "Deny", "Principal": "*", "Action": "sqs:*"},
    }
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(single)})
    sqs.add_permission(QueueUrl=url, Label="one", AWSAccountIds=["000000000000"], Actions=["SendMessage"])
    policy = json.loads(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"])
    assert [statement["Sid"] for statement in policy["Statement"]] == ["zero", "one"]
    for label in ("zero", "one"):
        sqs.remove_permission(QueueUrl=url, Label=label)
    assert "Attributes" not in sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])


def test_a_topics_policy_is_a_policy(server: RunningServer) -> None:
    sns = server.boto("sns")
    arn = sns.create_topic(Name="with-a-policy")["TopicArn"]
    before = sns.get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"]
    for text in NO_POLICIES:
        with pytest.raises(sns.exceptions.InvalidParameterException):
            sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=text)
    assert sns.get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"] == before


def test_a_buss_policy_is_a_policy(server: RunningServer) -> None:
    events = server.boto("events")
    for text in NO_POLICIES:
        with pytest.raises(ClientError, match="Parameter Policy is not valid") as caught:
            events.put_permission(Policy=text)
        assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert "Policy" not in events.describe_event_bus()
    events.put_permission(StatementId="one", Principal="*", Action="events:PutEvents")
    assert [one["Sid"] for one in json.loads(events.describe_event_bus()["Policy"])["Statement"]] == ["one"]
    events.remove_permission(StatementId="one")
    assert "Policy" not in events.describe_event_bus()


def test_a_rule_whose_names_lead_too_deep_is_refused(server: RunningServer) -> None:
    events = server.boto("events")
    with pytest.raises(events.exceptions.InvalidEventPatternException):
        events.put_rule(Name="deep", EventPattern=json.dumps({".".join("a" * 1000): ["x"]}))
