"""Messages about what users get wrong: each names the thing, its value, the limit and the remedy, after AWS's own words.

One table: a case is a request of a real client, the error's code, AWS's words that clients compare, and ours after them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.conftest import ROLE, SHELL_IMAGE

if TYPE_CHECKING:
    from conftest import RunningServer

BUCKET = "messages"
KMEANS = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"
XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
COVERAGE = "docs/reference/coverage.md"


def training(name: str, **changed: Any) -> dict[str, Any]:
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": SHELL_IMAGE, "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    } | changed


def instance(kind: str) -> dict[str, Any]:
    return {"ResourceConfig": {"InstanceType": kind, "InstanceCount": 1, "VolumeSizeInGB": 1}}


@pytest.fixture(scope="module")
def prepared(server: RunningServer) -> RunningServer:
    """A server with one resource of each kind whose neighbours are asked for."""
    sagemaker = server.boto("sagemaker")
    server.boto("s3").create_bucket(Bucket=BUCKET)
    sagemaker.create_training_job(**training("churn-fit-1"))
    sagemaker.create_model(ModelName="churn-model", PrimaryContainer={"Image": SHELL_IMAGE}, ExecutionRoleArn=ROLE)
    sagemaker.create_endpoint_config(
        EndpointConfigName="churn-config",
        ProductionVariants=[{
            "VariantName": "all", "ModelName": "churn-model", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1,
        }],
    )  # fmt: skip
    sagemaker.create_experiment(ExperimentName="churn-study")
    sagemaker.create_model_package_group(ModelPackageGroupName="churn-group")
    definition = (
        '{"Version": "2020-12-01", "Steps": [{"Name": "stop", "Type": "Fail", "Arguments": {"ErrorMessage": "x"}}]}'
    )
    sagemaker.create_pipeline(
        PipelineName="churn-pipeline", PipelineDefinition=definition, RoleArn=ROLE, ClientRequestToken="m" * 32
    )
    return server


CASES: dict[str, tuple[str, str, dict[str, Any], str, tuple[str, ...]]] = {
    "training job": (
        "sagemaker", "describe_training_job", {"TrainingJobName": "churn-fit1"}, "ValidationException",
        ("Requested resource not found.", "There is no job churn-fit1 in us-east-1.", "Did you mean churn-fit-1?"),
    ),
    "processing job": (
        "sagemaker", "describe_processing_job", {"ProcessingJobName": "nothing-alike"}, "ValidationException",
        ("Could not find requested job with name: nothing-alike and arn: ",),
    ),
    "model": (
        "sagemaker", "describe_model", {"ModelName": "churn-modle"}, "ValidationException",
        ('Could not find model "arn:aws:sagemaker:us-east-1:', 'churn-modle".', "Did you mean churn-model?"),
    ),
    "model of a variant": (
        "sagemaker", "create_endpoint_config", {
            "EndpointConfigName": "other", "ProductionVariants": [{
                "VariantName": "all", "ModelName": "chrun-model", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1,
            }],
        }, "ValidationException", ('Could not find model "', "Did you mean churn-model?"),
    ),
    "endpoint configuration": (
        "sagemaker", "create_endpoint", {"EndpointName": "churn", "EndpointConfigName": "churn-conf"},
        "ValidationException", ('Could not find endpoint configuration "', "Did you mean churn-config?"),
    ),
    "pipeline": (
        "sagemaker", "describe_pipeline", {"PipelineName": "churn-pipelin"}, "ResourceNotFound",
        ("Pipeline 'churn-pipelin' does not exist.", "Did you mean churn-pipeline?"),
    ),
    "experiment": (
        "sagemaker", "describe_experiment", {"ExperimentName": "churn-studdy"}, "ResourceNotFound",
        ("churn-studdy' does not exist.", "Did you mean churn-study?"),
    ),
    "group of model packages": (
        "sagemaker", "describe_model_package_group", {"ModelPackageGroupName": "churn-grp"}, "ValidationException",
        ("does not exist.", "Did you mean churn-group?"),
    ),
    "model card, whose message SDK v2 compares as a whole": (
        "sagemaker", "describe_model_card", {"ModelCardName": "churn-card"}, "ResourceNotFound",
        ("Requested resource not found.",),
    ),
    "instance type": (
        "sagemaker", "create_training_job", training("typo", **instance("ml.m5.xlrge")), "ValidationException",
        ("Value 'ml.m5.xlrge' at 'resourceConfig.instanceType'", "enum value set: [ml.", "Did you mean ml.m5.xlarge"),
    ),
    "instance type without its prefix": (
        "sagemaker", "create_training_job", training("typo", **instance("m5.xlarge")), "ValidationException",
        ("'m5.xlarge'", " or ml.m5.xlarge or "),
    ),
    "EC2": ("ec2", "describe_instances", {}, "InvalidAction", ("does not serve ec2:DescribeInstances", COVERAGE)),
    "DynamoDB": (
        "dynamodb", "list_tables", {}, "UnknownOperationException", ("does not serve dynamodb:ListTables", COVERAGE),
    ),
    "Route 53": (
        "route53", "list_hosted_zones", {}, "UnknownOperationException", ("does not serve route53:", COVERAGE),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_refused_request_says_what_helps(prepared: RunningServer, case: str) -> None:
    service, call, request, code, words = CASES[case]
    given, message = refused(getattr(prepared.boto(service), call), **request)
    assert given == code
    at = -1
    for word in words:
        assert word in message[at + 1 :], f"{word!r} not in {message[-600:]!r} after {at}"
        at = message.index(word, at + 1)
    if len(words) == 1:
        assert "Did you mean" not in message


@pytest.mark.parametrize(("image", "format_"), [(XGBOOST, "libsvm"), (KMEANS, "recordio-protobuf")])
def test_csv_without_a_content_type_is_named_in_the_failure_reason(
    prepared: RunningServer, image: str, format_: str
) -> None:
    prepared.boto("s3").put_object(Bucket=BUCKET, Key="plain/train.csv", Body=b"1,2\n0,3.5\n1,-5\n0,7e1\n")
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/plain/", "S3DataDistributionType": "FullyReplicated"}
    parameters = {"num_round": "1"} if image == XGBOOST else {"k": "2", "feature_dim": "2"}
    channel = {"ChannelName": "train", "DataSource": {"S3DataSource": source}}
    name = f"no-type-{format_}"
    request = training(name, InputDataConfig=[channel], HyperParameters=parameters)
    request["AlgorithmSpecification"]["TrainingImage"] = image
    prepared.boto("sagemaker").create_training_job(**request)
    reason = prepared.wait(name)["FailureReason"]
    assert f"The file looks like CSV, and was read as {format_}: give its channel the ContentType text/csv" in reason


def test_a_header_in_csv_is_named_in_the_failure_reason(prepared: RunningServer) -> None:
    prepared.boto("s3").put_object(Bucket=BUCKET, Key="csv/train.csv", Body=b"label,age\n1,2\n0,3\n1,5\n0,7\n")
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/csv/", "S3DataDistributionType": "FullyReplicated"}
    channel = {"ChannelName": "train", "ContentType": "text/csv", "DataSource": {"S3DataSource": source}}
    request = training("header", InputDataConfig=[channel], HyperParameters={"num_round": "1"})
    request["AlgorithmSpecification"]["TrainingImage"] = XGBOOST
    prepared.boto("sagemaker").create_training_job(**request)
    reason = prepared.wait("header")["FailureReason"]
    assert reason.startswith("ClientError: ")
    assert "The first row looks like a header (label, age, …): CSV is read without one" in reason
    assert "header=False, index=False" in reason


def refused(call: Callable[..., Any], **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_an_unserved_service_is_named_to_clients_of_ec2s_own_form(prepared: RunningServer) -> None:
    """Clients in other languages read EC2's errors in EC2's form alone, and showed `(Unknown)`."""
    call = prepared.boto("ec2").describe_instances
    bodies: list[bytes] = []
    call.__self__.meta.events.register(
        "before-parse.ec2.DescribeInstances", lambda response_dict, **_: bodies.append(response_dict["body"])
    )
    refused(call)
    assert bodies and b"<Response><Errors><Error><Code>InvalidAction</Code><Message>Sagewright" in bodies[0]
