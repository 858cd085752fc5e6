"""SQS."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import urlencode

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session

from services.check import check
from services.target import REGION, Target, fresh, refusal, refused

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
    described = target.boto("sqs").get_queue_attributes(
        QueueUrl=a_queue(target, FifoQueue="true"), AttributeNames=["All"]
    )
    wanted = {
        "FifoQueue": "true", "ContentBasedDeduplication": "false", "DeduplicationScope": "queue",
        "FifoThroughputLimit": "perQueue", "MaximumMessageSize": "1048576",
    }  # fmt: skip
    assert {name: described["Attributes"].get(name) for name in wanted} == wanted


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


@check
def a_fifo_queue_numbers_its_messages(target: Target) -> None:
    """API SendMessage: SequenceNumber; recorded on AWS: localstack test_sqs::test_fifo_message_attributes"""
    sqs, url = target.boto("sqs"), a_queue(target, FifoQueue="true")
    asked = {"QueueUrl": url, "MessageBody": "m", "MessageGroupId": "g"}
    sent = [sqs.send_message(**asked, MessageDeduplicationId=token)["SequenceNumber"] for token in ("1", "2")]
    assert len(sent[0]) == 20
    assert sent[0] < sent[1]
    (first, second) = receive(target, url, MaxNumberOfMessages=2, AttributeNames=["All"])
    described = [
        (one["Attributes"]["SequenceNumber"], one["Attributes"]["MessageDeduplicationId"]) for one in (first, second)
    ]
    assert described == [(sent[0], "1"), (sent[1], "2")]


@check
def a_number_is_never_given_again(target: Target) -> None:
    """API SendMessage: SequenceNumber continues to increase for a MessageGroupId"""
    sqs, url = target.boto("sqs"), a_queue(target, FifoQueue="true", ContentBasedDeduplication="true")
    numbers = []
    for body in ("a", "b"):
        numbers.append(sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId="g")["SequenceNumber"])
        (message,) = receive(target, url)
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert numbers[0] < numbers[1]


@check
def tokens_may_be_of_a_group(target: Target) -> None:
    """Recorded on AWS: localstack test_sqs::test_sqs_fifo_message_group_scope_no_throughput_setting"""
    url = a_queue(target, FifoQueue="true", DeduplicationScope="messageGroup")
    for group, body in (("1", "a"), ("2", "b"), ("2", "c")):
        asked = {"MessageGroupId": group, "MessageDeduplicationId": "same"}
        target.boto("sqs").send_message(QueueUrl=url, MessageBody=body, **asked)
    assert {one["Body"] for one in receive(target, url, MaxNumberOfMessages=10)} == {"a", "b"}


@check
def a_message_keeps_its_trace(target: Target) -> None:
    """API SendMessage: AWSTraceHeader; recorded on AWS: localstack
    test_sqs::test_system_attributes_have_no_effect_on_attr_md5, test_dead_letter_queue_message_attributes"""
    sqs, dead = target.boto("sqs"), a_queue(target)
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    url = a_queue(target, RedrivePolicy=json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "1"}))
    text = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
    trace = {"AWSTraceHeader": {"DataType": "String", "StringValue": text}}
    sent = sqs.send_message(QueueUrl=url, MessageBody="m", MessageSystemAttributes=trace)
    assert sent["MD5OfMessageSystemAttributes"] == "5ae4d5d7636402d80f4eb6d213245a88"
    for _ in range(2):
        receive(target, url, VisibilityTimeout=0)
    (message,) = receive(target, dead, AttributeNames=["All"])
    assert message["Attributes"]["AWSTraceHeader"] == text
    source = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    assert message["Attributes"]["DeadLetterQueueSourceArn"] == source
    assert sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == [url]


@check
def a_fifo_queue_s_message_is_deleted_in_time(target: Target) -> None:
    """Recorded on AWS: localstack test_sqs::test_fifo_delete_after_visibility_timeout"""
    url = a_queue(target, FifoQueue="true", ContentBasedDeduplication="true")
    target.boto("sqs").send_message(QueueUrl=url, MessageBody="m", MessageGroupId="g")
    (message,) = receive(target, url, VisibilityTimeout=0)
    found = refusal(target.boto("sqs").delete_message, QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert found.code == "InvalidParameterValue"
    assert found.message.endswith("Reason: The receipt handle has expired.")


@check
def an_earlier_handle_hides_no_less(target: Target) -> None:
    """Recorded on AWS: localstack test_sqs::test_terminate_visibility_timeout_after_receive"""
    sqs, url = target.boto("sqs"), a_queue(target)
    sqs.send_message(QueueUrl=url, MessageBody="m")
    (first,) = receive(target, url, VisibilityTimeout=0)
    receive(target, url, VisibilityTimeout=30)
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"], VisibilityTimeout=0)
    assert len(receive(target, url)) == 1


@check
def names_of_attributes_are_words(target: Target) -> None:
    """Recorded on AWS: localstack test_sqs::test_send_message_with_invalid_string_attributes"""
    asked = {"QueueUrl": a_queue(target), "MessageBody": "m"}
    send, value = target.boto("sqs").send_message, {"DataType": "String", "StringValue": "v"}
    assert "MessageId" in send(**asked, MessageAttributes={"attr.1øßä": value})
    for name in ("aWs.a", "AMAZON.a", ".a", "a.", "a!b", "L" * 257):
        assert refused(send, **asked, MessageAttributes={name: value}) == ("InvalidParameterValue", 400)


@check
def a_key_of_kms_ends_the_queue_s_own_encryption(target: Target) -> None:
    """Recorded on AWS: localstack test_sqs::test_set_queue_attributes_default_values"""
    sqs, url = target.boto("sqs"), a_queue(target)
    described = []
    for key in ("testKeyId", ""):
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"KmsMasterKeyId": key})
        described.append(
            sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]["SqsManagedSseEnabled"]
        )
    assert described == ["false", "false"]


@check
def permissions_are_statements_of_the_policy(target: Target) -> None:
    """Recorded on AWS: localstack test_sqs::test_sqs_permission_lifecycle"""
    sqs, url = target.boto("sqs"), a_queue(target)
    asked = {"QueueUrl": url, "Label": "l", "AWSAccountIds": [target.account], "Actions": ["ReceiveMessage"]}
    sqs.add_permission(**asked)
    assert refused(sqs.add_permission, **asked) == ("InvalidParameterValue", 400)
    described = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"]
    (statement,) = json.loads(described)["Statement"]
    assert (statement["Sid"], statement["Action"]) == ("l", "SQS:ReceiveMessage")
    assert statement["Principal"] == {"AWS": f"arn:aws:iam::{target.account}:root"}
    sqs.remove_permission(QueueUrl=url, Label="l")
    assert "Attributes" not in sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])
    assert refused(sqs.remove_permission, QueueUrl=url, Label="l") == ("InvalidParameterValue", 400)


def form(target: Target, url: str, **parameters: str) -> tuple[int, str]:
    """A signed request of the query protocol, and what is answered."""
    body = urlencode({"Version": "2012-11-05", **parameters})
    request = AWSRequest("POST", url, {"Content-Type": "application/x-www-form-urlencoded"}, body)
    SigV4Auth(Credentials(target.access, target.secret), "sqs", REGION).add_auth(request)
    response = URLLib3Session().send(request.prepare())
    return response.status_code, response.text


@check
def clients_of_before_ask_by_forms(target: Target) -> None:
    """Recorded on AWS: localstack test_sqs::TestSqsQueryApi"""
    status, made = form(target, target.endpoint, Action="CreateQueue", QueueName=fresh(),
                        **{"Attribute.1.Name": "DelaySeconds", "Attribute.1.Value": "0"})  # fmt: skip
    url = made.partition("<QueueUrl>")[2].partition("</QueueUrl>")[0]
    assert (status, url[:4]) == (200, "http")
    attribute = {"MessageAttribute.1.Name": "a", "MessageAttribute.1.Value.DataType": "String",
                 "MessageAttribute.1.Value.StringValue": "v<"}  # fmt: skip
    assert form(target, url, Action="SendMessage", MessageBody="m&", **attribute)[0] == 200
    described = form(target, url, Action="ReceiveMessage", **{"MessageAttributeName.1": "All"})[1]
    assert "<ReceiveMessageResult><Message><MessageId>" in described
    assert "<Body>m&amp;</Body>" in described
    assert "<MessageAttribute><Name>a</Name><Value><StringValue>v&lt;</StringValue>" in described


@check
def errors_of_forms_have_the_codes_of_before(target: Target) -> None:
    """Recorded on AWS: localstack test_sqs::TestSqsQueryApi::test_get_on_deleted_queue_fails, test_get_list_queues_fails"""
    status, described = form(target, f"{target.endpoint}/{target.account}/{fresh()}", Action="ReceiveMessage")
    assert status == 400
    assert "<Code>AWS.SimpleQueueService.NonExistentQueue</Code>" in described
    status, described = form(target, a_queue(target), Action="ListQueues")
    assert (status, "<Code>InvalidAction</Code>" in described) == (400, True)


@check
def an_earlier_handle_deletes_no_less(target: Target) -> None:
    """Recorded on AWS: localstack test_sns_filter_policy::test_filter_policy"""
    sqs, url = target.boto("sqs"), a_queue(target)
    sqs.send_message(QueueUrl=url, MessageBody="m")
    (first,) = receive(target, url, VisibilityTimeout=0)
    receive(target, url, VisibilityTimeout=0)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
    sqs.send_message(QueueUrl=url, MessageBody="n")
    sqs.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
    assert [one["Body"] for one in receive(target, url, MaxNumberOfMessages=10)] == ["n"]


@check
def dead_letters_move_back(target: Target) -> None:
    """Recorded on AWS: localstack test_sqs_move_task::test_move_task_workflow_with_default_destination"""
    sqs, dead, name = target.boto("sqs"), fresh(), fresh()
    sqs.create_queue(QueueName=dead)
    arn = target.arn("sqs", dead)
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})
    url = sqs.create_queue(QueueName=name, Attributes={"RedrivePolicy": policy})["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="m")
    for _ in range(2):
        sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)
    assert json.loads(base64.b64decode(sqs.start_message_move_task(SourceArn=arn)["TaskHandle"]))["sourceArn"] == arn
    (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]
    assert message["Body"] == "m"


@check
def a_queue_without_dead_letters_has_no_move_tasks(target: Target) -> None:
    """Recorded on AWS: localstack test_sqs_move_task::test_source_needs_redrive_policy, test_cancel_with_invalid_task_handle"""
    sqs, name = target.boto("sqs"), fresh()
    sqs.create_queue(QueueName=name)
    found = refusal(sqs.start_message_move_task, SourceArn=target.arn("sqs", name))
    assert (found.code, found.message) == (
        "InvalidParameterValue",
        "Source queue must be configured as a Dead Letter Queue.",
    )
    found = refusal(sqs.cancel_message_move_task, TaskHandle="foobared")
    assert (found.code, found.message) == ("InvalidParameterValue", "Value for parameter TaskHandle is invalid.")
    found = refusal(sqs.start_message_move_task, SourceArn=target.arn("sqs", fresh()))
    assert (found.code, found.status) == ("ResourceNotFoundException", 404)
