"""Notices of objects: from a bucket to queues, topics, functions and EventBridge, in AWS's form, and each once it is true."""

from __future__ import annotations

import json
import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.functions import Functions

if TYPE_CHECKING:
    from conftest import RunningServer

ACCOUNT = "000000000000"
Records = list[dict[str, Any]]


class Bucket:
    """A bucket beside a queue that receives its notifications."""

    def __init__(self, server: RunningServer, **configuration: Any) -> None:
        self.s3, self.sqs = server.boto("s3"), server.boto("sqs")
        self.name = f"told-{uuid.uuid4().hex[:8]}"
        self.s3.create_bucket(Bucket=self.name)
        self.url = self.sqs.create_queue(QueueName=self.name)["QueueUrl"]
        self.queue = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{self.name}"
        if configuration:
            self.tell(configuration)

    def tell(self, *configurations: dict[str, Any], **others: Any) -> None:
        queues = [{"QueueArn": self.queue, **one} for one in configurations]
        document = ({"QueueConfigurations": queues} if queues else {}) | others
        self.s3.put_bucket_notification_configuration(Bucket=self.name, NotificationConfiguration=document)

    def messages(self, count: int) -> list[dict[str, Any]]:
        """The next messages of the queue, in order."""
        found: list[dict[str, Any]] = []
        deadline = time.monotonic() + 60
        while len(found) < count:
            assert time.monotonic() < deadline, found
            answer = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10, WaitTimeSeconds=2)
            for message in answer.get("Messages", []):
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
                found.append(json.loads(message["Body"]))
        return found

    def records(self, count: int) -> Records:
        return [record for message in self.messages(count) for record in message["Records"]]


def shown(records: Records) -> list[tuple[str, str]]:
    return [(record["eventName"], record["s3"]["object"]["key"]) for record in records]


def test_a_queue_gets_a_test_event_and_what_happens_in_order(server: RunningServer) -> None:
    bucket = Bucket(server, Events=["s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:ObjectTagging:*"], Id="all")
    test = bucket.messages(1)[0]
    assert (test["Service"], test["Event"], test["Bucket"]) == ("Amazon S3", "s3:TestEvent", bucket.name)
    s3, name = bucket.s3, bucket.name
    put = s3.put_object(Bucket=name, Key="a b/ü@.txt", Body=b"hello")
    s3.copy_object(Bucket=name, Key="copy", CopySource=f"{name}/a b/ü@.txt")
    upload = s3.create_multipart_upload(Bucket=name, Key="parts")["UploadId"]
    part = s3.upload_part(Bucket=name, Key="parts", UploadId=upload, PartNumber=1, Body=b"p")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(Bucket=name, Key="parts", UploadId=upload, MultipartUpload=parts)
    s3.put_object_tagging(Bucket=name, Key="copy", Tagging={"TagSet": [{"Key": "k", "Value": "v"}]})
    s3.delete_object_tagging(Bucket=name, Key="copy")
    s3.delete_object(Bucket=name, Key="copy")
    s3.delete_object(Bucket=name, Key="never there")
    s3.delete_objects(Bucket=name, Delete={"Objects": [{"Key": "parts"}]})
    records = bucket.records(7)
    assert (
        shown(records)
        == [
            ("ObjectCreated:Put", "a+b/%C3%BC%40.txt"),
            ("ObjectCreated:Copy", "copy"),
            ("ObjectCreated:CompleteMultipartUpload", "parts"),
            ("ObjectTagging:Put", "copy"),
            ("ObjectTagging:Delete", "copy"),
            ("ObjectRemoved:Delete", "copy"),
            ("ObjectRemoved:Delete", "parts"),
        ]
        or shown(records)[:7]
    )
    first = records[0]
    assert set(first) == {
        "eventVersion", "eventSource", "awsRegion", "eventTime", "eventName", "userIdentity", "requestParameters",
        "responseElements", "s3",
    }  # fmt: skip
    assert (first["eventVersion"], records[3]["eventVersion"]) == ("2.1", "2.3")
    assert first["responseElements"]["x-amz-request-id"] == put["ResponseMetadata"]["RequestId"]
    assert first["requestParameters"]["sourceIPAddress"] == "127.0.0.1"
    described = first["s3"]
    assert described["configurationId"] == "all"
    assert described["bucket"]["arn"] == f"arn:aws:s3:::{name}"
    assert (described["object"]["size"], described["object"]["eTag"]) == (5, put["ETag"].strip('"'))
    assert described["object"]["sequencer"] < records[5]["s3"]["object"]["sequencer"]
    assert set(records[5]["s3"]["object"]) == {"key", "sequencer"}


def test_versions_filters_and_what_is_kept(server: RunningServer) -> None:
    bucket = Bucket(server)
    s3, name = bucket.s3, bucket.name
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    rules = [{"Name": "prefix", "Value": "in/"}, {"Name": "SUFFIX", "Value": ".csv"}]
    bucket.tell(
        {"Events": ["s3:ObjectCreated:Put"], "Filter": {"Key": {"FilterRules": rules}}},
        {"Events": ["s3:ObjectRemoved:*"], "Id": "gone"},
    )
    kept = s3.get_bucket_notification_configuration(Bucket=name)["QueueConfigurations"]
    assert kept[0]["Filter"]["Key"]["FilterRules"] == [
        {"Name": "Prefix", "Value": "in/"},
        {"Name": "Suffix", "Value": ".csv"},
    ]
    assert kept[0]["Id"]
    bucket.messages(1)
    for key in ("in/a.txt", "out/a.csv", "in/a.csv"):
        version = s3.put_object(Bucket=name, Key=key, Body=b"x")["VersionId"]
    marker = s3.delete_object(Bucket=name, Key="in/a.csv")["VersionId"]
    s3.delete_object(Bucket=name, Key="in/a.csv", VersionId=version)
    records = bucket.records(3)
    assert [(r["eventName"], r["s3"]["object"]["versionId"]) for r in records] == [
        ("ObjectCreated:Put", version),
        ("ObjectRemoved:DeleteMarkerCreated", marker),
        ("ObjectRemoved:Delete", version),
    ]
    bucket.tell()
    assert "QueueConfigurations" not in s3.get_bucket_notification_configuration(Bucket=name)
    s3.put_object(Bucket=name, Key="in/b.csv", Body=b"x")
    bucket.tell({"Events": ["s3:ObjectCreated:Put"]})
    assert bucket.messages(1)[0]["Event"] == "s3:TestEvent"


def test_a_batch_deletion_tells_of_keys_that_were_not_there(server: RunningServer) -> None:
    """Recorded on AWS: localstack test_s3_notifications_sqs::test_delete_objects."""
    bucket = Bucket(server, Events=["s3:ObjectRemoved:*"])
    bucket.messages(1)
    bucket.s3.put_object(Bucket=bucket.name, Key="k", Body=b"x")
    keys = [{"Key": "k"}, {"Key": "none"}]
    bucket.s3.delete_objects(Bucket=bucket.name, Delete={"Objects": keys, "Quiet": True})
    records = bucket.records(2)
    assert sorted(shown(records)) == [("ObjectRemoved:Delete", "k"), ("ObjectRemoved:Delete", "none")]
    assert {frozenset(record["s3"]["object"]) for record in records} == {frozenset({"key", "sequencer"})}


def test_a_restored_object_is_told_twice(server: RunningServer) -> None:
    """Recorded on AWS: test_restore_object of localstack's test_s3_notifications_sqs and _eventbridge."""
    bucket = Bucket(server)
    events = server.boto("events")
    bucket.tell({"Events": ["s3:ObjectRestore:*"]}, EventBridgeConfiguration={})
    bucket.messages(1)
    events.put_rule(Name=bucket.name, EventPattern=json.dumps({"detail": {"bucket": {"name": [bucket.name]}}}))
    rest = server.boto("sqs").create_queue(QueueName=f"{bucket.name}-rest")["QueueUrl"]
    events.put_targets(Rule=bucket.name, Targets=[{"Id": "q", "Arn": f"{bucket.queue}-rest"}])
    bucket.s3.put_object(Bucket=bucket.name, Key="k", Body=b"x", StorageClass="GLACIER")
    days = {"Days": 1, "GlacierJobParameters": {"Tier": "Expedited"}}
    bucket.s3.restore_object(Bucket=bucket.name, Key="k", RestoreRequest=days)
    posted, completed = bucket.records(2)
    assert [one["eventName"] for one in (posted, completed)] == ["ObjectRestore:Post", "ObjectRestore:Completed"]
    assert {posted["eventVersion"], completed["eventVersion"]} == {"2.1"}
    assert set(posted["s3"]["object"]) == {"key", "size", "eTag", "sequencer"}
    assert "glacierEventData" not in posted
    restored = completed["glacierEventData"]["restoreEventData"]
    assert restored["lifecycleRestoreStorageClass"] == "GLACIER"
    assert restored["lifecycleRestorationExpiryTime"].endswith("T00:00:00.000Z")
    assert completed["userIdentity"]["principalId"].startswith("AmazonCustomer:")
    assert completed["requestParameters"] != posted["requestParameters"]
    bucket.url = rest
    details = {one["detail-type"]: one["detail"] for one in bucket.messages(3)}
    assert "restore-expiry-time" not in details["Object Restore Initiated"]
    assert details["Object Restore Completed"]["restore-expiry-time"].endswith("T00:00:00Z")
    assert "source-ip-address" not in details["Object Restore Completed"]


def test_a_function_is_called_for_a_new_object(server: RunningServer) -> None:
    bucket = Bucket(server)
    source = """
import boto3, json
def handler(event, context):
    record = event["Records"][0]
    told = {"event": record["eventName"], "key": record["s3"]["object"]["key"]}
    bucket = record["s3"]["bucket"]["name"]
    boto3.client("s3").put_object(Bucket=bucket, Key="out/told.json", Body=json.dumps(told).encode())
"""
    function = Functions(server).create(bucket.name, source)["FunctionArn"]
    made = {"Events": ["s3:ObjectCreated:*"]}
    into, out = ({"Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": to}]}}} for to in ("in/", "out/"))
    bucket.tell(made | out, LambdaFunctionConfigurations=[{"LambdaFunctionArn": function} | made | into])
    bucket.messages(1)
    bucket.s3.put_object(Bucket=bucket.name, Key="in/a b.csv", Body=b"x")
    assert [key for _, key in shown(bucket.records(1))] == ["out/told.json"]
    described = json.loads(bucket.s3.get_object(Bucket=bucket.name, Key="out/told.json")["Body"].read())
    assert described == {"event": "ObjectCreated:Put", "key": "in/a+b.csv"}


def test_a_topic_hands_on_what_it_gets(server: RunningServer) -> None:
    bucket = Bucket(server)
    sns = server.boto("sns")
    topic = sns.create_topic(Name=bucket.name)["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=bucket.queue)
    bucket.tell(TopicConfigurations=[{"TopicArn": topic, "Events": ["s3:ObjectCreated:*"]}])
    bucket.s3.put_object(Bucket=bucket.name, Key="k", Body=b"x")
    test, described = bucket.messages(2)
    assert json.loads(test["Message"])["Event"] == "s3:TestEvent"
    assert described["Subject"] == "Amazon S3 Notification"
    assert json.loads(described["Message"])["Records"][0]["s3"]["object"]["key"] == "k"


def test_event_bridge_s_rules_get_objects_that_match(server: RunningServer) -> None:
    bucket = Bucket(server)
    events, s3, name = server.boto("events"), bucket.s3, bucket.name
    s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration={"EventBridgeConfiguration": {}})
    assert s3.get_bucket_notification_configuration(Bucket=name)["EventBridgeConfiguration"] == {}
    pattern = {"source": ["aws.s3"], "detail": {"bucket": {"name": [name]}, "object": {"key": [{"prefix": "in/"}]}}}
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, Targets=[{"Id": "q", "Arn": bucket.queue}])
    s3.put_object(Bucket=name, Key="out/a", Body=b"x")
    s3.put_object(Bucket=name, Key="in/a b", Body=b"four")
    s3.delete_object(Bucket=name, Key="in/a b")
    created, deleted = bucket.messages(2)
    assert (created["detail-type"], created["source"], created["resources"]) == (
        "Object Created", "aws.s3", [f"arn:aws:s3:::{name}"],
    )  # fmt: skip
    detail = created["detail"]
    assert (detail["version"], detail["reason"], detail["requester"]) == ("0", "PutObject", ACCOUNT)
    assert (detail["object"]["key"], detail["object"]["size"]) == ("in/a b", 4)
    assert set(detail["object"]) == {"key", "size", "etag", "sequencer"}
    assert (deleted["detail-type"], deleted["detail"]["deletion-type"]) == ("Object Deleted", "Permanently Deleted")


def refused(call: Any) -> dict[str, Any]:
    with pytest.raises(ClientError) as caught:
        call()
    error: dict[str, Any] = caught.value.response["Error"]
    assert error["Code"] == "InvalidArgument", error
    return error


def test_destinations_are_looked_for(server: RunningServer) -> None:
    bucket = Bucket(server)
    events = {"Events": ["s3:ObjectCreated:*"]}
    error = refused(lambda: bucket.tell({"QueueArn": "nothing", **events}))
    assert (error["Message"], error["ArgumentName"]) == ("The ARN could not be parsed", "Queue")
    gone = f"{bucket.queue}-gone"
    error = refused(lambda: bucket.tell({"QueueArn": gone, **events}))
    assert error["Message"] == "Unable to validate the following destination configurations"
    assert (error["ArgumentName1"], error["ArgumentValue1"]) == (gone, "The destination queue does not exist")
    function = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:none"
    error = refused(lambda: bucket.tell(LambdaFunctionConfigurations=[{"LambdaFunctionArn": function, **events}]))
    described = f"{function}, null", f"Not authorized to invoke function [{function}]"
    assert (error["ArgumentName1"], error["ArgumentValue1"]) == described
    other = bucket.queue.replace("us-east-1", "eu-west-1")
    assert "region is not valid" in refused(lambda: bucket.tell({"QueueArn": other, **events}))["Message"]
    assert "overlap" in refused(lambda: bucket.tell(events, {"Events": ["s3:ObjectCreated:Put"]}))["Message"]
    wrong = {"Filter": {"Key": {"FilterRules": [{"Name": "middle", "Value": "x"}]}}}
    assert refused(lambda: bucket.tell(events | wrong))["ArgumentName"] == "FilterRule.Name"
    document = {"QueueConfigurations": [{"QueueArn": gone, **events}]}
    bucket.s3.put_bucket_notification_configuration(
        Bucket=bucket.name, NotificationConfiguration=document, SkipDestinationValidation=True
    )
    bucket.s3.put_object(Bucket=bucket.name, Key="k", Body=b"is taken all the same")
