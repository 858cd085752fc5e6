"""The wire front as boto3 and raw HTTP see it: errors in each service's own form, validation, unserved operations."""

from __future__ import annotations

import contextlib
import http.client
import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from conftest import RunningServer

ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"


def fault(call: Any, **request: Any) -> tuple[str, str, int]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    response = caught.value.response
    return response["Error"]["Code"], response["Error"]["Message"], response["ResponseMetadata"]["HTTPStatusCode"]


def raw(server: RunningServer, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
    url = urlsplit(server.endpoint)
    connection = http.client.HTTPConnection(url.hostname or "", url.port)
    with contextlib.closing(connection):
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, response.read()


def test_an_unserved_operation_is_named_with_http_400(server: RunningServer) -> None:
    code, message, status = fault(server.boto("sagemaker").list_lineage_groups)
    assert (code, status) == ("UnknownOperationException", 400)
    assert "sagemaker:ListLineageGroups" in message


@pytest.mark.parametrize("service", ["batch", "mq", "eks"])
def test_an_unserved_service_is_named_with_http_400(server: RunningServer, service: str) -> None:
    client = server.boto(service)
    call = {
        "batch": "describe_job_queues",
        "mq": "list_brokers",
        "eks": "list_clusters",
    }
    _code, message, status = fault(getattr(client, call[service]))
    assert status == 400
    assert "Sagewright does not serve" in message


@pytest.mark.parametrize(
    ("service", "call"),
    [
        ("cloudformation", "describe_stacks"),
        ("ec2", "describe_vpcs"),
        ("rds", "describe_db_instances"),
        ("elasticache", "describe_cache_clusters"),
        ("route53", "list_hosted_zones"),
        ("cloudfront", "list_distributions"),
    ],
)
def test_an_unserved_service_of_xml_is_named(server: RunningServer, service: str, call: str) -> None:
    """Clients of the query, EC2 and REST-XML protocols can read the refusal."""
    code, message, status = fault(getattr(server.boto(service), call))
    assert (code in {"InvalidAction", "UnknownOperationException"}, status) == (True, 400)
    assert "Sagewright does not serve" in message


@pytest.mark.parametrize(
    "name", ["arn:aws:sagemaker:us-east-1:000000000000:endpoint/e", "a/b", "../../etc", "é", "%2F"]
)
@pytest.mark.parametrize("call", ["invoke_endpoint", "invoke_endpoint_with_response_stream", "invoke_endpoint_async"])
def test_a_name_that_is_none_of_an_endpoint_is_refused_as_one(server: RunningServer, call: str, name: str) -> None:
    """An ARN in place of the name is a common mistake; its slash is encoded in the path."""
    runtime = server.boto("sagemaker-runtime")
    body = {"InputLocation": "s3://b/k"} if call == "invoke_endpoint_async" else {"Body": b"x"}
    code, _message, status = fault(getattr(runtime, call), EndpointName=name, **body)
    assert (code, status) == ("ValidationError", 400)


def test_runtime_operations_are_not_taken_for_s3(server: RunningServer) -> None:
    code, message, status = fault(server.boto("sagemaker-runtime").invoke_endpoint, EndpointName="e", Body=b"x")
    assert (code, status) == ("ValidationError", 400)
    assert message == "Endpoint e of account 000000000000 not found."


def test_a_bucket_called_endpoints_is_a_bucket(server: RunningServer) -> None:
    s3 = server.boto("s3")
    s3.create_bucket(Bucket="endpoints")
    s3.put_object(Bucket="endpoints", Key="e/invocations", Body=b"x")
    assert s3.get_object(Bucket="endpoints", Key="e/invocations")["Body"].read() == b"x"


def test_all_broken_constraints_come_in_one_message(server: RunningServer) -> None:
    code, message, status = fault(
        server.boto("sagemaker").create_training_job,
        TrainingJobName="not a name",
        RoleArn="x" * 25,
        AlgorithmSpecification={"TrainingImage": "a/b:1", "TrainingInputMode": "Tape"},
        OutputDataConfig={"S3OutputPath": "s3://b/o"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 1},
    )
    assert (code, status) == ("ValidationException", 400)
    assert message.startswith("3 validation errors detected: ")
    for path in ("trainingJobName", "roleArn", "algorithmSpecification.trainingInputMode"):
        assert f"at '{path}' failed to satisfy constraint" in message


@pytest.mark.parametrize(
    ("service", "call", "code"),
    [
        ("sagemaker", "list_training_jobs", "InvalidSignatureException"),
        ("s3", "list_buckets", "SignatureDoesNotMatch"),
        ("sts", "get_caller_identity", "SignatureDoesNotMatch"),
        ("logs", "describe_log_groups", "InvalidSignatureException"),
    ],
)
def test_a_wrong_secret(server: RunningServer, service: str, call: str, code: str) -> None:
    client = server.boto(service, aws_secret_access_key="wrong")
    assert fault(getattr(client, call))[0] == code


@pytest.mark.parametrize(
    ("service", "call", "code"),
    [
        ("sagemaker", "list_training_jobs", "UnrecognizedClientException"),
        ("s3", "list_buckets", "InvalidAccessKeyId"),
        ("iam", "list_roles", "InvalidClientTokenId"),
    ],
)
def test_an_unknown_key(server: RunningServer, service: str, call: str, code: str) -> None:
    client = server.boto(service, aws_access_key_id="AKIANOBODY")
    assert fault(getattr(client, call))[0] == code


def test_no_signature_at_all(server: RunningServer) -> None:
    status, body = raw(server, "POST", "/", b"{}", **{"X-Amz-Target": "SageMaker.ListTrainingJobs"})
    assert status == 400
    assert json.loads(body)["__type"] == "MissingAuthenticationTokenException"
    status, body = raw(server, "GET", "/")
    assert status == 403
    assert b"<Code>AccessDenied</Code>" in body


def test_garbage_is_answered_in_form(server: RunningServer) -> None:
    assert raw(server, "POST", "/", b"\xff\xfe", **{"X-Amz-Target": "Nobody.Nothing"})[0] == 400
    assert (
        raw(
            server,
            "POST",
            "/",
            b"Action=Nothing&Version=2011-06-15",
            **{"Content-Type": "application/x-www-form-urlencoded"},
        )[0]
        == 400
    )
    assert raw(server, "BREW", "/pot/x")[0] in {400, 403, 405}


@pytest.mark.parametrize("version", ["s3v4", None])
def test_presigned_urls_of_either_signature(server: RunningServer, version: str | None) -> None:
    s3 = server.boto("s3", config=Config(signature_version=version) if version else Config())
    s3.create_bucket(Bucket="presigned")
    for method, call in (("PUT", "put_object"), ("GET", "get_object")):
        url = urlsplit(
            s3.generate_presigned_url(call, Params={"Bucket": "presigned", "Key": "a b/ü.txt"}, ExpiresIn=60)
        )
        assert ("X-Amz-Signature" in url.query) == (version is not None)
        body = b"content" if method == "PUT" else b""
        headers = {"Content-Type": "application/x-www-form-urlencoded"} if method == "PUT" else {}
        status, answer = raw(server, method, f"{url.path}?{url.query}", body, **headers)
        assert status == 200, answer
    assert answer == b"content"


def test_identity(server: RunningServer) -> None:
    sts = server.boto("sts")
    caller = sts.get_caller_identity()
    assert caller["Account"] == "000000000000"
    assert caller["Arn"].startswith("arn:aws:sts::000000000000:assumed-role/SageMakerExecutionRole/")
    role = "arn:aws:iam::000000000000:role/service-role/Any"
    got = sts.assume_role(RoleArn=role, RoleSessionName="me", DurationSeconds=900)["Credentials"]
    options = {"aws_access_key_id": got["AccessKeyId"], "aws_secret_access_key": got["SecretAccessKey"]}
    inner = server.boto("sts", aws_session_token=got["SessionToken"], **options)
    assert inner.get_caller_identity()["Arn"] == "arn:aws:sts::000000000000:assumed-role/Any/me"
    code, _, _ = fault(server.boto("sts", aws_session_token="other", **options).get_caller_identity)
    assert code == "InvalidClientTokenId"
    assert fault(sts.assume_role, RoleArn="arn:aws:iam::111111111111:role/X", RoleSessionName="me")[0] == "AccessDenied"
    assert sts.get_session_token()["Credentials"]["SessionToken"]


def test_roles(server: RunningServer) -> None:
    iam = server.boto("iam")
    trust = iam.get_role(RoleName="AnyRole")["Role"]["AssumeRolePolicyDocument"]
    assert "sagemaker.amazonaws.com" in json.dumps(trust)
    decision = iam.simulate_principal_policy(
        PolicySourceArn="arn:aws:iam::000000000000:role/AnyRole", ActionNames=["s3:PutObject", "logs:PutLogEvents"]
    )["EvaluationResults"]
    assert [d["EvalDecision"] for d in decision] == ["allowed", "allowed"]
    document = json.dumps({"Version": "2012-10-17", "Statement": []})
    iam.create_role(RoleName="made", AssumeRolePolicyDocument=document, Tags=[{"Key": "a", "Value": "b"}])
    assert fault(iam.create_role, RoleName="made", AssumeRolePolicyDocument=document)[0] == "EntityAlreadyExists"
    iam.attach_role_policy(RoleName="made", PolicyArn="arn:aws:iam::aws:policy/AmazonSageMakerFullAccess")
    iam.put_role_policy(RoleName="made", PolicyName="p", PolicyDocument=document)
    assert iam.get_role(RoleName="made")["Role"]["Tags"] == [{"Key": "a", "Value": "b"}]
    assert iam.get_role_policy(RoleName="made", PolicyName="p")["PolicyDocument"] == json.loads(document)
    assert fault(iam.delete_role, RoleName="made")[0] == "DeleteConflict"
    iam.detach_role_policy(RoleName="made", PolicyArn="arn:aws:iam::aws:policy/AmazonSageMakerFullAccess")
    iam.delete_role_policy(RoleName="made", PolicyName="p")
    iam.delete_role(RoleName="made")
    assert "SageMakerExecutionRole" in [
        r["RoleName"] for page in iam.get_paginator("list_roles").paginate() for r in page["Roles"]
    ]


def test_logs(server: RunningServer) -> None:
    logs = server.boto("logs")
    assert fault(logs.describe_log_streams, logGroupName="/none")[0] == "ResourceNotFoundException"
    logs.create_log_group(logGroupName="/g")
    assert fault(logs.create_log_group, logGroupName="/g")[0] == "ResourceAlreadyExistsException"
    for name in ("job/algo-1-1", "job/algo-2-1", "other"):
        logs.create_log_stream(logGroupName="/g", logStreamName=name)
    now = int(time.time()) * 1000 - 60_000
    stream = {"logGroupName": "/g", "logStreamName": "job/algo-1-1"}
    logs.put_log_events(**stream, logEvents=[{"timestamp": now + i // 3, "message": f"line {i}"} for i in range(10)])
    found = logs.describe_log_streams(logGroupName="/g", logStreamNamePrefix="job/", orderBy="LogStreamName", limit=2)
    assert [s["logStreamName"] for s in found["logStreams"]] == ["job/algo-1-1", "job/algo-2-1"]
    assert "nextToken" not in found
    first = logs.get_log_events(**stream, startFromHead=True, limit=4)
    rest = logs.get_log_events(**stream, startFromHead=True, nextToken=first["nextForwardToken"])
    end = logs.get_log_events(**stream, startFromHead=True, nextToken=rest["nextForwardToken"])
    assert [e["message"] for e in first["events"] + rest["events"]] == [f"line {i}" for i in range(10)]
    assert (end["events"], end["nextForwardToken"]) == ([], rest["nextForwardToken"])
    assert [e["message"] for e in logs.get_log_events(**stream, startFromHead=True, startTime=now + 3)["events"]] == [
        "line 9"
    ]
    assert [e["message"] for e in logs.get_log_events(**stream, limit=2)["events"]] == ["line 8", "line 9"]
    month = {**stream, "logEvents": [{"timestamp": now - 20 * 86_400_000, "message": "old"}]}
    assert logs.put_log_events(**month)["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1}
    ahead = [{"timestamp": at, "message": "ahead"} for at in (now + 9, now + 3 * 3_600_000)]
    assert logs.put_log_events(**stream, logEvents=ahead)["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 1}
    assert fault(logs.put_retention_policy, logGroupName="/g", retentionInDays=2)[0] == "InvalidParameterException"
    logs.put_retention_policy(logGroupName="/g", retentionInDays=1)
    expired = [{"timestamp": now - 2 * 86_400_000, "message": "expired"}]
    assert logs.put_log_events(**stream, logEvents=expired)["rejectedLogEventsInfo"] == {"expiredLogEventEndIndex": 1}
    wide = [{"timestamp": at, "message": "x"} for at in (now - 90_000_000, now)]
    assert fault(logs.put_log_events, **stream, logEvents=wide)[0] == "InvalidParameterException"
    hits = logs.filter_log_events(logGroupName="/g", filterPattern='"line 1" ?x ?line', logStreamNamePrefix="job/")
    assert [e["message"] for e in hits["events"]] == ["line 1"]
    assert [g["logGroupName"] for g in logs.describe_log_groups(logGroupNamePrefix="/g")["logGroups"]] == ["/g"]
    logs.delete_log_group(logGroupName="/g")
    assert fault(logs.get_log_events, **stream)[0] == "ResourceNotFoundException"


@pytest.mark.parametrize("protocol", ["json", "query", "smithy-rpc-v2-cbor"])
def test_cloudwatch_in_every_protocol(server: RunningServer, protocol: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import UTC, datetime, timedelta

    from botocore.model import ServiceModel

    monkeypatch.setattr(ServiceModel, "resolved_protocol", protocol)
    client = server.boto("cloudwatch")
    now = datetime.now(UTC).replace(microsecond=0)
    dimensions = [{"Name": "TrainingJobName", "Value": protocol}]
    data = [{"MetricName": "acc", "Dimensions": dimensions, "Timestamp": now, "Value": value} for value in (0.25, 0.75)]
    client.put_metric_data(Namespace="test", MetricData=data)
    packed = server.boto("cloudwatch", config=Config(request_min_compression_size_bytes=1))
    seen: list[str] = []
    packed.meta.events.register("before-send", lambda request, **_: seen.append(request.headers["Content-Encoding"]))
    packed.put_metric_data(Namespace="test", MetricData=[{**data[0], "MetricName": f"m{i}"} for i in range(200)])
    assert seen in ([b"gzip"], ["gzip"])
    assert len(client.list_metrics(Namespace="test", Dimensions=dimensions)["Metrics"]) == 201
    points = client.get_metric_statistics(
        Namespace="test",
        MetricName="acc",
        Dimensions=dimensions,
        StartTime=now - timedelta(minutes=5),
        EndTime=now + timedelta(minutes=1),
        Period=60,
        Statistics=["Average", "Maximum", "SampleCount"],
    )["Datapoints"]
    assert [(p["Average"], p["Maximum"], p["SampleCount"]) for p in points] == [(0.5, 0.75, 2.0)]
    assert points[0]["Timestamp"] == now.replace(second=0)
    sized = {"MetricName": "acc", "Dimensions": dimensions, "Timestamp": now, "Value": 7.0, "Unit": "Bytes"}
    client.put_metric_data(Namespace="test", MetricData=[sized])
    window = {"StartTime": now - timedelta(minutes=5), "EndTime": now + timedelta(minutes=1)}
    asked = {"Namespace": "test", "MetricName": "acc", "Dimensions": dimensions, **window, "Period": 60}
    described = client.get_metric_statistics(**asked, Statistics=["Sum"])["Datapoints"]
    assert {point["Unit"]: point["Sum"] for point in described} == {"None": 1.0, "Bytes": 7.0}
    assert [
        p["Sum"] for p in client.get_metric_statistics(**asked, Statistics=["Sum"], Unit="Bytes")["Datapoints"]
    ] == [7.0]
    metric = {"Namespace": "test", "MetricName": "acc", "Dimensions": dimensions}
    stat = {"Metric": metric, "Period": 60, "Stat": "Average", "Unit": "None"}
    queries = [
        {"Id": "error", "Expression": "1 - m1", "Label": "error"},
        {"Id": "m1", "MetricStat": stat, "ReturnData": False},
    ]
    (result,) = client.get_metric_data(MetricDataQueries=queries, **window)["MetricDataResults"]
    assert (result["Label"], result["Values"]) == ("error", [0.5])
    assert fault(client.get_metric_data, MetricDataQueries=queries * 2, **window)[0] == "ValidationError"
    backwards = {"StartTime": window["EndTime"], "EndTime": window["StartTime"]}
    assert fault(client.get_metric_data, MetricDataQueries=queries, **backwards)[0] == "ValidationError"
    metrics = client.list_metrics(Namespace="test", MetricName="acc", Dimensions=dimensions)["Metrics"]
    assert [m["MetricName"] for m in metrics] == ["acc"]
    code = fault(
        client.get_metric_statistics,
        Namespace="test",
        MetricName="acc",
        StartTime=now,
        EndTime=now,
        Period=60,
        Statistics=["Sum"],
    )[0]
    assert code in {"InvalidParameterValue", "InvalidParameterValueException"}


WRONG = [
    ("sagemaker", "describe_training_job", {"TrainingJobName": "a b"}, "ValidationException", 400),
    ("logs", "create_log_group", {"logGroupName": "a b"}, "InvalidParameterException", 400),
    ("logs", "put_retention_policy", {"logGroupName": "a b", "retentionInDays": 1}, "InvalidParameterException", 400),
    ("ecr", "create_repository", {"repositoryName": "A B"}, "InvalidParameterException", 400),
    ("iam", "get_role", {"RoleName": "a b"}, "ValidationError", 400),
    ("sts", "get_federation_token", {"Name": "a b"}, "InvalidAction", 400),
    ("sts", "assume_role", {"RoleArn": ROLE, "RoleSessionName": "a b"}, "ValidationError", 400),
    ("cloudwatch", "put_metric_data", {"Namespace": ":x", "MetricData": []}, "ValidationError", 400),
]


@pytest.mark.parametrize(("service", "call", "request_", "code", "status"), WRONG)
def test_a_broken_constraint_has_the_code_of_its_service(
    server: RunningServer, service: str, call: str, request_: dict[str, Any], code: str, status: int
) -> None:
    client = server.boto(service)
    found, message, http_status = fault(getattr(client, call), **request_)
    assert (found, http_status) == (code, status)
    assert ("constraint" in message) != (code == "InvalidAction")


def test_typed_exceptions_are_raised(server: RunningServer) -> None:
    logs, ecr = server.boto("logs"), server.boto("ecr")
    with pytest.raises(logs.exceptions.InvalidParameterException):
        logs.create_log_group(logGroupName="a b")
    with pytest.raises(ecr.exceptions.InvalidParameterException):
        ecr.create_repository(repositoryName="A B")


def test_a_message_with_control_characters_can_be_read(server: RunningServer) -> None:
    _code, message, _status = fault(server.boto("iam").get_role, RoleName="a\x01<b")
    assert "a\ufffd<b" in message


def test_errors_name_their_type_in_a_header(server: RunningServer) -> None:
    client = server.boto("logs")
    seen = {}
    client.meta.events.register("after-call", lambda http_response, **_: seen.update(http_response.headers))
    fault(client.create_log_group, logGroupName="a b")
    assert seen["x-amzn-errortype"] == "InvalidParameterException"


@pytest.mark.parametrize(
    ("service", "call"), [("sts", "get_caller_identity"), ("iam", "list_roles"), ("sns", "list_topics")]
)
def test_a_form_without_an_action_misses_it(server: RunningServer, service: str, call: str) -> None:
    client = server.boto(service)
    client.meta.events.register("before-call", lambda params, **_: params["body"].__delitem__("Action"))
    assert fault(getattr(client, call))[::2] == ("MissingAction", 400)
