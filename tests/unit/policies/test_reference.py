"""The tables of AWS's actions, and the operations that are served."""

from __future__ import annotations

import pytest

from sagewright.policies.reference import actions_of
from sagewright.services import registry
from sagewright.services.access.subjects import PREFIXES, Scope, read_request
from sagewright.wire.models import service_model

SCOPE = Scope("000000000000", "us-east-1")
BEGIN = "arn:aws:sagemaker:us-east-1:000000000000"


def test_nearly_every_operation_has_an_action_in_awss_reference() -> None:
    """New operations of botocore may precede the reference; a policy names them by their own name then."""
    unknown = []
    for service, operation in registry.load():
        asked = read_request(service, operation, {}, SCOPE)
        prefix, _, name = asked.action.partition(":")
        if service != "s3" and name not in actions_of(prefix):
            unknown.append(asked.action)
    assert len(unknown) < 40, unknown
    assert all(one.startswith("sagemaker:") for one in unknown), unknown


@pytest.mark.parametrize(
    ("service", "operation", "request_", "action", "resources"),
    [
        ("sagemaker", "CreateTrainingJob", {"TrainingJobName": "a"}, "", [f"{BEGIN}:training-job/a"]),
        (
            "sagemaker",
            "CreateEndpoint",
            {"EndpointName": "e", "EndpointConfigName": "c"},
            "",
            [f"{BEGIN}:endpoint/e", f"{BEGIN}:endpoint-config/c"],
        ),
        ("sagemaker", "DescribePipeline", {"PipelineName": f"{BEGIN}:pipeline/p"}, "", [f"{BEGIN}:pipeline/p"]),
        ("sagemaker", "AddTags", {"ResourceArn": f"{BEGIN}:model/m", "Tags": []}, "", [f"{BEGIN}:model/m"]),
        ("sagemaker", "ListTags", {"ResourceArn": f"{BEGIN}:model/m"}, "", [f"{BEGIN}:model/m"]),
        (
            "sagemaker",
            "DescribeModelPackage",
            {"ModelPackageName": f"{BEGIN}:model-package/g/1"},
            "",
            [f"{BEGIN}:model-package/g/1"],
        ),
        ("sagemaker", "CreateSpace", {"DomainId": "d", "SpaceName": "s"}, "", [f"{BEGIN}:space/d/s"]),
        ("sagemaker", "ListTrainingJobs", {}, "", ["*"]),
        ("sagemaker-runtime", "InvokeEndpointAsync", {"EndpointName": "e"}, "sagemaker:InvokeEndpointAsync",
         [f"{BEGIN}:endpoint/e"]),
        ("sqs", "SendMessageBatch", {"QueueUrl": "http://h/000000000000/q"}, "sqs:SendMessage",
         ["arn:aws:sqs:us-east-1:000000000000:q"]),
        ("sns", "Publish", {"TopicArn": "arn:aws:sns:us-east-1:000000000000:t"}, "", ["arn:aws:sns:us-east-1:000000000000:t"]),
        ("lambda", "Invoke", {"FunctionName": "f"}, "lambda:InvokeFunction",
         ["arn:aws:lambda:us-east-1:000000000000:function:f"]),
        ("logs", "GetLogEvents", {"logGroupName": "/g", "logStreamName": "s"}, "",
         ["arn:aws:logs:us-east-1:000000000000:log-group:/g:log-stream:s"]),
        ("logs", "GetLogEvents",
         {"logGroupIdentifier": "arn:aws:logs:us-east-1:000000000000:log-group:/g:*", "logStreamName": "s"}, "",
         ["arn:aws:logs:us-east-1:000000000000:log-group:/g:log-stream:s"]),
        ("events", "PutTargets", {"Rule": "r", "EventBusName": "arn:aws:events:us-east-1:000000000000:event-bus/b"}, "",
         ["arn:aws:events:us-east-1:000000000000:rule/b/r"]),
        ("events", "PutTargets", {"Rule": "r", "EventBusName": "arn:aws:events:us-east-1:000000000000:event-bus/default"}, "",
         ["arn:aws:events:us-east-1:000000000000:rule/r"]),
        ("lambda", "GetFunction", {"FunctionName": "000000000000:function:f:$LATEST"}, "",
         ["arn:aws:lambda:us-east-1:000000000000:function:f"]),
        ("lambda", "GetFunction", {"FunctionName": "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST"}, "",
         ["arn:aws:lambda:us-east-1:000000000000:function:f"]),
        ("sns", "Publish", {"TargetArn": "arn:aws:sns:us-east-1:000000000000:t"}, "",
         ["arn:aws:sns:us-east-1:000000000000:t"]),
        ("scheduler", "CreateSchedule", {"Name": "s"}, "",
         ["arn:aws:scheduler:us-east-1:000000000000:schedule/default/s"]),
        ("scheduler", "CreateScheduleGroup", {"Name": "g"}, "",
         ["arn:aws:scheduler:us-east-1:000000000000:schedule-group/g"]),
        ("resource-groups", "DeleteGroup", {"Group": "theirs", "GroupName": "mine"}, "",
         ["arn:aws:resource-groups:us-east-1:000000000000:group/theirs"]),
        ("logs", "DescribeLogStreams", {"logGroupName": "/g"}, "",
         ["arn:aws:logs:us-east-1:000000000000:log-group:/g:log-stream:"]),
        ("events", "PutRule", {"Name": "r", "EventBusName": "b"}, "", ["arn:aws:events:us-east-1:000000000000:rule/b/r"]),
        ("sagemaker", "StopPipelineExecution", {"PipelineExecutionArn": f"{BEGIN}:pipeline/p/execution/e"}, "",
         [f"{BEGIN}:pipeline/p/execution/e"]),
        ("sagemaker", "AddAssociation", {"SourceArn": f"{BEGIN}:artifact/a", "DestinationArn": f"{BEGIN}:context/c"}, "",
         [f"{BEGIN}:artifact/a", f"{BEGIN}:context/c"]),
        ("ecr", "TagResource", {"resourceArn": "arn:aws:ecr:us-east-1:000000000000:repository/r"}, "",
         ["arn:aws:ecr:us-east-1:000000000000:repository/r"]),
        ("ecr", "DeleteRepository", {"repositoryName": "r"}, "", ["arn:aws:ecr:us-east-1:000000000000:repository/r"]),
        ("iam", "PutUserPolicy", {"UserName": "u"}, "", ["arn:aws:iam::000000000000:user/u"]),
        ("events", "PutRule", {"Name": "r"}, "", ["arn:aws:events:us-east-1:000000000000:rule/r"]),
        ("cloudwatch", "DeleteAlarms", {"AlarmNames": ["a", "b"]}, "",
         ["arn:aws:cloudwatch:us-east-1:000000000000:alarm:a", "arn:aws:cloudwatch:us-east-1:000000000000:alarm:b"]),
        ("kms", "Decrypt", {"KeyId": "k"}, "", ["arn:aws:kms:us-east-1:000000000000:key/k"]),
    ],
)  # fmt: skip
def test_a_request_names_its_resources(
    service: str, operation: str, request_: dict[str, object], action: str, resources: list[str]
) -> None:
    asked = read_request(service, operation, request_, SCOPE)
    assert asked.action == (action or f"{PREFIXES.get(service, service)}:{operation}")
    assert sorted(asked.resources) == sorted(resources)


def test_what_changes_something_is_about_a_resource() -> None:
    """Each operation of SageMaker that changes or shows one thing names it, so that policies can."""
    missed = []
    for (service, operation), entry in registry.load().items():
        action = actions_of("sagemaker").get(operation)
        if service != "sagemaker" or entry.absent or action is None or action.level == "List" or not action.resources:
            continue
        shape = service_model(service).operation_model(operation).input_shape
        members = {
            name: f"{BEGIN}:x/y" if name.endswith("Arn") else "x"
            for name, one in (shape.members.items() if shape else ())
            if one.type_name == "string"
        }
        if read_request(service, operation, members, SCOPE).resources == ("*",):
            missed.append(operation)
    by_token = ["SendPipelineExecutionStepFailure", "SendPipelineExecutionStepSuccess"]
    assert sorted(missed) == ["BatchDescribeModelPackage", "CreateArtifact", *by_token]
