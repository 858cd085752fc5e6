"""Other configurations of buckets, required members of uploads, and invalid tags and names."""

from __future__ import annotations

import http.client
import json
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import urllib3
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from conftest import RunningServer


@pytest.fixture
def bucket(server: RunningServer) -> str:
    name = f"configured-{uuid.uuid4().hex[:8]}"
    server.boto("s3").create_bucket(Bucket=name)
    return name


def code(call: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call()
    return str(caught.value.response["Error"]["Code"])


SAMPLES: dict[str, dict[str, Any]] = {
    "metrics": {"Id": "all", "Filter": {"Prefix": "in/"}},
    "analytics": {"Id": "all", "StorageClassAnalysis": {}},
    "intelligent_tiering": {
        "Id": "all",
        "Status": "Enabled",
        "Tierings": [{"Days": 90, "AccessTier": "ARCHIVE_ACCESS"}],
    },
    "inventory": {
        "Id": "all",
        "IsEnabled": True,
        "IncludedObjectVersions": "Current",
        "Schedule": {"Frequency": "Daily"},
        "Destination": {"S3BucketDestination": {"Bucket": "arn:aws:s3:::other", "Format": "CSV"}},
    },
}


@pytest.mark.parametrize("kind", sorted(SAMPLES))
def test_configurations_by_id_are_kept(server: RunningServer, bucket: str, kind: str) -> None:
    s3, document = server.boto("s3"), SAMPLES[kind]
    member = "".join(word.capitalize() for word in kind.split("_")) + "Configuration"

    def ask(verb: str, **members: Any) -> Any:
        return getattr(s3, f"{verb}_bucket_{kind}_configuration")(Bucket=bucket, Id="all", **members)

    assert code(lambda: ask("get")) == "NoSuchConfiguration"
    ask("put", **{member: document})
    assert ask("get")[member] == document
    listed = getattr(s3, f"list_bucket_{kind}_configurations")(Bucket=bucket)
    assert (listed[f"{member}List"], listed["IsTruncated"]) == ([document], False)
    ask("delete")
    assert code(lambda: ask("delete")) == "NoSuchConfiguration"


def test_acceleration_is_kept(server: RunningServer, bucket: str) -> None:
    s3 = server.boto("s3")
    s3.put_bucket_accelerate_configuration(Bucket=bucket, AccelerateConfiguration={"Status": "Enabled"})
    assert s3.get_bucket_accelerate_configuration(Bucket=bucket)["Status"] == "Enabled"


def test_an_upload_without_a_length_is_refused(server: RunningServer, bucket: str) -> None:
    url = server.boto("s3").generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "k"})
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    connection.putrequest("PUT", f"{parts.path}?{parts.query}")
    connection.endheaders()
    answer = connection.getresponse()
    status, body = answer.status, answer.read()
    connection.close()
    assert (status, b"<Code>MissingContentLength</Code>" in body) == (411, True)


def test_a_policy_may_ask_for_a_referer(server: RunningServer, bucket: str) -> None:
    s3 = server.boto("s3")
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    s3.delete_public_access_block(Bucket=bucket)
    statement = {
        "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*",
        "Condition": {"StringLike": {"aws:Referer": ["http://www.example.com/*"]}},
    }  # fmt: skip
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    with urllib3.PoolManager() as pool:

        def get(**headers: str) -> int:
            return pool.request("GET", f"{server.endpoint}/{bucket}/k", headers=headers).status

        assert [get(), get(Referer="http://www.example.com/a"), get(Referer="http://other.example")] == [403, 200, 403]


def test_a_log_stream_s_name_has_one_line(server: RunningServer) -> None:
    logs, group = server.boto("logs"), f"/lines/{uuid.uuid4().hex[:8]}"
    logs.create_log_group(logGroupName=group)
    assert code(lambda: logs.create_log_stream(logGroupName=group, logStreamName="a\nb")) == "InvalidParameterException"


@pytest.mark.parametrize("keys", [["aws:mine"], ["AWS:Mine"], ["same", "same"]])
def test_tags_of_aws_s_own_and_one_key_twice_are_refused(server: RunningServer, keys: list[str]) -> None:
    tags = [{"Key": key, "Value": "v"} for key in keys]
    name = f"tagged-{uuid.uuid4().hex[:8]}"
    found = {
        code(lambda: server.boto("sagemaker").create_experiment(ExperimentName=name, Tags=tags)),
        code(lambda: server.boto("events").put_rule(Name=name, ScheduleExpression="rate(1 day)", Tags=tags)),
    }
    assert found == {"ValidationException"}
    iam = server.boto("iam")
    assert code(lambda: iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}", Tags=tags)) == "InvalidInput"
    ecr = server.boto("ecr")
    assert code(lambda: ecr.create_repository(repositoryName=name, tags=tags)) == "InvalidTagParameterException"


def test_an_upload_in_http_s_own_chunks_is_refused(server: RunningServer, bucket: str) -> None:
    """As AWS answers `curl -T -`; what the SDKs stream says its length in `x-amz-decoded-content-length`."""
    s3 = server.boto("s3")
    url = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "k"})
    with urllib3.PoolManager() as pool:
        answer = pool.request("PUT", url, body=iter([b"hel", b"lo"]), headers={"transfer-encoding": "chunked"})
    assert (answer.status, b"<Header>Transfer-Encoding</Header>" in answer.data) == (501, True)
    assert code(lambda: s3.head_object(Bucket=bucket, Key="k")) == "404"
