"""Policies of queues, topics, keys and other resources decide beside those of users, by boto3."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.teams import ACCOUNT, DEFAULT_ROLE, Team, allow, deny, document, is_denied

ROOT = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}


@pytest.fixture
def queue(team: Team) -> tuple[str, str]:
    """Its URL and ARN."""
    sqs = team.server.boto("sqs")
    url = sqs.create_queue(QueueName=f"q{len(sqs.list_queues().get('QueueUrls', []))}")["QueueUrl"]
    return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def test_a_queue_allows_whom_its_policy_names(team: Team, queue: tuple[str, str]) -> None:
    url, arn = queue
    person, other = team.person(), team.person()
    send: Any = person.boto("sqs").send_message
    assert is_denied(send, QueueUrl=url, MessageBody="x")
    policy = document(allow("SQS:SendMessage", arn, Principal={"AWS": person.arn}))
    team.server.boto("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    assert send(QueueUrl=url, MessageBody="x")["MessageId"]
    assert person.boto("sqs").send_message_batch(QueueUrl=url, Entries=[{"Id": "a", "MessageBody": "b"}])["Successful"]
    assert is_denied(person.boto("sqs").receive_message, QueueUrl=url)
    assert is_denied(other.boto("sqs").send_message, QueueUrl=url, MessageBody="x")


def test_a_queue_denies_what_a_user_s_policy_allows(team: Team, queue: tuple[str, str]) -> None:
    url, arn = queue
    sqs = team.server.boto("sqs")
    own: Any = team.person(allow("sqs:*")).boto("sqs")
    secure = deny(
        "sqs:ReceiveMessage", arn, Principal="*", Condition={"StringNotEquals": {"aws:PrincipalAccount": "1"}}
    )
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": document(secure)})
    assert own.send_message(QueueUrl=url, MessageBody="x")["MessageId"]
    assert is_denied(own.receive_message, QueueUrl=url)
    assert sqs.receive_message(QueueUrl=url)["Messages"], "the owner"
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    assert not is_denied(own.receive_message, QueueUrl=url)


def test_a_statement_for_the_account_leaves_it_to_policies_of_users(team: Team, queue: tuple[str, str]) -> None:
    url, arn = queue
    policy = document(allow("sqs:*", arn, Principal=ROOT))
    team.server.boto("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    assert is_denied(team.person().boto("sqs").send_message, QueueUrl=url, MessageBody="x")
    assert team.person(allow("sqs:SendMessage", arn)).boto("sqs").send_message(QueueUrl=url, MessageBody="x")


def test_a_statement_for_everybody_does_not_lift_a_boundary(team: Team, queue: tuple[str, str]) -> None:
    url, arn = queue
    sqs = team.server.boto("sqs")
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": document(allow("sqs:*", arn, Principal="*"))})
    assert team.person().boto("sqs").send_message(QueueUrl=url, MessageBody="x")
    limited = team.person(allow("sqs:*"))
    team.iam.put_user_permissions_boundary(
        UserName=limited.name, PermissionsBoundary="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
    )
    assert is_denied(limited.boto("sqs").send_message, QueueUrl=url, MessageBody="x")


def test_topics(team: Team) -> None:
    sns = team.server.boto("sns")
    arn = sns.create_topic(Name="told")["TopicArn"]
    person, other = team.person(), team.person(allow("sns:*"))
    assert is_denied(person.boto("sns").publish, TopicArn=arn, Message="x"), "the default policy allows nobody else"
    statements = [
        allow("SNS:Publish", arn, Principal={"AWS": person.arn}),
        deny("SNS:Publish", arn, Principal={"AWS": other.arn}),
    ]
    sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=document(*statements))
    assert person.boto("sns").publish(TopicArn=arn, Message="x")["MessageId"]
    assert is_denied(other.boto("sns").publish, TopicArn=arn, Message="x")
    assert not is_denied(other.boto("sns").get_topic_attributes, TopicArn=arn)


def test_a_key_s_policy_governs_it(team: Team) -> None:
    """Without the account in it, policies of users don't count; with AWS's default policy they alone do."""
    kms = team.server.boto("kms")
    person, other = team.person(allow("kms:*")), team.person(allow("kms:*"))
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    assert other.boto("kms").encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    named = [allow("kms:*", Principal={"AWS": "arn:aws:iam::000000000000:user/nobody"}),
             allow(["kms:Encrypt", "kms:DescribeKey"], Principal={"AWS": person.arn})]  # fmt: skip
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=document(*named))
    blob = person.boto("kms").encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert is_denied(person.boto("kms").decrypt, CiphertextBlob=blob)
    for call in (other.boto("kms").encrypt, other.boto("kms").generate_data_key):
        more = {"Plaintext": b"x"} if call.__name__ == "encrypt" else {"KeySpec": "AES_256"}
        assert is_denied(call, KeyId=key, **more)
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x", "the owner"
    governed = document(allow("kms:*", Principal=ROOT), deny("kms:Decrypt", Principal={"AWS": person.arn}))
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=governed)
    assert other.boto("kms").decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    assert is_denied(person.boto("kms").decrypt, CiphertextBlob=blob)


def test_a_statement_without_a_principal_allows_nobody(team: Team) -> None:
    sns = team.server.boto("sns")
    arn = sns.create_topic(Name="nobody")["TopicArn"]
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow("SNS:Publish", arn)]})
    try:
        sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=policy)
    except sns.exceptions.InvalidParameterException:
        return
    assert is_denied(team.person().boto("sns").publish, TopicArn=arn, Message="x")


def test_a_repository_of_images(team: Team) -> None:
    """Its policy has no resource: it is about the repository that it belongs to."""
    ecr = team.server.boto("ecr")
    ecr.create_repository(repositoryName="shared")
    ecr.create_repository(repositoryName="other")
    person, kept = team.person(), team.person(allow("ecr:*"))
    statements = [
        {"Effect": "Allow", "Principal": {"AWS": person.arn}, "Action": ["ecr:ListImages", "ecr:DescribeImages"]},
        {"Effect": "Deny", "Principal": {"AWS": kept.arn}, "Action": "ecr:ListImages"},
    ]
    ecr.set_repository_policy(repositoryName="shared", policyText=document(*statements))
    assert person.boto("ecr").list_images(repositoryName="shared")["imageIds"] == []
    assert is_denied(person.boto("ecr").list_images, repositoryName="other")
    assert is_denied(person.boto("ecr").delete_repository, repositoryName="shared")
    assert is_denied(kept.boto("ecr").list_images, repositoryName="shared")
    assert kept.boto("ecr").list_images(repositoryName="other")["imageIds"] == []


def test_a_group_of_models_and_its_packages(team: Team) -> None:
    sagemaker = team.server.boto("sagemaker")
    arn = sagemaker.create_model_package_group(ModelPackageGroupName="shared")["ModelPackageGroupArn"]
    package = sagemaker.create_model_package(
        ModelPackageGroupName="shared", ModelApprovalStatus="Approved", SourceUri="s3://b/k"
    )
    person = team.person()
    described: Any = person.boto("sagemaker").describe_model_package
    assert is_denied(described, ModelPackageName=package["ModelPackageArn"])
    packages = f"{arn.replace('model-package-group/', 'model-package/')}/*"
    policy = document(
        allow(["sagemaker:DescribeModelPackage", "sagemaker:DescribeModelPackageGroup"], [arn, packages],
              Principal={"AWS": person.arn})
    )  # fmt: skip
    sagemaker.put_model_package_group_policy(ModelPackageGroupName="shared", ResourcePolicy=policy)
    assert described(ModelPackageName=package["ModelPackageArn"])["ModelApprovalStatus"] == "Approved"
    assert is_denied(person.boto("sagemaker").delete_model_package, ModelPackageName=package["ModelPackageArn"])


def test_functions_and_buses(team: Team) -> None:
    person = team.person()
    functions: Any = person.boto("lambda")
    code = {"ZipFile": zipped("def handler(event, context):\n    return 7\n")}
    team.server.boto("lambda").create_function(
        FunctionName="shared", Runtime="python3.11", Role=DEFAULT_ROLE, Handler="index.handler", Code=code
    )
    assert is_denied(functions.invoke, FunctionName="shared")
    team.server.boto("lambda").add_permission(
        FunctionName="shared", StatementId="a", Action="lambda:InvokeFunction", Principal=person.arn
    )
    assert functions.invoke(FunctionName="shared")["Payload"].read() == b"7"
    assert is_denied(functions.delete_function, FunctionName="shared")
    events = team.server.boto("events")
    bus = events.create_event_bus(Name="shared")["EventBusArn"]
    entry = {"Source": "a", "DetailType": "b", "Detail": "{}", "EventBusName": "shared"}
    assert is_denied(person.boto("events").put_events, Entries=[entry])
    policy = document(allow("events:PutEvents", bus, Principal={"AWS": person.arn}))
    events.put_permission(EventBusName="shared", Policy=policy)
    assert person.boto("events").put_events(Entries=[entry])["FailedEntryCount"] == 0
    assert is_denied(person.boto("events").put_events, Entries=[entry, {**entry, "EventBusName": "default"}])
    own: Any = team.person(allow("events:PutEvents"), deny("events:PutEvents", bus)).boto("events")
    assert own.put_events(Entries=[{**entry, "EventBusName": "default"}])["FailedEntryCount"] == 0
    assert is_denied(own.put_events, Entries=[{**entry, "EventBusName": bus}])


def test_names_of_buses_and_handles_of_tasks_are_those_of_the_resources(team: Team, queue: tuple[str, str]) -> None:
    events, sqs = team.server.boto("events"), team.server.boto("sqs")
    bus = events.create_event_bus(Name="mine")["EventBusArn"]
    own: Any = team.person(allow("events:*"), deny(["events:DeleteEventBus", "events:DescribeEventBus"], bus)).boto(
        "events"
    )
    assert is_denied(own.describe_event_bus, Name="mine")
    assert is_denied(own.delete_event_bus, Name="mine")
    assert own.describe_event_bus(Name="default")["Name"] == "default"
    _url, arn = queue
    sqs.create_queue(
        QueueName="source", Attributes={"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})}
    )
    handle = sqs.start_message_move_task(SourceArn=arn)["TaskHandle"]
    moving: Any = team.person(allow("sqs:*"), deny("sqs:CancelMessageMoveTask", arn)).boto("sqs")
    assert is_denied(moving.cancel_message_move_task, TaskHandle=handle)


@pytest.mark.parametrize("rest", ["foo", "function", "function:", "function:a:b:c:d", "a/b/c"])
@pytest.mark.parametrize("named", ["ecr", "events", "kms", "lambda", "sagemaker", "sns", "sqs"])
def test_an_arn_of_an_unusual_form_is_refused(team: Team, named: str, rest: str) -> None:
    """Members that take an ARN of any service lead a request to that service's policies."""
    arn = f"arn:aws:{named}:us-east-1:{ACCOUNT}:{rest}"
    asked: list[tuple[Any, dict[str, str]]] = [
        (team.person().boto("events").list_tags_for_resource, {"ResourceARN": arn}),
        (team.person().boto("sns").list_tags_for_resource, {"ResourceArn": arn}),
        (team.person().boto("kms").describe_key, {"KeyId": arn}),
        (team.person().boto("sagemaker").list_tags, {"ResourceArn": arn}),
    ]
    for call, members in asked:
        with pytest.raises(ClientError) as raised:
            call(**members)
        assert 400 <= raised.value.response["ResponseMetadata"]["HTTPStatusCode"] < 500, raised.value


def test_metrics_are_those_of_their_component(team: Team) -> None:
    sagemaker = team.server.boto("sagemaker")
    arns = [sagemaker.create_trial_component(TrialComponentName=name)["TrialComponentArn"] for name in ("seen", "kept")]
    own: Any = team.person(allow("sagemaker:BatchGetMetrics"), deny("sagemaker:*", arns[1])).boto("sagemaker-metrics")
    query = {"MetricName": "m", "MetricStat": "Avg", "Period": "IterationNumber", "XAxisType": "IterationNumber"}
    assert own.batch_get_metrics(MetricQueries=[query | {"ResourceArn": arns[0]}])["MetricQueryResults"]
    assert is_denied(own.batch_get_metrics, MetricQueries=[query | {"ResourceArn": arn} for arn in arns])


def zipped(source: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("index.py", source)
    return content.getvalue()
