"""SNS."""

from __future__ import annotations

import json
from typing import Any

from services.check import check
from services.target import Target, fresh, refusal, refused

NOT_FOUND = ("NotFound", 404)


def a_topic(target: Target) -> str:
    arn: str = target.boto("sns").create_topic(Name=fresh())["TopicArn"]
    return arn


def a_queue(target: Target) -> tuple[str, str]:
    """Its URL and its ARN."""
    name = fresh()
    return target.boto("sqs").create_queue(QueueName=name)["QueueUrl"], target.arn("sqs", name)


def received(target: Target, url: str) -> list[str]:
    told = target.boto("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
    return [message["Body"] for message in told.get("Messages", [])]


@check
def the_same_topic_is_made_once(target: Target) -> None:
    """API CreateTopic: idempotent"""
    sns, name = target.boto("sns"), fresh()
    arn = sns.create_topic(Name=name)["TopicArn"]
    assert arn == target.arn("sns", name) == sns.create_topic(Name=name)["TopicArn"]


@check
def a_topic_that_is_not_there_is_not_found(target: Target) -> None:
    """API Subscribe: NotFound; moto, verified against AWS"""
    wanted = {"TopicArn": target.arn("sns", fresh()), "Protocol": "sqs", "Endpoint": target.arn("sqs", "q")}
    found = refusal(target.boto("sns").subscribe, **wanted)
    assert (found.code, found.status, found.message) == (*NOT_FOUND, "Topic does not exist")


@check
def a_message_comes_in_an_envelope(target: Target) -> None:
    """API Publish; developer guide: JSON formats: Type, MessageId, TopicArn, Subject, Message, Timestamp, UnsubscribeURL"""
    sns, topic, (url, arn) = target.boto("sns"), a_topic(target), a_queue(target)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    sent = sns.publish(TopicArn=topic, Message="hello", Subject="s")
    told = json.loads(*received(target, url))
    assert (told["Type"], told["MessageId"], told["TopicArn"]) == ("Notification", sent["MessageId"], topic)
    assert (told["Message"], told["Subject"]) == ("hello", "s")


@check
def an_envelope_is_signed(target: Target) -> None:
    """Developer guide: Verifying the signatures of Amazon SNS messages: SignatureVersion, Signature, SigningCertURL"""
    sns, topic, (url, arn) = target.boto("sns"), a_topic(target), a_queue(target)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    sns.publish(TopicArn=topic, Message="hello")
    assert {"SignatureVersion", "Signature", "SigningCertURL"} <= json.loads(*received(target, url)).keys()


@check
def a_raw_message_comes_as_it_is(target: Target) -> None:
    """API Subscribe: RawMessageDelivery"""
    sns, topic, (url, arn) = target.boto("sns"), a_topic(target), a_queue(target)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    sns.publish(TopicArn=topic, Message="hello")
    assert received(target, url) == ["hello"]


@check
def a_policy_filters_by_attributes(target: Target) -> None:
    """API SetSubscriptionAttributes: FilterPolicy"""
    sns, topic, (url, arn) = target.boto("sns"), a_topic(target), a_queue(target)
    policy = json.dumps({"kind": ["wanted"], "size": [{"numeric": [">", 3]}]})
    sns.subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"FilterPolicy": policy, "RawMessageDelivery": "true"}
    )
    for kind, size in (("wanted", "4"), ("wanted", "3"), ("other", "4")):
        said: dict[str, Any] = {
            "kind": {"DataType": "String", "StringValue": kind},
            "size": {"DataType": "Number", "StringValue": size},
        }
        sns.publish(TopicArn=topic, Message=f"{kind} {size}", MessageAttributes=said)
    assert received(target, url) == ["wanted 4"]


@check
def a_queue_may_come_after_its_subscription(target: Target) -> None:
    """moto test_subscribe_unknown_sqs_queue, verified against AWS; API Subscribe"""
    sns, topic, name = target.boto("sns"), a_topic(target), fresh()
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=target.arn("sqs", name))
    sns.publish(TopicArn=topic, Message="lost")
    url = target.boto("sqs").create_queue(QueueName=name)["QueueUrl"]
    sns.publish(TopicArn=topic, Message="found")
    assert [json.loads(body)["Message"] for body in received(target, url)] == ["found"]


@check
def what_is_no_arn_is_no_queue(target: Target) -> None:
    """API Subscribe: InvalidParameter; moto, verified against AWS"""
    sns, topic = target.boto("sns"), a_topic(target)
    for endpoint in ("unknown", "http://localhost/000000000000/q"):
        found = refusal(sns.subscribe, TopicArn=topic, Protocol="sqs", Endpoint=endpoint)
        assert (found.code, found.status) == ("InvalidParameter", 400)
        assert found.message == "Invalid parameter: SQS endpoint ARN"


@check
def a_fifo_queue_has_no_standard_topic(target: Target) -> None:
    """API Subscribe: InvalidParameter; moto, verified against AWS"""
    wanted = {"TopicArn": a_topic(target), "Protocol": "sqs", "Endpoint": target.arn("sqs", fresh() + ".fifo")}
    found = refusal(target.boto("sns").subscribe, **wanted)
    assert (found.code, found.status) == ("InvalidParameter", 400)
    assert "FIFO SQS Queues can not be subscribed to standard SNS topics" in found.message


@check
def one_queue_has_one_subscription(target: Target) -> None:
    """API Subscribe: a subscription that is there is told again"""
    sns, topic, (_, arn) = target.boto("sns"), a_topic(target), a_queue(target)
    made = {sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)["SubscriptionArn"] for _ in range(2)}
    assert len(made) == 1
    assert [s["Endpoint"] for s in sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]] == [arn]


@check
def an_empty_message_is_refused(target: Target) -> None:
    """API Publish: Message must be non-empty; InvalidParameter"""
    assert refused(target.boto("sns").publish, TopicArn=a_topic(target), Message="") == ("InvalidParameter", 400)


@check
def a_deleted_topic_is_gone(target: Target) -> None:
    """API DeleteTopic: idempotent; API GetTopicAttributes: NotFound"""
    sns, topic = target.boto("sns"), a_topic(target)
    for _ in range(2):
        sns.delete_topic(TopicArn=topic)
    assert refused(sns.get_topic_attributes, TopicArn=topic) == NOT_FOUND


@check
def a_topic_with_other_attributes_is_another(target: Target) -> None:
    """Recorded on AWS: localstack test_sns::test_create_topic_different_attrs, test_create_duplicate_topic_with_more_tags"""
    sns, name = target.boto("sns"), fresh()
    sns.create_topic(Name=name, Attributes={"DisplayName": "a"})
    for asked in ({"Attributes": {"DisplayName": "b"}}, {"Tags": [{"Key": "k", "Value": "v"}]}):
        assert refused(sns.create_topic, Name=name, **asked) == ("InvalidParameter", 400)


@check
def an_arn_has_six_parts(target: Target) -> None:
    """Recorded on AWS: localstack test_sns::test_publish_wrong_arn_format"""
    found = refusal(target.boto("sns").publish, TopicArn="a:b", Message="m")
    assert found.message == "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 2"


@check
def what_is_published_is_checked(target: Target) -> None:
    """Recorded on AWS: localstack test_sns::test_publish_with_empty_subject, test_message_structure_json_exc"""
    sns, arn = target.boto("sns"), a_topic(target)
    for asked in (
        {"Message": "m", "Subject": ""},
        {"Message": "{}", "MessageStructure": "json"},
        {"Message": '{"default": {}}', "MessageStructure": "json"},
        {"Message": "x" * 262_144, "MessageAttributes": {"k": {"DataType": "String", "StringValue": "v"}}},
    ):
        assert refused(sns.publish, TopicArn=arn, **asked) == ("InvalidParameter", 400)


@check
def entries_of_batches_are_checked(target: Target) -> None:
    """Recorded on AWS: localstack test_sns::test_publish_batch_invalid_entry_id, test_publish_batch_too_long_message"""
    sns, arn = target.boto("sns"), a_topic(target)
    for name in ("a.b", "a" * 81):
        entries = [{"Id": name, "Message": "m"}]
        asked = {"TopicArn": arn, "PublishBatchRequestEntries": entries}
        assert refused(sns.publish_batch, **asked) == ("InvalidBatchEntryId", 400)
    asked = {"TopicArn": arn, "PublishBatchRequestEntries": [{"Id": n, "Message": "x" * 200_000} for n in "ab"]}
    assert refused(sns.publish_batch, **asked) == ("BatchRequestTooLong", 400)
