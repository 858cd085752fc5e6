"""EventBridge Scheduler driven by boto3: schedules made, told, changed and deleted, and what they start."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.conftest import OUTPUT, ROLE, SHELL_IMAGE
from tests.pipelines import Pipelines, condition, equal, get

if TYPE_CHECKING:
    from conftest import RunningServer

TRAINING = "arn:aws:scheduler:::aws-sdk:sagemaker:createTrainingJob"
OFF = {"Mode": "OFF"}
ARN = "arn:aws:scheduler:us-east-1:000000000000:schedule/default/"


@pytest.fixture(scope="module")
def scheduler(server: RunningServer) -> Any:
    return server.boto("scheduler")


@pytest.fixture(scope="module")
def queue(server: RunningServer) -> tuple[str, str]:
    """URL and ARN."""
    sqs = server.boto("sqs")
    url = sqs.create_queue(QueueName="scheduled")["QueueUrl"]
    return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def at(seconds: float) -> str:
    return f"at({datetime.now(UTC) + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S})"


def fault(call: Any, **request: Any) -> tuple[str, str, int]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    described = caught.value.response
    return described["Error"]["Code"], described["Error"]["Message"], described["ResponseMetadata"]["HTTPStatusCode"]


def test_a_schedule_is_made_told_changed_and_deleted(scheduler: Any, queue: tuple[str, str]) -> None:
    target = {"Arn": queue[1], "RoleArn": ROLE}
    start = datetime(2030, 1, 1, tzinfo=UTC)
    asked = {"Name": "nightly", "ScheduleExpression": "cron(0 3 * * ? *)", "FlexibleTimeWindow": OFF, "Target": target}
    zoned = {"ScheduleExpressionTimezone": "Europe/Berlin", "StartDate": start, "Description": "d"}
    assert scheduler.create_schedule(**asked, **zoned)["ScheduleArn"] == f"{ARN}nightly"
    assert fault(scheduler.create_schedule, **asked)[::2] == ("ConflictException", 409)
    described = scheduler.get_schedule(Name="nightly", GroupName="default")
    assert (described["State"], described["StartDate"], described["ScheduleExpressionTimezone"]) == (
        "ENABLED",
        start,
        "Europe/Berlin",
    )
    assert (described["Target"]["Arn"], described["Target"]["RoleArn"]) == (queue[1], ROLE)
    assert set(described["Target"]) == {"Arn", "RoleArn", "RetryPolicy"}
    scheduler.update_schedule(**asked, State="DISABLED")
    described = scheduler.get_schedule(Name="nightly")
    assert (described["State"], described["ScheduleExpressionTimezone"]) == ("DISABLED", "UTC")
    assert "Description" not in described
    scheduler.create_schedule(**asked | {"Name": "other"})
    listed = scheduler.get_paginator("list_schedules").paginate(PaginationConfig={"PageSize": 1})
    assert [one["Name"] for page in listed for one in page["Schedules"]] == ["nightly", "other"]
    assert [one["Name"] for one in scheduler.list_schedules(State="DISABLED")["Schedules"]] == ["nightly"]
    for name in ("nightly", "other"):
        scheduler.delete_schedule(Name=name)
    assert fault(scheduler.get_schedule, Name="nightly")[::2] == ("ResourceNotFoundException", 404)
    assert fault(scheduler.update_schedule, **asked)[::2] == ("ResourceNotFoundException", 404)


def test_what_is_refused(scheduler: Any, queue: tuple[str, str]) -> None:
    good = {"Name": "bad", "ScheduleExpression": "rate(1 hour)", "FlexibleTimeWindow": OFF,
            "Target": {"Arn": queue[1], "RoleArn": ROLE}}  # fmt: skip
    early, late = datetime(2030, 1, 1, tzinfo=UTC), datetime(2030, 1, 2, tzinfo=UTC)
    refused: tuple[tuple[dict[str, Any], str], ...] = (
        ({"ScheduleExpression": "every day"}, "Invalid Schedule Expression every day."),
        ({"ScheduleExpressionTimezone": "Mars/Base"}, "Timezone Mars/Base"),
        ({"StartDate": late, "EndDate": early}, "must come after"),
        ({"FlexibleTimeWindow": {"Mode": "FLEXIBLE"}}, "MaximumWindowInMinutes"),
        ({"Target": {"Arn": "arn:aws:ecs:us-east-1:000000000000:cluster/c", "RoleArn": ROLE}}, "send nothing to"),
        ({"Target": {"Arn": queue[1].replace("0" * 12, "1" * 12), "RoleArn": ROLE}}, "not in the account"),
        ({"Target": {"Arn": TRAINING, "RoleArn": ROLE, "Input": "x"}}, "JSON of a request of CreateTrainingJob"),
        ({"Target": {"Arn": TRAINING, "RoleArn": ROLE, "Input": '{"TrainingJobName": "one"}'}}, "execution-id"),
        ({"Target": {"Arn": TRAINING.replace("Training", "Labeling"), "RoleArn": ROLE}}, "send nothing to"),
    )
    for members, words in refused:
        code, message, _ = fault(scheduler.create_schedule, **good | members)
        assert code == "ValidationException", members
        assert words in message
    assert fault(scheduler.create_schedule, **good, GroupName="mine")[0] == "ResourceNotFoundException"


def test_what_is_due_is_sent(server: RunningServer, scheduler: Any, queue: tuple[str, str]) -> None:
    body = json.dumps({"when": "<aws.scheduler.scheduled-time>", "by": "<aws.scheduler.schedule-arn>"})
    when = at(2)
    scheduler.create_schedule(
        Name="soon", ScheduleExpression=when, FlexibleTimeWindow=OFF, ActionAfterCompletion="DELETE",
        Target={"Arn": queue[1], "RoleArn": ROLE, "Input": body},
    )  # fmt: skip
    scheduler.create_schedule(
        Name="never", ScheduleExpression=when, FlexibleTimeWindow=OFF, State="DISABLED",
        Target={"Arn": queue[1], "RoleArn": ROLE, "Input": "never"},
    )  # fmt: skip
    sqs = server.boto("sqs")
    until, found = time.monotonic() + 30, []
    while not found and time.monotonic() < until:
        found = sqs.receive_message(QueueUrl=queue[0], WaitTimeSeconds=5).get("Messages", [])
    assert json.loads(found[0]["Body"]) == {"when": when[3:-1] + "Z", "by": f"{ARN}soon"}
    sqs.delete_message(QueueUrl=queue[0], ReceiptHandle=found[0]["ReceiptHandle"])
    while time.monotonic() < until and "soon" in {one["Name"] for one in scheduler.list_schedules()["Schedules"]}:
        time.sleep(0.2)
    assert [one["Name"] for one in scheduler.list_schedules()["Schedules"]] == ["never"]
    assert "Messages" not in sqs.receive_message(QueueUrl=queue[0])
    scheduler.delete_schedule(Name="never")


def test_a_pipeline_is_started_with_parameters(server: RunningServer, scheduler: Any) -> None:
    pipelines = Pipelines(server)
    name = pipelines.create(
        "scheduled", condition("c", equal(get("Parameters.When"), "x"), []),
        parameters=[{"Name": "When", "Type": "String"}],
    )  # fmt: skip
    arn = pipelines.sagemaker.describe_pipeline(PipelineName=name)["PipelineArn"]
    parameters = {"PipelineParameterList": [{"Name": "When", "Value": "<aws.scheduler.scheduled-time>"}]}
    when = at(1)
    scheduler.create_schedule(
        Name="run", ScheduleExpression=when, FlexibleTimeWindow=OFF,
        Target={"Arn": arn, "RoleArn": ROLE, "SageMakerPipelineParameters": parameters},
    )  # fmt: skip
    until, found = time.monotonic() + 30, []
    while not found and time.monotonic() < until:
        time.sleep(0.2)
        found = pipelines.sagemaker.list_pipeline_executions(PipelineName=name)["PipelineExecutionSummaries"]
    (execution,) = found
    described = pipelines.sagemaker.list_pipeline_parameters_for_execution(
        PipelineExecutionArn=execution["PipelineExecutionArn"]
    )
    assert described["PipelineParameters"] == [{"Name": "When", "Value": when[3:-1] + "Z"}]
    scheduler.delete_schedule(Name="run")


def test_a_training_job_is_started(server: RunningServer, scheduler: Any) -> None:
    request = {
        "TrainingJobName": "due-<aws.scheduler.execution-id>",
        "AlgorithmSpecification": {
            "TrainingImage": SHELL_IMAGE, "TrainingInputMode": "File", "ContainerEntrypoint": ["/bin/true"],
        },
        "RoleArn": ROLE,
        "OutputDataConfig": {"S3OutputPath": f"s3://{OUTPUT}/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }  # fmt: skip
    server.run_shell("bucket-is-there", "true")
    scheduler.create_schedule(
        Name="job", ScheduleExpression=at(1), FlexibleTimeWindow=OFF,
        Target={"Arn": TRAINING, "RoleArn": ROLE, "Input": json.dumps(request)},
    )  # fmt: skip
    sagemaker, until, found = server.boto("sagemaker"), time.monotonic() + 30, []
    while not found and time.monotonic() < until:
        time.sleep(0.2)
        found = sagemaker.list_training_jobs(NameContains="due-")["TrainingJobSummaries"]
    (job,) = found
    assert server.wait(job["TrainingJobName"])["TrainingJobStatus"] == "Completed"
    scheduler.delete_schedule(Name="job")
