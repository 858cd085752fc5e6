"""Other regions: refused by default, and with `regions=any` each a view of the machine with resources of its own."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.conftest import ROLE, SHELL_IMAGE
from tests.hosting import Hosting, archive

if TYPE_CHECKING:
    from conftest import RunningServer

ACCOUNT = "000000000000"
HOME, ABROAD = "us-east-1", "eu-west-1"


@pytest.fixture(scope="module")
def anywhere(server_with: Callable[..., RunningServer]) -> RunningServer:
    return server_with(SAGEWRIGHT_REGIONS="any")


def of(server: RunningServer, region: str) -> Callable[[str], Any]:
    return lambda service: server.boto(service, region_name=region)


def refused(call: Callable[[], Any]) -> dict[str, Any]:
    with pytest.raises(ClientError) as caught:
        call()
    error: dict[str, Any] = caught.value.response["Error"]
    return error


def test_another_region_is_refused_with_the_setting_that_serves_it(server: RunningServer) -> None:
    for service, operation in (("sagemaker", "list_models"), ("sqs", "list_queues"), ("logs", "describe_log_groups")):
        error = refused(getattr(of(server, ABROAD)(service), operation))
        assert "regions=any" in error["Message"], error
    error = refused(lambda: of(server, ABROAD)("sagemaker-runtime").invoke_endpoint(EndpointName="none", Body=b"x"))
    assert "regions=any" in error["Message"]


def test_what_is_no_region_is_refused(anywhere: RunningServer) -> None:
    for region in ("mars-north-1", "eu-west-99", "x"):
        assert "valid region" in refused(of(anywhere, region)("sagemaker").list_models)["Message"]


def job(name: str) -> dict[str, Any]:
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {
            "TrainingImage": SHELL_IMAGE.replace(HOME, ABROAD),
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["/bin/bash", "-c"],
            "ContainerArguments": ["echo in $AWS_REGION; echo x > /opt/ml/model/m"],
        },
        "RoleArn": ROLE,
        "OutputDataConfig": {"S3OutputPath": "s3://everywhere/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 100},
    }


def queue(server: RunningServer, region: str, name: str) -> tuple[str, str]:
    """Its URL and its ARN."""
    return of(server, region)("sqs").create_queue(QueueName=name)["QueueUrl"], f"arn:aws:sqs:{region}:{ACCOUNT}:{name}"


def bodies(server: RunningServer, region: str, url: str, count: int) -> list[dict[str, Any]]:
    sqs, found, until = of(server, region)("sqs"), [], time.monotonic() + 60
    while len(found) < count:
        assert time.monotonic() < until, found
        for message in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=2).get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            found.append(json.loads(message["Body"]))
    return found


def test_jobs_logs_events_and_names_are_kept_apart(anywhere: RunningServer) -> None:
    home, abroad = of(anywhere, HOME), of(anywhere, ABROAD)
    home("s3").create_bucket(Bucket="everywhere")
    name = f"job-{uuid.uuid4().hex[:8]}"
    urls = {}
    for region in (HOME, ABROAD):
        events = of(anywhere, region)("events")
        urls[region], arn = queue(anywhere, region, name)
        pattern = {"source": ["aws.sagemaker"], "detail": {"TrainingJobStatus": ["Completed"]}}
        events.put_rule(Name=name, EventPattern=json.dumps(pattern))
        events.put_targets(Rule=name, Targets=[{"Id": "q", "Arn": arn}])
    described = abroad("sagemaker").create_training_job(**job(name))
    assert described["TrainingJobArn"] == f"arn:aws:sagemaker:{ABROAD}:{ACCOUNT}:training-job/{name}"
    assert (
        refused(lambda: home("sagemaker").describe_training_job(TrainingJobName=name))["Code"] == "ValidationException"
    )
    event = bodies(anywhere, ABROAD, urls[ABROAD], 1)[0]
    assert (event["region"], event["resources"]) == (ABROAD, [described["TrainingJobArn"]])
    assert home("s3").get_object(Bucket="everywhere", Key=f"out/{name}/output/model.tar.gz")
    found = abroad("logs").filter_log_events(
        logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=f"{name}/"
    )["events"]
    assert f"in {ABROAD}" in [line["message"] for line in found]
    groups = home("logs").describe_log_groups()["logGroups"]
    assert "/aws/sagemaker/TrainingJobs" not in [group["logGroupName"] for group in groups]
    home("sagemaker").create_training_job(**job(name))
    assert bodies(anywhere, HOME, urls[HOME], 1)[0]["region"] == HOME
    assert "Messages" not in abroad("sqs").receive_message(QueueUrl=urls[ABROAD])
    assert [one["TrainingJobArn"] for one in abroad("sagemaker").list_training_jobs()["TrainingJobSummaries"]] == [
        described["TrainingJobArn"]
    ]
    assert abroad("sts").get_caller_identity()["Account"] == ACCOUNT
    trust = {"Version": "2012-10-17", "Statement": []}
    role = home("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    assert abroad("iam").get_role(RoleName=name)["Role"]["Arn"] == role


def test_notices_of_a_bucket_stay_in_its_region(anywhere: RunningServer) -> None:
    name = f"abroad-{uuid.uuid4().hex[:8]}"
    s3 = of(anywhere, ABROAD)("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": ABROAD})
    url, arn = queue(anywhere, ABROAD, name)
    document = {"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]}
    s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration=document)
    of(anywhere, HOME)("s3").put_object(Bucket=name, Key="k", Body=b"buckets are in all regions the same")
    _, described = bodies(anywhere, ABROAD, url, 2)
    assert described["Records"][0]["awsRegion"] == ABROAD


def test_endpoints_of_one_name_in_two_regions(anywhere: RunningServer) -> None:
    hosted = {HOME: Hosting(anywhere), ABROAD: Hosting(anywhere)}
    for region, hosting in hosted.items():
        hosting.sagemaker = of(anywhere, region)("sagemaker")
        hosting.model(f"same-{region}", word=region)
        hosting.config("same", hosting.variant("v", f"same-{region}"))
        hosting.sagemaker.create_endpoint(EndpointName="same", EndpointConfigName="same")
    for region, hosting in hosted.items():
        hosting.settled("same")
        runtime = of(anywhere, region)("sagemaker-runtime")
        answer = runtime.invoke_endpoint(EndpointName="same", Body=b"x", ContentType="text/plain")
        assert answer["Body"].read() == f"{region} x".encode()
    error = refused(
        lambda: of(anywhere, "ap-south-1")("sagemaker-runtime").invoke_endpoint(EndpointName="same", Body=b"x")
    )
    assert "Endpoint same of account" in error["Message"]
    hosted[ABROAD].sagemaker.delete_endpoint(EndpointName="same")
    assert hosted[HOME].settled("same")["EndpointArn"] == f"arn:aws:sagemaker:{HOME}:{ACCOUNT}:endpoint/same"


def eventually(found: Callable[[], Any]) -> Any:
    until = time.monotonic() + 90
    while not (answer := found()):
        assert time.monotonic() < until
        time.sleep(0.3)
    return answer


def start_pipeline(abroad: Callable[[str], Any], name: str) -> str:
    """A pipeline of one job, started by a schedule; gives the pipeline's ARN."""
    arguments = {key: value for key, value in job(name).items() if key != "TrainingJobName"}
    arguments["OutputDataConfig"] = {"S3OutputPath": f"s3://{name}/out"}
    steps = [{"Name": "Train", "Type": "Training", "Arguments": arguments}]
    definition = json.dumps({"Version": "2020-12-01", "Parameters": [], "Steps": steps})
    arn: str = abroad("sagemaker").create_pipeline(
        PipelineName=name, PipelineDefinition=definition, RoleArn=ROLE, ClientRequestToken=name * 4
    )["PipelineArn"]
    abroad("scheduler").create_schedule(
        Name=name,
        ScheduleExpression="rate(1 day)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": arn, "RoleArn": ROLE},
    )
    return arn


def start_tuning(abroad: Callable[[str], Any], name: str) -> None:
    abroad("s3").put_object(Bucket=name, Key="code.tar.gz", Body=archive({"t.py": "print('score=0.5;')"}))
    definition = {key: value for key, value in job(name).items() if key != "TrainingJobName"} | {
        "AlgorithmSpecification": {
            "TrainingImage": SHELL_IMAGE.replace(HOME, ABROAD),
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "score", "Regex": "score=(.*?);"}],
        },
        "OutputDataConfig": {"S3OutputPath": f"s3://{name}/out"},
        "StaticHyperParameters": {
            "sagemaker_program": "t.py",
            "sagemaker_submit_directory": f"s3://{name}/code.tar.gz",
        },
    }
    abroad("sagemaker").create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=name,
        HyperParameterTuningJobConfig={
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "score"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 1},
            "ParameterRanges": {"ContinuousParameterRanges": [{"Name": "a", "MinValue": "0", "MaxValue": "1"}]},
        },
        TrainingJobDefinition=definition,
    )


def raise_alarm(abroad: Callable[[str], Any], name: str, queue_arn: str) -> None:
    topic = abroad("sns").create_topic(Name=name)["TopicArn"]
    raw = {"RawMessageDelivery": "true"}
    abroad("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn, Attributes=raw)
    abroad("cloudwatch").put_metric_alarm(
        AlarmName=name, Namespace=name, MetricName="m", Statistic="Sum", Period=60, EvaluationPeriods=1,
        Threshold=1, ComparisonOperator="GreaterThanThreshold", AlarmActions=[topic],
    )  # fmt: skip
    abroad("cloudwatch").put_metric_data(Namespace=name, MetricData=[{"MetricName": "m", "Value": 5}])


def test_tuning_pipelines_schedules_and_alarms_abroad(anywhere: RunningServer) -> None:
    abroad, name = of(anywhere, ABROAD), f"far-{uuid.uuid4().hex[:8]}"
    sagemaker, here = abroad("sagemaker"), of(anywhere, HOME)("sagemaker")
    abroad("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": ABROAD})
    assert start_pipeline(abroad, name) == f"arn:aws:sagemaker:{ABROAD}:{ACCOUNT}:pipeline/{name}"
    start_tuning(abroad, name)
    url, queue_arn = queue(anywhere, ABROAD, name)
    raise_alarm(abroad, name, queue_arn)

    def ended(status: str) -> bool:
        assert status not in {"Failed", "Stopped"}
        return status in {"Completed", "Succeeded"}

    tuned = {"HyperParameterTuningJobName": name}
    eventually(lambda: ended(sagemaker.describe_hyper_parameter_tuning_job(**tuned)["HyperParameterTuningJobStatus"]))
    (trial,) = sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(**tuned)["TrainingJobSummaries"]
    assert trial["TrainingJobArn"].startswith(f"arn:aws:sagemaker:{ABROAD}:")
    executions = eventually(lambda: sagemaker.list_pipeline_executions(PipelineName=name)["PipelineExecutionSummaries"])
    execution = {"PipelineExecutionArn": executions[0]["PipelineExecutionArn"]}
    eventually(lambda: ended(sagemaker.describe_pipeline_execution(**execution)["PipelineExecutionStatus"]))
    (step,) = sagemaker.list_pipeline_execution_steps(**execution)["PipelineExecutionSteps"]
    assert step["Metadata"]["TrainingJob"]["Arn"].startswith(f"arn:aws:sagemaker:{ABROAD}:")
    message = bodies(anywhere, ABROAD, url, 1)[0]
    arn = f"arn:aws:cloudwatch:{ABROAD}:{ACCOUNT}:alarm:{name}"
    assert (message["AlarmArn"], message["NewStateValue"]) == (arn, "ALARM")
    assert here.list_training_jobs(NameContains=name)["TrainingJobSummaries"] == []
    assert refused(lambda: here.describe_pipeline(PipelineName=name))["Code"] == "ResourceNotFound"
    abroad("scheduler").delete_schedule(Name=name)
