"""Doors beside the operations: endpoints, images, the command line's own paths, sessions of roles, presigned URLs."""

from __future__ import annotations

import hashlib
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from tests.hosting import Hosting
from tests.teams import ACCOUNT, DEFAULT_ROLE, Team, allow, deny, document, is_denied, refusal, trust

REGION = "us-east-1"


@pytest.fixture(scope="module")
def hosting(team: Team) -> Iterator[Hosting]:
    with Hosting(team.server) as made:
        made.endpoint("echo", made.variant("a", made.model("echo")))
        made.settled("echo")
        yield made


def test_endpoints_are_invoked_by_those_who_may(team: Team, hosting: Hosting) -> None:
    arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/echo"
    person = team.person()
    ask = {"EndpointName": "echo", "Body": b"x", "ContentType": "text/csv"}
    runtime = person.boto("sagemaker-runtime")
    code, message = refusal(runtime.invoke_endpoint, **ask)
    assert (code, "sagemaker:InvokeEndpoint" in message) == ("AccessDeniedException", True)
    assert is_denied(runtime.invoke_endpoint_with_response_stream, **ask)
    person.may(allow("sagemaker:InvokeEndpoint", arn))
    until(lambda: not is_denied(runtime.invoke_endpoint, **ask))
    person.may(allow("sagemaker:InvokeEndpoint", f"{arn}-other"))
    until(lambda: is_denied(runtime.invoke_endpoint, **ask))
    red = {"StringEquals": {"aws:ResourceTag/team": "red"}}
    person.may(allow("sagemaker:InvokeEndpoint", Condition=red))
    until(lambda: is_denied(runtime.invoke_endpoint, **ask))
    team.server.boto("sagemaker").add_tags(ResourceArn=arn, Tags=[{"Key": "team", "Value": "red"}])
    until(lambda: not is_denied(runtime.invoke_endpoint, **ask))
    assert hosting.ask("echo")


def until(holds: Callable[[], bool]) -> None:
    """Returns once it holds: the front asks for a permission again after a second."""
    deadline = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("path", "method", "right"),
    [
        ("jobs/nobody/interrupt", "POST", "sagemaker:StopTrainingJob"),
        ("overview", "GET", "sagemaker:ListTrainingJobs"),
        ("jobs/training-job/starts?names=a", "GET", "sagemaker:ListTrainingJobs"),
        ("why/any/nobody", "GET", "sagemaker:ListTrainingJobs"),
        ("model-packages/nobody/1/history", "GET", "sagemaker:DescribeModelPackageGroup"),
        ("deployments/nobody", "GET", "events:DescribeRule"),
    ],
)
def test_the_command_lines_own_paths_ask_for_the_same_rights(team: Team, path: str, method: str, right: str) -> None:
    person = team.person()

    def sent() -> str:
        url = f"{team.server.endpoint}/_sagewright/{path}"
        signed = AWSRequest(method, url, data=b"")
        SigV4Auth(Credentials(*person.key), "sagewright", REGION).add_auth(signed)
        request = urllib.request.Request(
            url, headers=dict(signed.headers), method=method, data=b"" if method == "POST" else None
        )
        try:
            with urllib.request.urlopen(request) as answer:
                return str(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.read().decode()

    assert "not authorized to perform" in sent()
    person.may(allow(right))
    assert "not authorized to perform" not in sent()


def test_sessions_of_roles_have_the_roles_rights(team: Team) -> None:
    person = team.person()
    role = team.role(allow("s3:ListAllMyBuckets"), allow("sagemaker:ListModels"), trusted=trust(AWS=person.arn))
    sts = person.boto("sts")
    made = sts.assume_role(RoleArn=role, RoleSessionName="work")["Credentials"]
    keys = {
        "aws_access_key_id": made["AccessKeyId"],
        "aws_secret_access_key": made["SecretAccessKey"],
        "aws_session_token": made["SessionToken"],
    }
    team.server.boto("s3", **keys).list_buckets()
    team.server.boto("sagemaker", **keys).list_models()
    assert is_denied(team.server.boto("sagemaker", **keys).list_training_jobs)
    narrow = document(allow("s3:*"))
    made = sts.assume_role(RoleArn=role, RoleSessionName="work", Policy=narrow)["Credentials"]
    keys = {
        "aws_access_key_id": made["AccessKeyId"],
        "aws_secret_access_key": made["SecretAccessKey"],
        "aws_session_token": made["SessionToken"],
    }
    team.server.boto("s3", **keys).list_buckets()
    code, message = refusal(team.server.boto("sagemaker", **keys).list_models)
    assert (code, "session policy" in message) == ("AccessDeniedException", True)
    inner = team.server.boto("sts", **keys).get_session_token()["Credentials"]
    kept = {
        "aws_access_key_id": inner["AccessKeyId"],
        "aws_secret_access_key": inner["SecretAccessKey"],
        "aws_session_token": inner["SessionToken"],
    }
    assert is_denied(team.server.boto("sagemaker", **kept).list_models)


TRUSTS: dict[str, tuple[Any, bool, bool]] = {
    "names the user": (lambda arn: {"AWS": arn}, False, True),
    "names the account, the user may": (lambda _: {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, True, True),
    "names the account, the user may not": (lambda _: {"AWS": ACCOUNT}, False, False),
    "names a service, the user may": (lambda _: {"Service": "sagemaker.amazonaws.com"}, True, False),
    "names another user": (lambda _: {"AWS": f"arn:aws:iam::{ACCOUNT}:user/somebody"}, True, False),
}


@pytest.mark.parametrize("case", TRUSTS)
def test_a_trust_policy_admits(team: Team, case: str) -> None:
    principal, may, admitted = TRUSTS[case]
    person = team.person(*([allow("sts:AssumeRole")] if may else []))
    role = team.role(trusted=trust(**principal(person.arn)))
    denied = is_denied(person.boto("sts").assume_role, RoleArn=role, RoleSessionName="work")
    assert denied != admitted


def test_an_external_id_is_asked_for(team: Team) -> None:
    person = team.person()
    trusted = document(
        {
            "Effect": "Allow",
            "Principal": {"AWS": person.arn},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"sts:ExternalId": "seven"}},
        }
    )
    role, sts = team.role(trusted=trusted), person.boto("sts")
    assert is_denied(sts.assume_role, RoleArn=role, RoleSessionName="work")
    sts.assume_role(RoleArn=role, RoleSessionName="work", ExternalId="seven")


def test_session_tags_count_as_the_principals(team: Team) -> None:
    person = team.person()
    own = {"StringEquals": {"aws:PrincipalTag/team": "red"}}
    role, sts = team.role(allow("sagemaker:*", Condition=own), trusted=trust(AWS=person.arn)), person.boto("sts")
    for value, denied in (("red", False), ("blue", True)):
        tags = [{"Key": "team", "Value": value}]
        made = sts.assume_role(RoleArn=role, RoleSessionName="work", Tags=tags)["Credentials"]
        client = team.server.boto(
            "sagemaker",
            aws_access_key_id=made["AccessKeyId"],
            aws_secret_access_key=made["SecretAccessKey"],
            aws_session_token=made["SessionToken"],
        )
        assert is_denied(client.list_models) == denied


def test_bucket_policies_and_own_policies_decide_together(team: Team) -> None:
    bucket, person = team.bucket(), team.person()
    s3, admin = person.boto("s3"), team.server.boto("s3")
    admin.put_object(Bucket=bucket, Key="a", Body=b"1")
    admin.put_object(Bucket=bucket, Key="private/a", Body=b"1", Tagging="secret=yes")

    def policy(**statement: Any) -> None:
        given = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*", **statement}
        admin.put_bucket_policy(Bucket=bucket, Policy=document(given))

    assert is_denied(s3.get_object, Bucket=bucket, Key="a")
    policy(Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"})
    assert is_denied(s3.get_object, Bucket=bucket, Key="a")
    policy(Principal={"AWS": person.arn})
    s3.get_object(Bucket=bucket, Key="a")
    person.may(deny("s3:*", f"arn:aws:s3:::{bucket}/private/*"))
    assert is_denied(s3.get_object, Bucket=bucket, Key="private/a")
    admin.delete_bucket_policy(Bucket=bucket)
    person.may(
        allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*"),
        deny("s3:GetObject", Condition={"StringEquals": {"s3:ExistingObjectTag/secret": "yes"}}),
        allow(
            "s3:ListBucket",
            f"arn:aws:s3:::{bucket}",
            Condition={"StringLike": {"s3:prefix": ["home/${aws:username}/*"]}},
        ),
    )
    s3.get_object(Bucket=bucket, Key="a")
    assert is_denied(s3.get_object, Bucket=bucket, Key="private/a")
    s3.list_objects_v2(Bucket=bucket, Prefix=f"home/{person.name}/x")
    assert is_denied(s3.list_objects_v2, Bucket=bucket, Prefix="home/other/x")
    policy(Effect="Deny", Principal="*")
    assert is_denied(s3.get_object, Bucket=bucket, Key="a")
    answer = admin.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "a"}]})
    assert [one["Key"] for one in answer["Deleted"]] == ["a"]
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "private/a"}]})
    assert [one["Code"] for one in answer["Errors"]] == ["AccessDenied"]


def test_a_presigned_url_has_its_signers_rights(team: Team) -> None:
    bucket, person = team.bucket(), team.person()
    team.server.boto("s3").put_object(Bucket=bucket, Key="a", Body=b"1")
    url = person.boto("s3").generate_presigned_url("get_object", {"Bucket": bucket, "Key": "a"})
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(url)
    assert caught.value.code == 403
    caught.value.close()
    person.may(allow("s3:GetObject", f"arn:aws:s3:::{bucket}/a"))
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"1"


def registry(team: Team, person: Any, path: str, method: str = "GET") -> int:
    token = person.boto("ecr").get_authorization_token()["authorizationData"][0]["authorizationToken"]
    request = urllib.request.Request(
        f"{team.server.endpoint}/v2/{path}", headers={"Authorization": f"Basic {token}"}, method=method
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def test_images_are_pushed_and_pulled_by_those_who_may(team: Team) -> None:
    team.server.boto("ecr").create_repository(repositoryName="own")
    person = team.person(allow("ecr:GetAuthorizationToken"))
    arn = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/own"
    assert registry(team, person, "own/tags/list") == 403
    assert registry(team, person, "own/blobs/uploads/", "POST") == 403
    person.may(allow("ecr:ListImages", arn), name="list")
    assert registry(team, person, "own/tags/list") == 200
    assert registry(team, person, "own/blobs/uploads/", "POST") == 403
    person.may(allow("ecr:InitiateLayerUpload", arn), name="push")
    assert registry(team, person, "own/blobs/uploads/", "POST") == 202


def test_what_a_service_sends_later_needs_the_senders_right(team: Team) -> None:
    topic = team.server.boto("sns").create_topic(Name="owned")["TopicArn"]
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:owned"
    team.server.boto("sqs").create_queue(QueueName="owned")
    bucket = team.bucket()
    person = team.person(allow(["cloudwatch:*", "s3:*"]))
    alarm = {
        "AlarmName": "a",
        "Namespace": "N",
        "MetricName": "m",
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    assert is_denied(person.boto("cloudwatch").put_metric_alarm, **alarm, AlarmActions=[topic])
    person.boto("cloudwatch").put_metric_alarm(**alarm)
    notification = {"QueueConfigurations": [{"QueueArn": queue, "Events": ["s3:ObjectCreated:*"]}]}
    put = person.boto("s3").put_bucket_notification_configuration
    assert is_denied(put, Bucket=bucket, NotificationConfiguration=notification)
    person.may(allow(["cloudwatch:*", "s3:*"]), allow("sqs:SendMessage", queue))
    put(Bucket=bucket, NotificationConfiguration=notification)


READS_AND_WRITES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "a function's code": (
        "lambda",
        "create_function",
        {"FunctionName": "f", "Role": DEFAULT_ROLE, "Code": {"S3Bucket": "vault", "S3Key": "code.zip"}, "Handler": "a.b",
         "Runtime": "python3.11"},
    ),
    "a pipeline's definition": (
        "sagemaker",
        "create_pipeline",
        {"PipelineName": "p", "PipelineDefinitionS3Location": {"Bucket": "vault", "ObjectKey": "p.json"},
         "ClientRequestToken": "t" * 32, "RoleArn": DEFAULT_ROLE},
    ),
    "an invocation's input": (
        "sagemaker-runtime",
        "invoke_endpoint_async",
        {"EndpointName": "none", "InputLocation": "s3://vault/secret"},
    ),
    "what is captured": (
        "sagemaker",
        "create_endpoint_config",
        {
            "EndpointConfigName": "captures",
            "ProductionVariants": [
                {"VariantName": "a", "ModelName": "none", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
            ],
            "DataCaptureConfig": {
                "EnableCapture": True, "InitialSamplingPercentage": 100, "DestinationS3Uri": "s3://vault/captured",
                "CaptureOptions": [{"CaptureMode": "Input"}],
            },
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", READS_AND_WRITES)
def test_what_the_server_reads_or_writes_itself_needs_the_callers_right(team: Team, what: str) -> None:
    service, operation, request = READS_AND_WRITES[what]
    person = team.person(allow(["sagemaker:*", "lambda:*", "iam:PassRole"]))
    code, message = refusal(getattr(person.boto(service), operation), **request)
    assert (code, "s3:" in message) == ("AccessDeniedException", True)
    person.may(allow(["sagemaker:*", "lambda:*", "iam:PassRole"]), allow("s3:*", "arn:aws:s3:::vault/*"))
    assert not is_denied(getattr(person.boto(service), operation), **request)


def test_a_pipeline_reads_what_its_role_may(team: Team) -> None:
    admin = team.server.boto("s3")
    admin.create_bucket(Bucket="pipelines")
    admin.put_object(Bucket="pipelines", Key="secret.json", Body=b'{"value": 7}')
    read = {"Std:JsonGet": {"S3Uri": "s3://pipelines/secret.json", "Path": "value"}}
    condition = {"Type": "Equals", "LeftValue": read, "RightValue": 7}
    arguments = {"Conditions": [condition], "IfSteps": [], "ElseSteps": []}
    definition = {"Version": "2020-12-01", "Steps": [{"Name": "reads", "Type": "Condition", "Arguments": arguments}]}
    sagemaker = team.server.boto("sagemaker")
    role = team.role()
    sagemaker.create_pipeline(
        PipelineName="reads", PipelineDefinition=json.dumps(definition), ClientRequestToken="t" * 32, RoleArn=role
    )

    def outcome() -> tuple[str, str]:
        arn = sagemaker.start_pipeline_execution(PipelineName="reads")["PipelineExecutionArn"]
        until(
            lambda: (
                sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"]
                != "Executing"
            )
        )
        (step,) = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
        return step["StepStatus"], step.get("FailureReason", "")

    status, reason = outcome()
    assert (status, "s3:GetObject" in reason) == ("Failed", True)
    team.iam.put_role_policy(
        RoleName=role.rpartition("/")[2],
        PolicyName="reads",
        PolicyDocument=document(allow("s3:GetObject", "arn:aws:s3:::pipelines/*")),
    )
    assert outcome()[0] == "Succeeded"


def test_layers_belong_to_their_repositories(team: Team) -> None:
    admin = team.server.boto("ecr")
    for name in ("theirs", "mine"):
        admin.create_repository(repositoryName=name)
    body = b"a layer"
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    upload = admin.initiate_layer_upload(repositoryName="theirs")["uploadId"]
    admin.upload_layer_part(
        repositoryName="theirs", uploadId=upload, partFirstByte=0, partLastByte=len(body) - 1, layerPartBlob=body
    )
    admin.complete_layer_upload(repositoryName="theirs", uploadId=upload, layerDigests=[digest])
    person = team.person(
        allow("ecr:GetAuthorizationToken"), allow("ecr:*", f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/mine")
    )
    assert registry(team, person, f"theirs/blobs/{digest}") == 403
    assert registry(team, person, f"mine/blobs/{digest}") == 404
    assert registry(team, person, f"mine/blobs/uploads/?mount={digest}&from=theirs", "POST") == 202


def test_a_message_names_no_statement(team: Team) -> None:
    person = team.person(deny("sagemaker:*", Sid="SecretReason"))
    with pytest.raises(ClientError) as caught:
        person.boto("sagemaker").list_models()
    assert "SecretReason" not in json.dumps(caught.value.response)
