"""Inference components by boto3: their life, copies, what fits on the instances, updates, scaling, and what can't be."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.components import SMALL, Components
from tests.conftest import ROLE, SHELL_IMAGE
from tests.hosting import BUCKET, ECHO
from tests.pipelines import Pipelines, step

if TYPE_CHECKING:
    from conftest import RunningServer

ARN = "arn:aws:sagemaker:us-east-1:000000000000:inference-component/"
NAMED = ECHO.replace('return "WORD"', 'import uuid; return f"WORD-{uuid.uuid4()}"')
BROKEN = "def model_fn(directory):\n    raise RuntimeError('no such weights')\n"
SAGEWRIGHT = str(Path(sys.executable).parent / "sagewright")
LARGE = {"MinMemoryRequiredInMb": 6144}


@pytest.fixture(scope="module")
def hosting(server: RunningServer) -> Iterator[Components]:
    with Components(server) as made:
        made.model("left")
        made.model("right", NAMED)
        yield made


def fault(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_two_components_on_one_endpoint(hosting: Components) -> None:
    sagemaker, runtime = hosting.sagemaker, hosting.runtime
    hosting.host("shared")
    hosting.create("left", "shared")  # its endpoint is Creating: it waits
    container = sagemaker.describe_model(ModelName="right")["PrimaryContainer"]
    given = {"Image": SHELL_IMAGE, "ArtifactUrl": container["ModelDataUrl"], "Environment": container["Environment"]}
    startup = {"ContainerStartupHealthCheckTimeoutInSeconds": 60}
    hosting.create("right", "shared", 2, ModelName=None, Container=given, StartupParameters=startup)
    description = hosting.settled_component("left")
    assert (description["InferenceComponentArn"], description["EndpointName"], description["VariantName"]) == (
        f"{ARN}left",
        "shared",
        "v",
    )
    assert description["Specification"] == {"ModelName": "left", "ComputeResourceRequirements": SMALL}
    description = hosting.settled_component("right")
    runs = description["RuntimeConfig"]
    assert (runs["DesiredCopyCount"], runs["CurrentCopyCount"]) == (2, 2)
    assert description["Specification"]["Container"]["DeployedImage"]["SpecifiedImage"] == SHELL_IMAGE
    assert description["Specification"]["StartupParameters"] == startup
    asked = {"EndpointName": "shared", "Body": b"x", "ContentType": "text/plain"}
    answer = runtime.invoke_endpoint(**asked, InferenceComponentName="left")
    assert (answer["Body"].read(), answer["InvokedProductionVariant"]) == (b"left x", "v")
    events = runtime.invoke_endpoint_with_response_stream(**asked, InferenceComponentName="left")["Body"]
    assert b"".join(event["PayloadPart"]["Bytes"] for event in events) == b"left x"
    found = {hosting.ask("shared", InferenceComponentName="right") for _ in range(20)}
    assert len(found) == 2, "both copies answer"
    code, said = fault(runtime.invoke_endpoint, **asked)
    assert (code, said[:43]) == ("ValidationError", "Inference Component Name header is required")
    assert "none" in fault(runtime.invoke_endpoint, **asked, InferenceComponentName="none")[1]
    listed = sagemaker.list_inference_components(EndpointNameEquals="shared", VariantNameEquals="v", SortBy="Name")
    assert [one["InferenceComponentName"] for one in listed["InferenceComponents"]] == ["right", "left"]
    assert sagemaker.list_inference_components(EndpointNameEquals="other")["InferenceComponents"] == []
    streams = hosting.streams("InferenceComponents/right", 2)
    assert all(one.startswith("v/i-") for one in streams)
    assert len(streams) == 2
    code, said = fault(sagemaker.delete_endpoint, EndpointName="shared")
    assert (code, "hosts inference components: left, right" in said) == ("ValidationException", True)
    code, said = fault(sagemaker.create_inference_component, InferenceComponentName="left", EndpointName="shared",
                       VariantName="v", RuntimeConfig={"CopyCount": 1},
                       Specification={"ModelName": "left", "ComputeResourceRequirements": SMALL})  # fmt: skip
    assert said == f'Cannot create already existing inference component "{ARN}left".'
    metrics_are_told(hosting, "right", 20)


def metrics_are_told(hosting: Components, name: str, count: int) -> None:
    now, cloudwatch = datetime.now(UTC), hosting.server.boto("cloudwatch")
    until = time.monotonic() + 10
    while True:
        found = {}
        for metric in ("Invocations", "InvocationsPerCopy"):
            points = cloudwatch.get_metric_statistics(
                Namespace="AWS/SageMaker", MetricName=metric, Statistics=["Sum"], Period=3600,
                Dimensions=[{"Name": "InferenceComponentName", "Value": name}],
                StartTime=now - timedelta(hours=1), EndTime=now + timedelta(hours=1),
            )["Datapoints"]  # fmt: skip
            found[metric] = sum(point["Sum"] for point in points)
        if found == {"Invocations": count, "InvocationsPerCopy": count / 2}:
            return
        assert time.monotonic() < until, found
        time.sleep(0.2)


def test_copies_come_and_go(hosting: Components) -> None:
    if "shared" not in {one["EndpointName"] for one in hosting.sagemaker.list_endpoints()["Endpoints"]}:
        hosting.host("shared")
        hosting.component("right", "shared")
    description = hosting.copies("right", 0)
    assert description["RuntimeConfig"] == {"DesiredCopyCount": 0, "CurrentCopyCount": 0}
    asked = {"EndpointName": "shared", "Body": b"x", "InferenceComponentName": "right"}
    until = time.monotonic() + 10
    while not (found := fault(hosting.runtime.invoke_endpoint, **asked))[1].startswith(
        "Inference Component has no capacity"
    ):
        assert time.monotonic() < until, found
    assert found[0] == "ValidationError"
    scaling = hosting.server.boto("application-autoscaling")
    place = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": "inference-component/right",
        "ScalableDimension": "sagemaker:inference-component:DesiredCopyCount",
    }
    scaling.register_scalable_target(**place, MinCapacity=0, MaxCapacity=1)
    config = {
        "TargetValue": 5.0,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerInferenceComponentInvocationsPerCopy"},
    }
    scaling.put_scaling_policy(
        **place, PolicyName="follow", PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=config,
    )  # fmt: skip
    steps = {
        "AdjustmentType": "ChangeInCapacity", "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}],
    }  # fmt: skip
    policy = scaling.put_scaling_policy(
        **place, PolicyName="from-zero", PolicyType="StepScaling", StepScalingPolicyConfiguration=steps
    )
    cloudwatch = hosting.server.boto("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="right-from-zero", Namespace="AWS/SageMaker", MetricName="NoCapacityInvocationFailures", Statistic="Maximum",
        Dimensions=[{"Name": "InferenceComponentName", "Value": "right"}], Period=10, EvaluationPeriods=1, Threshold=1.0,
        ComparisonOperator="GreaterThanOrEqualToThreshold", AlarmActions=[policy["PolicyARN"]],
    )  # fmt: skip
    until = time.monotonic() + 60
    while (count := hosting.described("right")["RuntimeConfig"]["CurrentCopyCount"]) == 0:
        assert time.monotonic() < until, "a request that found no copy asks for one"
        with suppress(ClientError):  # it may be there by now
            hosting.runtime.invoke_endpoint(**asked)
        time.sleep(0.5)
    assert count == 1
    cloudwatch.delete_alarms(AlarmNames=["right-from-zero"])
    scaling.deregister_scalable_target(**place)


def test_what_does_not_fit_fails_and_what_goes_makes_room(hosting: Components) -> None:
    hosting.host("tight")
    hosting.component("first", "tight", ModelName="left", ComputeResourceRequirements=LARGE)
    hosting.create("second", "tight", ModelName="left", ComputeResourceRequirements=LARGE)
    description = hosting.settled_component("second", "Failed")
    assert description["FailureReason"].startswith(
        "There is not enough hardware resources on the instances to create a copy"
    )
    assert "6144 MB of memory" in description["FailureReason"]
    assert description["RuntimeConfig"] == {"DesiredCopyCount": 1, "CurrentCopyCount": 0}
    description = hosting.copies("first", 2)
    assert (description["RuntimeConfig"]["CurrentCopyCount"], description["FailureReason"][:19]) == (
        1,
        "There is not enough",
    )
    assert hosting.ask("tight", InferenceComponentName="first") == "left x"
    hosting.remove("first", "second")
    hosting.component("third", "tight", ModelName="left", ComputeResourceRequirements=LARGE)
    hosting.remove("third")
    hosting.sagemaker.delete_endpoint(EndpointName="tight")


def test_managed_scaling_follows_the_copies(hosting: Components) -> None:
    hosting.host("managed", ManagedInstanceScaling={"Status": "ENABLED", "MinInstanceCount": 1, "MaxInstanceCount": 2})
    description = hosting.component("wide", "managed", 2, ModelName="left", ComputeResourceRequirements=LARGE)
    assert description["RuntimeConfig"]["CurrentCopyCount"] == 2
    assert hosting.settled("managed")["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    hosting.copies("wide", 1)
    until = time.monotonic() + 10
    while hosting.settled("managed")["ProductionVariants"][0]["CurrentInstanceCount"] != 1:
        assert time.monotonic() < until
    hosting.host_config("managed-2", InstanceType="ml.m5.xlarge")
    hosting.sagemaker.update_endpoint(EndpointName="managed", EndpointConfigName="managed-2")
    assert hosting.settled("managed")["EndpointConfigName"] == "managed-2"
    assert hosting.ask("managed", InferenceComponentName="wide") == "left x"
    assert hosting.described("wide")["RuntimeConfig"]["CurrentCopyCount"] == 1


def test_updates(hosting: Components) -> None:
    hosting.model("broken", BROKEN)
    hosting.host("updated")
    hosting.component("moving", "updated", ModelName="left")
    update = hosting.sagemaker.update_inference_component
    update(InferenceComponentName="moving", Specification={"ModelName": "broken"})
    description = hosting.settled_component("moving")
    assert "for inference component moving did not pass the ping health check" in description["FailureReason"]
    assert description["Specification"] == {"ModelName": "left", "ComputeResourceRequirements": SMALL}
    assert hosting.ask("updated", InferenceComponentName="moving") == "left x"
    policy = {"MaximumBatchSize": {"Type": "COPY_COUNT", "Value": 1}, "WaitIntervalInSeconds": 0}
    deployment = {"RollingUpdatePolicy": policy}
    update(InferenceComponentName="moving", Specification={"ModelName": "right"}, DeploymentConfig=deployment)
    _, said = fault(hosting.sagemaker.delete_inference_component, InferenceComponentName="moving")
    assert said == f'Cannot update in-progress inference component "{ARN}moving".'
    description = hosting.settled_component("moving")
    assert (description["Specification"]["ModelName"], description["LastDeploymentConfig"]) == ("right", deployment)
    assert "FailureReason" not in description
    until = time.monotonic() + 10
    while not (said := hosting.ask("updated", InferenceComponentName="moving")).startswith("right-"):
        assert time.monotonic() < until, said


def test_updates_of_an_endpoint_that_would_leave_a_component_without_a_place(hosting: Components) -> None:
    hosting.host("holding")
    hosting.component("held", "holding", ModelName="left")
    hosting.host_config("holding-w", VariantName="w")
    hosting.config("holding-model", hosting.variant("v", "left"))
    update = hosting.sagemaker.update_endpoint
    code, said = fault(update, EndpointName="holding", EndpointConfigName="holding-w")
    assert (code, "has no variant v, and the endpoint hosts inference components: held" in said) == (
        "ValidationException",
        True,
    )
    code, said = fault(update, EndpointName="holding", EndpointConfigName="holding-model")
    assert (code, "create another endpoint" in said) == ("ValidationException", True)
    asked = {"EndpointName": "holding", "Body": b"x", "TargetVariant": "w", "InferenceComponentName": "held"}
    assert "is on the variant v" in fault(hosting.runtime.invoke_endpoint, **asked)[1]
    hosting.host_config("holding-2", InitialInstanceCount=2)
    update(EndpointName="holding", EndpointConfigName="holding-2")
    assert hosting.settled("holding")["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    assert hosting.ask("holding", InferenceComponentName="held") == "left x"


def test_a_pipelines_step_and_events_that_tell_of_it(hosting: Components) -> None:
    events = hosting.server.boto("events")
    events.put_rule(
        Name="components", EventPattern=json.dumps({"detail-type": ["SageMaker Inference Component State Change"]})
    )
    group = "arn:aws:logs:us-east-1:000000000000:log-group:/aws/events/components"
    events.put_targets(Rule="components", Targets=[{"Id": "log", "Arn": group}])
    hosting.host("piped")
    pipelines = Pipelines(hosting.server)
    arguments = {
        "InferenceComponentName": "stepped", "EndpointName": "piped", "VariantName": "v",
        "Specification": {"ModelName": "left", "ComputeResourceRequirements": SMALL},
        "RuntimeConfig": {"CopyCount": {"Get": "Parameters.Copies"}},
    }  # fmt: skip
    parameter = {"Name": "Copies", "Type": "Integer", "DefaultValue": 1}
    name = pipelines.create("components", step("it", "InferenceComponent", arguments), parameters=[parameter])
    for copies in (1, 2):
        given = [{"Name": "Copies", "Value": str(copies)}]
        arn = pipelines.start(name, PipelineParameters=given)
        assert pipelines.wait(arn)["PipelineExecutionStatus"] == "Succeeded", pipelines.steps(arn)
        assert hosting.described("stepped")["RuntimeConfig"]["CurrentCopyCount"] == copies
    done = subprocess.run(
        [SAGEWRIGHT, "endpoints", "show", "piped", "--data", str(hosting.server.data)],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert "2 of 2" in done.stdout, done.stderr
    done = subprocess.run(
        [SAGEWRIGHT, "endpoints", "invoke", "piped/stepped", "hello", "--content-type", "text/plain", "--data",
         str(hosting.server.data)],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.stdout == "left hello", done.stderr
    deadline = time.monotonic() + 30
    while (said := statuses_told(hosting, "stepped"))[:4] != ["CREATING", "IN_SERVICE", "UPDATING", "IN_SERVICE"]:
        assert time.monotonic() < deadline, said
        time.sleep(0.1)
    events.remove_targets(Rule="components", Ids=["log"])
    events.delete_rule(Name="components")


def statuses_told(hosting: Components, name: str) -> list[str]:
    try:
        lines = hosting.server.boto("logs").filter_log_events(logGroupName="/aws/events/components")["events"]
    except ClientError:  # there is no such group yet
        return []
    description = [json.loads(line["message"])["detail"] for line in lines]
    return [one["InferenceComponentStatus"] for one in description if one["InferenceComponentName"] == name]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"VariantName": "w"}, "not part of the endpoint"),
        ({"EndpointName": "none"}, "Could not find endpoint"),
        ({"Specification": {"BaseInferenceComponentName": "left"}}, "BaseInferenceComponentName"),
        ({"Specification": {"ModelName": "none", "ComputeResourceRequirements": SMALL}}, "Could not find model"),
        ({"Specification": {"ModelName": "left"}}, "ComputeResourceRequirements"),
        ({"Specification": {"ComputeResourceRequirements": SMALL}}, "Exactly one of ModelName and Container"),
        ({"Specification": {"ModelName": "left", "ComputeResourceRequirements":
                            SMALL | {"MaxMemoryRequiredInMb": 256}}}, "256 is below 512"),
    ],
)  # fmt: skip
def test_components_that_cannot_be(hosting: Components, changes: dict[str, Any], said: str) -> None:
    if "refusing" not in {one["EndpointName"] for one in hosting.sagemaker.list_endpoints()["Endpoints"]}:
        hosting.host("refusing")
    request = {
        "InferenceComponentName": "bad", "EndpointName": "refusing", "VariantName": "v", "RuntimeConfig": {"CopyCount": 1},
        "Specification": {"ModelName": "left", "ComputeResourceRequirements": SMALL},
    }  # fmt: skip
    code, message = fault(hosting.sagemaker.create_inference_component, **(request | changes))
    assert code == "ValidationException"
    assert said in message
    assert fault(hosting.sagemaker.describe_inference_component, InferenceComponentName="bad") == (
        "ValidationException",
        f'Could not find inference component "{ARN}bad".',
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ExecutionRoleArn": None}, "ExecutionRoleArn"),
        ({"ProductionVariants": [{"VariantName": "v", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1},
                                 {"VariantName": "w", "ModelName": "left", "InstanceType": "ml.m5.large",
                                  "InitialInstanceCount": 1}]}, "either kind"),
        ({"AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": f"s3://{BUCKET}/x"}}}, "AsyncInferenceConfig"),
        ({"ProductionVariants": [{"VariantName": "v", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1,
                                  "ManagedInstanceScaling": {"MinInstanceCount": 3, "MaxInstanceCount": 2}}]}, "3 is above 2"),
    ],
)  # fmt: skip
def test_configurations_that_cannot_be(hosting: Components, changes: dict[str, Any], said: str) -> None:
    variant = {"VariantName": "v", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    request = {"EndpointConfigName": "bad", "ExecutionRoleArn": ROLE, "ProductionVariants": [variant]} | changes
    asked = {name: value for name, value in request.items() if value is not None}
    code, message = fault(hosting.sagemaker.create_endpoint_config, **asked)
    assert code == "ValidationException"
    assert said in message
