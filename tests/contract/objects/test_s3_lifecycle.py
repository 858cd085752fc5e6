"""Lifecycle rules are carried out by a server that runs, for a real client."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from conftest import RunningServer

PAST = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def s3(own_server: RunningServer) -> Any:
    own_server.environ["SAGEWRIGHT_LIFECYCLE_INTERVAL_S"] = "1"
    own_server.start()
    client = own_server.boto("s3")
    client.create_bucket(Bucket="expiring")
    return client


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def keys(s3: Any) -> list[str]:
    return [item["Key"] for item in s3.list_objects_v2(Bucket="expiring").get("Contents", [])]


def test_objects_expire_and_others_stay(s3: Any, own_server: RunningServer) -> None:
    sqs = own_server.boto("sqs")
    url = sqs.create_queue(QueueName="expired")["QueueUrl"]
    queue = {"QueueArn": "arn:aws:sqs:us-east-1:000000000000:expired", "Events": ["s3:LifecycleExpiration:*"]}
    s3.put_bucket_notification_configuration(
        Bucket="expiring", NotificationConfiguration={"QueueConfigurations": [queue]}
    )
    s3.put_object(Bucket="expiring", Key="tmp/a", Body=b"1")
    s3.put_object(Bucket="expiring", Key="tmp/marked", Body=b"1", Tagging="keep=yes")
    s3.put_object(Bucket="expiring", Key="kept", Body=b"1")
    rules = [
        {"ID": "by tag", "Status": "Enabled", "Filter": {"Tag": {"Key": "keep", "Value": "no"}}},
        {"ID": "by prefix", "Status": "Enabled", "Filter": {"Prefix": "tmp/a"}},
    ]
    for rule in rules:
        rule["Expiration"] = {"Date": PAST}
    s3.put_bucket_lifecycle_configuration(Bucket="expiring", LifecycleConfiguration={"Rules": rules})
    eventually(lambda: "tmp/a" not in keys(s3))
    assert keys(s3) == ["kept", "tmp/marked"]
    with pytest.raises(ClientError) as caught:
        s3.get_object(Bucket="expiring", Key="tmp/a")
    assert caught.value.response["Error"]["Code"] == "NoSuchKey"
    assert s3.get_bucket_lifecycle_configuration(Bucket="expiring")["Rules"][1]["Expiration"]["Date"] == PAST
    bodies: list[dict[str, Any]] = []

    def both_came() -> bool:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        bodies.extend(json.loads(message["Body"]) for message in answer.get("Messages", ()))
        return len(bodies) >= 2

    eventually(both_came)
    (record,) = next(body["Records"] for body in bodies if "Records" in body)
    assert (record["eventName"], record["s3"]["object"]["key"]) == ("LifecycleExpiration:Delete", "tmp/a")
    assert record["userIdentity"]["principalId"] == "s3.amazonaws.com"


def test_a_versioned_object_expires_to_a_marker(s3: Any) -> None:
    s3.put_bucket_versioning(Bucket="expiring", VersioningConfiguration={"Status": "Enabled"})
    version = s3.put_object(Bucket="expiring", Key="a", Body=b"1")["VersionId"]
    rule = {"Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Date": PAST}}
    s3.put_bucket_lifecycle_configuration(Bucket="expiring", LifecycleConfiguration={"Rules": [rule]})
    eventually(lambda: keys(s3) == [])
    found = s3.list_object_versions(Bucket="expiring")
    assert len(found["DeleteMarkers"]) == 1
    assert s3.get_object(Bucket="expiring", Key="a", VersionId=version)["Body"].read() == b"1"


def test_a_rule_that_cannot_be_is_refused(s3: Any) -> None:
    rule = {"Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 0}}
    with pytest.raises(ClientError) as caught:
        s3.put_bucket_lifecycle_configuration(Bucket="expiring", LifecycleConfiguration={"Rules": [rule]})
    assert caught.value.response["Error"]["Code"] == "InvalidArgument"
