"""The audit trail, read by boto3, the command and Studio: who did what when, and what was denied."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from tests.contract.studio.conftest import signed_in
from tests.teams import DEFAULT_ROLE, Team, allow, is_denied, refusal

if TYPE_CHECKING:
    from conftest import RunningServer

COMMAND = str(Path(sys.executable).parent / "sagewright")
MODEL = {
    "ExecutionRoleArn": DEFAULT_ROLE,
    "PrimaryContainer": {"Image": "own:1", "Environment": {"TOKEN": "very secret"}},
}


def lookup(server: RunningServer, **attributes: str) -> list[dict[str, Any]]:
    given = [{"AttributeKey": key, "AttributeValue": value} for key, value in attributes.items()]
    pages = server.boto("cloudtrail").get_paginator("lookup_events").paginate(LookupAttributes=given)
    return [one | {"Record": json.loads(one["CloudTrailEvent"])} for page in pages for one in page["Events"]]


def audit(server: RunningServer, *words: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        [COMMAND, "audit", "--data", str(server.data), "--json", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_a_change_is_recorded_in_cloudtrails_form(team: Team) -> None:
    ann = team.person(allow("sagemaker:*"), allow("iam:PassRole"))
    ann.boto("sagemaker").create_model(ModelName="recorded", **MODEL)
    ann.boto("sagemaker").describe_model(ModelName="recorded")
    ann.boto("sagemaker").delete_model(ModelName="recorded")
    newest, first = lookup(team.server, Username=ann.name)
    assert (newest["EventName"], first["EventName"]) == ("DeleteModel", "CreateModel")
    assert first["Resources"] == [{"ResourceType": "AWS::SageMaker::Model", "ResourceName": "recorded"}]
    assert (first["ReadOnly"], first["AccessKeyId"]) == ("false", ann.key[0])
    record = first["Record"]
    assert record["userIdentity"]["type"] == "IAMUser"
    assert record["userIdentity"]["arn"] == ann.arn
    assert record["eventSource"] == first["EventSource"] == "sagemaker.amazonaws.com"
    assert record["sourceIPAddress"] == "127.0.0.1"
    assert "Boto3" in record["userAgent"]
    assert record["requestParameters"]["modelName"] == "recorded"
    assert record["requestParameters"]["primaryContainer"]["image"] == "own:1"
    assert record["requestParameters"]["primaryContainer"]["environment"] == {"TOKEN": "HIDDEN_DUE_TO_SECURITY_REASONS"}
    assert record["responseElements"] == {"modelArn": record["resources"][0]["ARN"]}
    assert record["eventID"] == first["EventId"]
    assert "very secret" not in first["CloudTrailEvent"]
    assert abs(first["EventTime"] - datetime.now(UTC)) < timedelta(minutes=5)
    assert "errorCode" not in record


@pytest.mark.parametrize(
    "key", ["EventId", "EventName", "ReadOnly", "ResourceName", "ResourceType", "EventSource", "AccessKeyId"]
)
def test_each_attribute_finds_it(team: Team, key: str) -> None:
    sagemaker = team.server.boto("sagemaker")
    sagemaker.create_model(ModelName=f"by-{key.lower()}", **MODEL)
    (created,) = lookup(team.server, ResourceName=f"by-{key.lower()}")
    values = created | {
        "ResourceName": created["Record"]["resources"][0]["ARN"],
        "ResourceType": "AWS::SageMaker::Model",
    }
    found = lookup(team.server, **{key: values[key]})
    assert created["EventId"] in {one["EventId"] for one in found}
    assert (
        lookup(team.server, **{key: "false" if key == "ReadOnly" else f"{values[key]}-other"}) != found
        or key == "ReadOnly"
    )


def test_pages_times_and_wrong_requests(team: Team) -> None:
    trail = team.server.boto("cloudtrail")
    for number in range(6):
        team.server.boto("sagemaker").create_model(ModelName=f"page-{number}", **MODEL)
    first = trail.lookup_events(MaxResults=3)
    second = trail.lookup_events(MaxResults=3, NextToken=first["NextToken"])
    ids = [one["EventId"] for one in (*first["Events"], *second["Events"])]
    assert len(set(ids)) == 6
    assert ids == sorted(ids, reverse=True)
    now = datetime.now(UTC)
    assert trail.lookup_events(StartTime=now + timedelta(hours=1))["Events"] == []
    assert trail.lookup_events(EndTime=now - timedelta(days=1))["Events"] == []
    assert trail.lookup_events(StartTime=now - timedelta(hours=1), EndTime=now + timedelta(hours=1))["Events"]
    assert refusal(trail.lookup_events, StartTime=now, EndTime=now - timedelta(1))[0] == "InvalidTimeRangeException"
    two = [{"AttributeKey": "EventName", "AttributeValue": "x"}, {"AttributeKey": "Username", "AttributeValue": "y"}]
    assert refusal(trail.lookup_events, LookupAttributes=two)[0] == "InvalidLookupAttributesException"
    assert refusal(trail.lookup_events, NextToken="forged")[0] == "InvalidNextTokenException"
    read_only = [{"AttributeKey": "ReadOnly", "AttributeValue": "perhaps"}]
    assert refusal(trail.lookup_events, LookupAttributes=read_only)[0] == "InvalidLookupAttributesException"


def test_denials_and_failures_are_in_it_and_reads_are_not(team: Team) -> None:
    bob = team.person(allow("sagemaker:ListModels"))
    sagemaker = bob.boto("sagemaker")
    sagemaker.list_models()
    assert is_denied(sagemaker.describe_model, ModelName="of-others")
    assert is_denied(sagemaker.delete_model, ModelName="of-others")
    assert is_denied(bob.boto("s3").get_object, Bucket=team.bucket(), Key="k")
    assert is_denied(bob.boto("cloudtrail").lookup_events)
    team.server.boto("sagemaker").list_models()
    assert refusal(team.server.boto("sagemaker").delete_model, ModelName="no-such")[0] == "ValidationException"
    found = {one["EventName"]: one["Record"] for one in lookup(team.server, Username=bob.name)}
    assert set(found) == {"DescribeModel", "DeleteModel", "GetObject", "LookupEvents"}
    assert all(one["errorCode"].startswith("AccessDenied") for one in found.values())
    assert "not authorized" in found["DeleteModel"]["errorMessage"]
    failed = next(one for one in lookup(team.server, ResourceName="no-such") if one["EventName"] == "DeleteModel")
    assert failed["Record"]["errorCode"] == "ValidationException"


def test_secrets_of_requests_and_responses_are_hidden(team: Team) -> None:
    events, iam = team.server.boto("events"), team.server.boto("iam")
    auth = {"BasicAuthParameters": {"Username": "u", "Password": "the password"}}
    events.create_connection(Name="audited", AuthorizationType="BASIC", AuthParameters=auth)
    carl = team.person()
    key = iam.create_access_key(UserName=carl.name)["AccessKey"]
    kms = team.server.boto("kms")
    key_id = kms.create_key(Description="d" * 2000)["KeyMetadata"]["KeyId"]
    session = team.server.boto("sts").assume_role(RoleArn=DEFAULT_ROLE, RoleSessionName="audited")["Credentials"]
    text = json.dumps([one["CloudTrailEvent"] for one in lookup(team.server)])
    assert "CreateConnection" in text
    assert key_id in text
    for secret in ("the password", key["SecretAccessKey"], carl.key[1], session["SecretAccessKey"], "d" * 600):
        assert secret not in text


def test_attempts_of_strangers_are_recorded_but_can_not_flood_it(team: Team) -> None:
    def attempt(**keys: str) -> None:
        client = boto3.client(
            "sagemaker",
            endpoint_url=team.server.endpoint,
            region_name="us-east-1",
            config=Config(retries={"max_attempts": 0}),
            **keys,
        )
        with pytest.raises(ClientError):
            client.delete_model(ModelName="stranger")

    attempt(aws_access_key_id="AKIASTRANGER00000000", aws_secret_access_key="wrong")
    (found,) = lookup(team.server, AccessKeyId="AKIASTRANGER00000000")
    assert found["Record"]["userIdentity"] == {
        "type": "Unknown", "accountId": "anonymous", "accessKeyId": "AKIASTRANGER00000000"
    }  # fmt: skip
    assert found["Record"]["errorCode"] == "UnrecognizedClientException"
    client = boto3.client(
        "sagemaker", endpoint_url=team.server.endpoint, region_name="us-east-1", config=Config(retries={"max_attempts": 0}),
        aws_access_key_id="AKIASTRANGER11111111", aws_secret_access_key="wrong",
    )  # fmt: skip
    for _ in range(200):
        with pytest.raises(ClientError):
            client.delete_model(ModelName="stranger")
    assert len(lookup(team.server, AccessKeyId="AKIASTRANGER11111111")) < 190
    anonymous = team.server.boto("s3", config=Config(signature_version=UNSIGNED))
    with pytest.raises(ClientError):
        anonymous.create_bucket(Bucket="anonymous")


def test_the_command_and_studio_show_it(team: Team) -> None:
    dora = team.person(allow("sagemaker:*"), allow("iam:PassRole"))
    dora.boto("sagemaker").create_model(ModelName="shown", **MODEL)
    assert refusal(dora.boto("sagemaker").create_model, ModelName="shown", **MODEL)
    is_denied(dora.boto("s3").create_bucket, Bucket="denied-to-dora")
    found = audit(team.server, "--user", dora.name, "--since", "1h")
    assert [one["EventName"] for one in found] == ["CreateBucket", "CreateModel", "CreateModel"]
    assert len(audit(team.server, "--user", dora.name, "--failed", "--event", "CreateModel")) == 1
    assert audit(team.server, "--user", dora.name, "--until", "1d") == []
    done = subprocess.run(
        [COMMAND, "audit", "--data", str(team.server.data), "--resource", "shown"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert dora.name in done.stdout
    browser = signed_in(team.server)
    page = browser.get(f"/studio/audit?user={dora.name}")
    assert page.status == 200, page.text
    assert "CreateBucket" in page.text
    rows = list(csv.DictReader(io.StringIO(browser.get("/studio/audit.csv?q=shown").text)))
    assert {(one["Event"], one["User"], one["Resource"]) for one in rows} == {("CreateModel", dora.name, "shown")}


def test_a_killed_server_loses_no_record_and_settings_choose(own_server: RunningServer) -> None:
    own_server.environ["SAGEWRIGHT_AUDIT"] = "all"
    own_server.start()
    sagemaker = own_server.boto("sagemaker")
    for number in range(20):
        sagemaker.create_model(ModelName=f"m{number}", **MODEL)
    own_server.end(signal.SIGKILL)
    own_server.start()
    assert len(lookup(own_server, EventName="CreateModel")) == 20
    own_server.boto("sagemaker").list_models()
    (read,) = lookup(own_server, EventName="ListModels")
    assert read["ReadOnly"] == "true"
    own_server.end()
    own_server.environ["SAGEWRIGHT_AUDIT"] = "off"
    own_server.start()
    own_server.boto("sagemaker").delete_model(ModelName="m0")
    assert lookup(own_server, EventName="DeleteModel") == []
