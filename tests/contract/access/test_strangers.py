"""A user's 40 attempts on what belongs to another: jobs, logs, objects, endpoints, notebooks, keys, pipelines, spaces, queues.

Both users have the rights of a team whose policies name resources by prefix, as AWS's guides advise.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.teams import ACCOUNT, DEFAULT_ROLE, Person, Team, allow, is_denied, refusal

REGION = "us-east-1"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
DEFINITION = json.dumps({"Version": "2020-12-01", "Steps": []})


def sagemaker_arn(kind: str, name: str) -> str:
    return f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{kind}/{name}"


def rights_of(prefix: str) -> list[dict[str, Any]]:
    """Everything with names that begin with the prefix."""
    return [
        allow("sagemaker:*", [sagemaker_arn("*", f"{prefix}-*"), sagemaker_arn("*", f"*/{prefix}-*")]),
        allow("s3:*", [f"arn:aws:s3:::{prefix}-*"]),
        allow(["logs:*"], f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/{prefix}-*"),
        allow("sqs:*", f"arn:aws:sqs:{REGION}:{ACCOUNT}:{prefix}-*"),
        allow("sns:*", f"arn:aws:sns:{REGION}:{ACCOUNT}:{prefix}-*"),
        allow("ecr:*", f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{prefix}-*"),
        allow(
            "iam:PassRole", DEFAULT_ROLE, Condition={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
        ),
    ]


def job(name: str, role: str = DEFAULT_ROLE, bucket: str = "ann-data") -> dict[str, Any]:
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {
            "TrainingImage": IMAGE,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["/bin/bash", "-c"],
            "ContainerArguments": ["true"],
        },
        "RoleArn": role,
        "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }


@pytest.fixture(scope="module")
def people(team: Team) -> tuple[Person, Person]:
    return team.person(*rights_of("ann"), name="ann"), team.person(*rights_of("bob"), name="bob")


@pytest.fixture(scope="module")
def ann(people: tuple[Person, Person]) -> Person:
    """Ann, with one of everything."""
    person = people[0]
    sm, s3 = person.boto("sagemaker"), person.boto("s3")
    s3.create_bucket(Bucket="ann-data")
    s3.put_object(Bucket="ann-data", Key="a.csv", Body=b"1")
    sm.create_training_job(**job("ann-job"))
    sm.create_model(ModelName="ann-model", ExecutionRoleArn=DEFAULT_ROLE, PrimaryContainer={"Image": IMAGE})
    variant = {"VariantName": "a", "ModelName": "ann-model", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    sm.create_endpoint_config(EndpointConfigName="ann-config", ProductionVariants=[variant])
    sm.create_pipeline(
        PipelineName="ann-pipeline", PipelineDefinition=DEFINITION, ClientRequestToken="t" * 32, RoleArn=DEFAULT_ROLE
    )
    sm.create_model_package_group(ModelPackageGroupName="ann-group")
    sm.create_experiment(ExperimentName="ann-experiment")
    person.boto("sqs").create_queue(QueueName="ann-queue")
    person.boto("sns").create_topic(Name="ann-topic")
    person.boto("ecr").create_repository(repositoryName="ann-repository")
    return person


ATTEMPTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "describe a job": ("sagemaker", "describe_training_job", {"TrainingJobName": "ann-job"}),
    "stop a job": ("sagemaker", "stop_training_job", {"TrainingJobName": "ann-job"}),
    "list jobs": ("sagemaker", "list_training_jobs", {}),
    "search": ("sagemaker", "search", {"Resource": "TrainingJob"}),
    "name a job as another's": ("sagemaker", "create_training_job", job("ann-second")),
    "tag a job": (
        "sagemaker",
        "add_tags",
        {"ResourceArn": sagemaker_arn("training-job", "ann-job"), "Tags": [{"Key": "a", "Value": "b"}]},
    ),
    "read tags": ("sagemaker", "list_tags", {"ResourceArn": sagemaker_arn("training-job", "ann-job")}),
    "describe a model": ("sagemaker", "describe_model", {"ModelName": "ann-model"}),
    "delete a model": ("sagemaker", "delete_model", {"ModelName": "ann-model"}),
    "describe a configuration": ("sagemaker", "describe_endpoint_config", {"EndpointConfigName": "ann-config"}),
    "create an endpoint": (
        "sagemaker",
        "create_endpoint",
        {"EndpointName": "bob-endpoint", "EndpointConfigName": "ann-config"},
    ),
    "delete a configuration": ("sagemaker", "delete_endpoint_config", {"EndpointConfigName": "ann-config"}),
    "invoke an endpoint": ("sagemaker-runtime", "invoke_endpoint", {"EndpointName": "ann-endpoint", "Body": b"1"}),
    "invoke it later": (
        "sagemaker-runtime",
        "invoke_endpoint_async",
        {"EndpointName": "ann-endpoint", "InputLocation": "s3://ann-data/a.csv"},
    ),
    "start a pipeline": (
        "sagemaker",
        "start_pipeline_execution",
        {"PipelineName": "ann-pipeline", "ClientRequestToken": "x" * 32},
    ),
    "start a pipeline by its ARN": (
        "sagemaker",
        "start_pipeline_execution",
        {"PipelineName": sagemaker_arn("pipeline", "ann-pipeline"), "ClientRequestToken": "y" * 32},
    ),
    "read a pipeline": ("sagemaker", "describe_pipeline", {"PipelineName": "ann-pipeline"}),
    "change a pipeline": (
        "sagemaker",
        "update_pipeline",
        {"PipelineName": "ann-pipeline", "PipelineDefinition": DEFINITION, "RoleArn": DEFAULT_ROLE},
    ),
    "register a model": (
        "sagemaker",
        "create_model_package",
        {
            "ModelPackageGroupName": "ann-group",
            "InferenceSpecification": {
                "Containers": [{"Image": IMAGE}],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
            },
        },
    ),
    "delete a group": ("sagemaker", "delete_model_package_group", {"ModelPackageGroupName": "ann-group"}),
    "delete an experiment": ("sagemaker", "delete_experiment", {"ExperimentName": "ann-experiment"}),
    "open Studio": (
        "sagemaker",
        "create_presigned_domain_url",
        {"DomainId": "d-000000000000", "UserProfileName": "default"},
    ),
    "create a space": ("sagemaker", "create_space", {"DomainId": "d-000000000000", "SpaceName": "ann-space"}),
    "start an app": (
        "sagemaker",
        "create_app",
        {"DomainId": "d-000000000000", "SpaceName": "ann-space", "AppType": "JupyterLab", "AppName": "default"},
    ),
    "open a notebook": (
        "sagemaker",
        "create_presigned_notebook_instance_url",
        {"NotebookInstanceName": "ann-notebook"},
    ),
    "read an object": ("s3", "get_object", {"Bucket": "ann-data", "Key": "a.csv"}),
    "look at an object": ("s3", "head_object", {"Bucket": "ann-data", "Key": "a.csv"}),
    "write an object": ("s3", "put_object", {"Bucket": "ann-data", "Key": "b.csv", "Body": b"2"}),
    "copy an object": (
        "s3",
        "copy_object",
        {"Bucket": "bob-data", "Key": "a.csv", "CopySource": {"Bucket": "ann-data", "Key": "a.csv"}},
    ),
    "delete an object": ("s3", "delete_object", {"Bucket": "ann-data", "Key": "a.csv"}),
    "list objects": ("s3", "list_objects_v2", {"Bucket": "ann-data"}),
    "list buckets": ("s3", "list_buckets", {}),
    "open a bucket": ("s3", "put_bucket_policy", {"Bucket": "ann-data", "Policy": "{}"}),
    "take a bucket's name": ("s3", "create_bucket", {"Bucket": "ann-other"}),
    "read a log": (
        "logs",
        "get_log_events",
        {"logGroupName": "/aws/sagemaker/TrainingJobs", "logStreamName": "ann-job/algo-1"},
    ),
    "search logs": ("logs", "filter_log_events", {"logGroupName": "/aws/sagemaker/TrainingJobs"}),
    "send to a queue": (
        "sqs",
        "send_message",
        {"QueueUrl": f"http://localhost/{ACCOUNT}/ann-queue", "MessageBody": "x"},
    ),
    "publish": ("sns", "publish", {"TopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:ann-topic", "Message": "x"}),
    "delete images": ("ecr", "delete_repository", {"repositoryName": "ann-repository", "force": True}),
    "make a key": ("iam", "create_access_key", {"UserName": "ann"}),
    "take rights": (
        "iam",
        "put_user_policy",
        {
            "UserName": "bob",
            "PolicyName": "p",
            "PolicyDocument": json.dumps({"Version": "2012-10-17", "Statement": [allow("*")]}),
        },
    ),
    "make an admin": ("iam", "create_role", {"RoleName": "bob-admin", "AssumeRolePolicyDocument": "{}"}),
    "assume the role": ("sts", "assume_role", {"RoleArn": DEFAULT_ROLE, "RoleSessionName": "bob"}),
}


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_what_belongs_to_another_is_refused(people: tuple[Person, Person], ann: Person, attempt: str) -> None:
    service, operation, request = ATTEMPTS[attempt]
    bob = people[1]
    if attempt == "copy an object":
        bob.boto("s3").create_bucket(Bucket="bob-data")
    assert is_denied(getattr(bob.boto(service), operation), **request)
    assert ann.boto("sagemaker").describe_training_job(TrainingJobName="ann-job")["TrainingJobName"] == "ann-job"


def test_each_may_use_its_own(people: tuple[Person, Person], ann: Person) -> None:
    assert ann.boto("s3").get_object(Bucket="ann-data", Key="a.csv")["Body"].read() == b"1"
    bob = people[1]
    bob.boto("s3").create_bucket(Bucket="bob-own")
    bob.boto("sagemaker").create_training_job(**job("bob-job", bucket="bob-own"))
    bob.boto("sagemaker").describe_training_job(TrainingJobName="bob-job")


def test_a_queue_by_its_url(people: tuple[Person, Person], ann: Person) -> None:
    url = ann.boto("sqs").get_queue_url(QueueName="ann-queue")["QueueUrl"]
    ann.boto("sqs").send_message(QueueUrl=url, MessageBody="x")
    assert is_denied(people[1].boto("sqs").receive_message, QueueUrl=url)


def test_roles_are_passed_only_by_those_who_may(team: Team) -> None:
    person = team.person(allow("sagemaker:*"))
    sagemaker = person.boto("sagemaker")
    code, message = refusal(sagemaker.create_training_job, **job("passing"))
    assert (code, "iam:PassRole" in message) == ("AccessDeniedException", True)
    only_lambda = {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
    person.may(allow("iam:PassRole", DEFAULT_ROLE, Condition=only_lambda), name="pass")
    assert is_denied(sagemaker.create_training_job, **job("passing"))
    person.may(allow("iam:PassRole", DEFAULT_ROLE), name="pass")
    sagemaker.create_training_job(**job("passing"))
    other = team.role(trusted=json.dumps({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }))  # fmt: skip
    person.may(allow("iam:PassRole"), name="pass")
    code, message = refusal(sagemaker.create_training_job, **job("untrusted", role=other))
    assert (code, "Could not assume role" in message) == ("ValidationException", True)
    nobody = f"arn:aws:iam::{ACCOUNT}:role/nobody-made-it"
    assert refusal(sagemaker.create_training_job, **job("unmade", role=nobody))[0] == "ValidationException"


CONDITIONS: dict[str, tuple[dict[str, Any], Callable[[dict[str, Any]], dict[str, Any]], bool]] = {
    "instance type": (
        {"ForAllValues:StringEquals": {"sagemaker:InstanceTypes": ["ml.m5.large"]}},
        lambda given: given,
        True,
    ),
    "another instance type": (
        {"ForAllValues:StringEquals": {"sagemaker:InstanceTypes": ["ml.m5.large"]}},
        lambda given: given | {"ResourceConfig": given["ResourceConfig"] | {"InstanceType": "ml.m5.xlarge"}},
        False,
    ),
    "without a tag": ({"StringEquals": {"aws:RequestTag/team": "red"}}, lambda given: given, False),
    "with the tag": (
        {"StringEquals": {"aws:RequestTag/team": "red"}},
        lambda given: given | {"Tags": [{"Key": "team", "Value": "red"}]},
        True,
    ),
    "its own tag's value": (
        {"StringEquals": {"aws:RequestTag/team": "${aws:PrincipalTag/team}"}},
        lambda given: given | {"Tags": [{"Key": "team", "Value": "blue"}]},
        True,
    ),
    "isolated": ({"Bool": {"sagemaker:NetworkIsolation": "true"}}, lambda given: given, False),
    "isolated, and so asked": (
        {"Bool": {"sagemaker:NetworkIsolation": "true"}},
        lambda given: given | {"EnableNetworkIsolation": True},
        True,
    ),
    "runtime": ({"NumericLessThanEquals": {"sagemaker:MaxRuntimeInSeconds": "30"}}, lambda given: given, False),
    "address": ({"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, lambda given: given, True),
    "another address": ({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, lambda given: given, False),
    "region": ({"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}, lambda given: given, False),
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_conditions_of_training_jobs(team: Team, name: str) -> None:
    condition, changed, allowed = CONDITIONS[name]
    person = team.person(
        allow("sagemaker:CreateTrainingJob", Condition=condition),
        allow(["iam:PassRole", "sagemaker:AddTags"]),
        Tags=[{"Key": "team", "Value": "blue"}],
    )
    request = changed(job(f"condition-{name.replace(' ', '-').replace(',', '')}"[:60].replace("'", "")))
    assert is_denied(person.boto("sagemaker").create_training_job, **request) != allowed


def test_resources_are_reached_by_their_tags(team: Team) -> None:
    sagemaker = team.server.boto("sagemaker")
    for name, value in (("tagged-red", "red"), ("tagged-blue", "blue")):
        sagemaker.create_experiment(ExperimentName=name, Tags=[{"Key": "team", "Value": value}])
    own = {"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}}
    person = team.person(allow("sagemaker:*", Condition=own), Tags=[{"Key": "team", "Value": "red"}])
    person.boto("sagemaker").describe_experiment(ExperimentName="tagged-red")
    assert is_denied(person.boto("sagemaker").describe_experiment, ExperimentName="tagged-blue")
    team.iam.tag_user(UserName=person.name, Tags=[{"Key": "team", "Value": "blue"}])
    person.boto("sagemaker").describe_experiment(ExperimentName="tagged-blue")


def test_tags_at_creation_need_a_right_of_their_own(team: Team) -> None:
    person = team.person(allow("sagemaker:CreateExperiment"))
    sagemaker = person.boto("sagemaker")
    sagemaker.create_experiment(ExperimentName="untagged")
    code, message = refusal(sagemaker.create_experiment, ExperimentName="t", Tags=[{"Key": "a", "Value": "b"}])
    assert (code, "sagemaker:AddTags" in message) == ("AccessDeniedException", True)
