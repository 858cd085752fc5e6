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
    described = target.boto("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
    return [message["Body"] for message in described.get("Messages", [])]


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
    described = json.loads(*received(target, url))
    assert (described["Type"], described["MessageId"], described["TopicArn"]) == (
        "Notification",
        sent["MessageId"],
        topic,
    )
    assert (described["Message"], described["Subject"]) == ("hello", "s")


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
    """API Subscribe: an existing subscription is returned again"""
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


@check
def a_filter_may_be_so_large(target: Target) -> None:
    """Recorded on AWS: localstack test_sns_filter_policy::test_policy_complexity, test_sub_filter_policy_nested_property"""
    sns, arn, (_, queue) = target.boto("sns"), a_topic(target), a_queue(target)
    subscription = sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue)["SubscriptionArn"]
    for policy, message in (
        ({"k": [f"v{number}" for number in range(151)]}, "FilterPolicy: Filter policy is too complex"),
        ({f"k{number}": ["v"] for number in range(6)}, "FilterPolicy: Filter policy can not have more than 5 keys"),
        ({"o": {"k": ["v"]}}, "Filter policy scope MessageAttributes does not support nested filter policy"),
    ):
        asked = {"AttributeName": "FilterPolicy", "AttributeValue": json.dumps(policy)}
        found = refusal(sns.set_subscription_attributes, SubscriptionArn=subscription, **asked)
        assert (found.code, found.message) == ("InvalidParameter", f"Invalid parameter: {message}")


@check
def a_bad_filter_s_place_is_told(target: Target) -> None:
    """Recorded on AWS: localstack test_sns_filter_policy::test_validate_policy_numeric_operator"""
    policy = json.dumps({"key": [{"numeric": [">", 20, 30]}]})
    asked = {"Protocol": "sqs", "Endpoint": a_queue(target)[1], "Attributes": {"FilterPolicy": policy}}
    found = refusal(target.boto("sns").subscribe, TopicArn=a_topic(target), **asked)
    place = ' at [Source: (String)"{"key":[{"numeric":[">",20,30]}]}"; line: 1, column: 30]'
    wanted = "Invalid parameter: Attributes Reason: FilterPolicy: Bad value in numeric range: 30"
    assert found.message == f"{wanted}\n{place}"


@check
def attributes_of_messages_have_names_and_types(target: Target) -> None:
    """Recorded on AWS: localstack test_sns::test_empty_or_wrong_message_attributes"""
    for name, value in (
        ("a", {"DataType": "String", "StringValue": ""}),
        ("a", {"DataType": "Strings", "StringValue": "v"}),
        ("a", {"DataType": "Number", "BinaryValue": b"1"}),
        (".a", {"DataType": "String", "StringValue": "v"}),
        ("a^", {"DataType": "String", "StringValue": "v"}),
    ):
        asked = {"Message": "m", "MessageAttributes": {name: value}}
        assert refused(target.boto("sns").publish, TopicArn=a_topic(target), **asked) == ("ParameterValueInvalid", 400)


@check
def a_subscription_is_made_once(target: Target) -> None:
    """Recorded on AWS: localstack test_sns::test_subscribe_idempotency"""
    asked = {"TopicArn": a_topic(target), "Protocol": "sqs", "Endpoint": a_queue(target)[1]}
    subscribe, raw = target.boto("sns").subscribe, {"RawMessageDelivery": "true"}
    arn = subscribe(**asked, Attributes=raw)["SubscriptionArn"]
    same = {**raw, "FilterPolicyScope": "MessageAttributes"}
    assert arn == subscribe(**asked)["SubscriptionArn"] == subscribe(**asked, Attributes=same)["SubscriptionArn"]
    other = {"RawMessageDelivery": "false"}
    assert refused(subscribe, **asked, Attributes=other) == ("InvalidParameter", 400)


@check
def what_cannot_be_delivered_is_a_dead_letter(target: Target) -> None:
    """Recorded on AWS: localstack test_sns::test_redrive_policy_sqs_queue_subscription"""
    sns, arn, (url, queue), (dead, letters) = target.boto("sns"), a_topic(target), a_queue(target), a_queue(target)
    policy = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": letters}), "RawMessageDelivery": "true"}
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue, Attributes=policy)
    target.boto("sqs").delete_queue(QueueUrl=url)
    sns.publish(TopicArn=arn, Message="m")
    assert received(target, dead) == ["m"]


@check
def a_group_reaches_the_queue(target: Target) -> None:
    """Recorded on AWS: localstack test_sns::test_publish_message_group_id"""
    sns, arn, (url, queue) = target.boto("sns"), a_topic(target), a_queue(target)
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue)
    sns.publish(TopicArn=arn, Message="m", MessageGroupId="g")
    (message,) = target.boto("sqs").receive_message(QueueUrl=url, AttributeNames=["All"])["Messages"]
    assert message["Attributes"]["MessageGroupId"] == "g"


def a_fifo_topic(target: Target, **attributes: str) -> str:
    asked = {"FifoTopic": "true", **attributes}
    arn: str = target.boto("sns").create_topic(Name=f"{fresh()}.fifo", Attributes=asked)["TopicArn"]
    return arn


@check
def a_fifo_topic_sends_once_and_in_order(target: Target) -> None:
    """Recorded on AWS: localstack test_sns::test_message_to_fifo_sqs, test_message_to_fifo_sqs_ordering"""
    sns, sqs, arn, name = target.boto("sns"), target.boto("sqs"), a_fifo_topic(target), f"{fresh()}.fifo"
    url = sqs.create_queue(QueueName=name, Attributes={"FifoQueue": "true"})["QueueUrl"]
    raw = {"RawMessageDelivery": "true"}
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=target.arn("sqs", name), Attributes=raw)
    for text in "abcab":
        described = sns.publish(TopicArn=arn, Message=text, MessageGroupId="g", MessageDeduplicationId=text)
        assert len(described["SequenceNumber"]) == 20
    assert received(target, url) == ["a", "b", "c"]


@check
def a_fifo_topic_knows_a_message_in_every_group(target: Target) -> None:
    """Recorded on AWS: localstack test_sns::test_publish_to_fifo_topic_deduplication_on_topic_level"""
    sns, arn, (url, queue) = target.boto("sns"), a_fifo_topic(target, ContentBasedDeduplication="true"), a_queue(target)
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue, Attributes={"RawMessageDelivery": "true"})
    for group in ("one", "other"):
        sns.publish(TopicArn=arn, Message="m", MessageGroupId=group)
    assert received(target, url) == ["m"]


@check
def a_fifo_envelope_is_numbered(target: Target) -> None:
    """Recorded on AWS: localstack test_sns::test_fifo_topic_to_regular_sqs: SequenceNumber, and no Signature"""
    sns, arn, (url, queue) = target.boto("sns"), a_fifo_topic(target), a_queue(target)
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue)
    sent = sns.publish(TopicArn=arn, Message="m", MessageGroupId="g", MessageDeduplicationId="t")
    described = json.loads(*received(target, url))
    assert described["SequenceNumber"] == sent["SequenceNumber"]
    assert "Signature" not in described


@check
def a_fifo_topic_needs_a_group_and_a_token(target: Target) -> None:
    """Recorded on AWS: localstack test_sns::test_validations_for_fifo, test_publish_batch_exceptions"""
    sns, arn = target.boto("sns"), a_fifo_topic(target)
    found = refusal(sns.publish, TopicArn=arn, Message="m")
    assert found.message == "Invalid parameter: The MessageGroupId parameter is required for FIFO topics"
    found = refusal(sns.publish, TopicArn=arn, Message="m", MessageGroupId="g")
    wanted = (
        "The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"
    )
    assert found.message == f"Invalid parameter: {wanted}"
    entries = [{"Id": "1", "Message": "m"}]
    assert refused(sns.publish_batch, TopicArn=arn, PublishBatchRequestEntries=entries) == ("InvalidParameter", 400)


@check
def a_permission_is_a_statement(target: Target) -> None:
    """Recorded on AWS: localstack test_sns::test_topic_add_permission, test_topic_remove_permission, test_add_permission_errors"""
    sns, arn = target.boto("sns"), a_topic(target)
    asked = {"TopicArn": arn, "Label": "l", "AWSAccountId": [target.account], "ActionName": ["Publish"]}
    sns.add_permission(**asked)
    policy = json.loads(sns.get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"])
    assert (policy["Statement"][-1]["Sid"], policy["Statement"][-1]["Action"]) == ("l", "SNS:Publish")
    assert refusal(sns.add_permission, **asked).message == "Invalid parameter: Statement already exists"
    sns.remove_permission(TopicArn=arn, Label="l")
    policy = json.loads(sns.get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"])
    assert [one["Sid"] for one in policy["Statement"]] == ["__default_statement_ID"]
