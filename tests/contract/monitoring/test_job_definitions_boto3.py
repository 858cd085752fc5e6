"""Job definitions of the four monitoring types, and their executions: ground truth is merged first where there is any."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from tests.conftest import ROLE, SHELL_IMAGE
from tests.monitoring import APP, BUCKET, CLUSTER, NOW, Monitoring, endpoint_input, output

if TYPE_CHECKING:
    from conftest import RunningServer

ENDPOINT = "defined"
TYPES = ("DataQuality", "ModelQuality", "ModelBias", "ModelExplainability")
TRUTH = {"GroundTruthS3Input": {"S3Uri": f"s3://{BUCKET}/truth"}}
CONFIGURED = {"ImageUri": SHELL_IMAGE, "ConfigUri": f"s3://{BUCKET}/config/analysis_config.json"}


@pytest.fixture(scope="module")
def monitoring(server: RunningServer) -> Iterator[Monitoring]:
    monitoring = Monitoring(server)
    monitoring.endpoint(ENDPOINT)
    yield monitoring
    for one in monitoring.schedules(EndpointName=ENDPOINT):
        monitoring.delete(one["MonitoringScheduleName"])
    monitoring.remove_endpoint(ENDPOINT)


def definition(type_: str, name: str, **changes: Any) -> dict[str, Any]:
    of_clarify = type_ in {"ModelBias", "ModelExplainability"}
    truth = TRUTH if type_ in {"ModelQuality", "ModelBias"} else {}
    return {
        "JobDefinitionName": name,
        f"{type_}AppSpecification": dict(CONFIGURED if of_clarify else APP),
        f"{type_}JobInput": {"EndpointInput": endpoint_input(ENDPOINT), **truth},
        f"{type_}JobOutputConfig": output("defined"),
        "JobResources": {"ClusterConfig": CLUSTER},
        "RoleArn": ROLE,
    } | changes


def call(monitoring: Monitoring, verb: str, type_: str, **request: Any) -> Any:
    ending = "JobDefinitions" if verb == "List" else "JobDefinition"
    return getattr(monitoring.sagemaker, xform_name(f"{verb}{type_}{ending}"))(**request)


@pytest.mark.parametrize("type_", TYPES)
def test_a_definition_is_created_described_listed_and_deleted(monitoring: Monitoring, type_: str) -> None:
    request = definition(type_, f"first-{type_}", Tags=[{"Key": "team", "Value": "x"}])
    arn = call(monitoring, "Create", type_, **request)["JobDefinitionArn"]
    call(monitoring, "Create", type_, **definition(type_, f"second-{type_}"))
    described = call(monitoring, "Describe", type_, JobDefinitionName=f"first-{type_}")
    assert described["JobDefinitionArn"] == arn
    assert described[f"{type_}AppSpecification"] == request[f"{type_}AppSpecification"]
    assert described[f"{type_}JobInput"]["EndpointInput"]["S3InputMode"] == "File"
    longest = 1800 if type_ in {"ModelQuality", "ModelBias"} else 3600
    assert described["StoppingCondition"] == {"MaxRuntimeInSeconds": longest}
    listed = call(monitoring, "List", type_, NameContains=type_, EndpointName=ENDPOINT, SortBy="Name", MaxResults=1)
    (one,) = listed["JobDefinitionSummaries"]
    assert (one["MonitoringJobDefinitionName"], one["EndpointName"]) == (f"second-{type_}", ENDPOINT)
    following = call(
        monitoring, "List", type_, NameContains=type_, EndpointName=ENDPOINT, SortBy="Name",
        MaxResults=1, NextToken=listed["NextToken"],
    )  # fmt: skip
    assert [one["MonitoringJobDefinitionArn"] for one in following["JobDefinitionSummaries"]] == [arn]
    assert call(monitoring, "List", type_, EndpointName="other")["JobDefinitionSummaries"] == []
    assert monitoring.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "x"}]
    with pytest.raises(ClientError, match="already exists") as error:
        call(monitoring, "Create", type_, **request)
    assert error.value.response["Error"]["Code"] == "ResourceInUse"
    for name in ("first", "second"):
        call(monitoring, "Delete", type_, JobDefinitionName=f"{name}-{type_}")
    for verb in ("Describe", "Delete"):
        with pytest.raises(ClientError) as error:
            call(monitoring, verb, type_, JobDefinitionName=f"first-{type_}")
        assert error.value.response["Error"]["Code"] == "ResourceNotFound"


def truth_of(*ids: str) -> bytes:
    records = [
        {
            "groundTruthData": {"data": str(number), "encoding": "CSV"},
            "eventMetadata": {"eventId": one},
            "eventVersion": "0",
        }
        for number, one in enumerate(ids)
    ]
    return "\n".join(map(json.dumps, records)).encode()


def test_ground_truth_is_merged_before_the_analysis(monitoring: Monitoring) -> None:
    ids = monitoring.capture(ENDPOINT, "1,2", "3,4", "without truth")
    key = f"truth/{datetime.now(UTC):%Y/%m/%d/%H}/truth.jsonl"
    monitoring.s3.put_object(Bucket=BUCKET, Key=key, Body=truth_of("other", *ids[:2]))
    app = APP | {"ProblemType": "Regression"}
    given = endpoint_input(ENDPOINT, InferenceAttribute="0", ProbabilityThresholdAttribute=0.5)
    request = definition(
        "ModelQuality", "merged", ModelQualityAppSpecification=app,
        ModelQualityJobInput={"EndpointInput": given, **TRUTH},
    )  # fmt: skip
    monitoring.sagemaker.create_model_quality_job_definition(**request)
    monitoring.schedule("merging", {"MonitoringJobDefinitionName": "merged", "MonitoringType": "ModelQuality"})
    execution = monitoring.ended("merging")
    assert execution["MonitoringExecutionStatus"] == "Completed", execution.get("FailureReason")
    assert execution["MonitoringJobDefinitionName"] == "merged"
    job = execution["ProcessingJobArn"].rpartition("/")[2]
    assert job.startswith(f"model-quality-monitoring-{execution['ScheduledTime']:%Y%m%d%H%M}-")
    merge = monitoring.sagemaker.describe_processing_job(
        ProcessingJobName=job.replace("model-quality-monitoring", "groundtruth-merge")
    )
    assert (merge["ProcessingJobStatus"], merge["ExitMessage"]) == ("Completed", "Completed: 2 records merged")
    facts = monitoring.report(execution)
    env = facts["env"]
    assert [(one["eventMetadata"]["eventId"], one["groundTruthData"]["data"]) for one in facts["records"]] == [
        (ids[0], "1"),
        (ids[1], "2"),
    ]
    assert env["dataset_format"] == '{"sagemakerMergeJson":{"captureIndexNames":["endpointOutput"]}}'
    assert (env["analysis_type"], env["problem_type"]) == ("MODEL_QUALITY", "Regression")
    assert (env["inference_attribute"], env["probability_threshold_attribute"]) == ("0", "0.5")


def test_without_ground_truth_the_execution_fails(monitoring: Monitoring) -> None:
    monitoring.capture(ENDPOINT, "1")
    absent = {"GroundTruthS3Input": {"S3Uri": f"s3://{BUCKET}/no-truth"}}
    given = {"EndpointInput": endpoint_input(ENDPOINT), **absent}
    monitoring.sagemaker.create_model_bias_job_definition(**definition("ModelBias", "untrue", ModelBiasJobInput=given))
    monitoring.schedule("untrue", {"MonitoringJobDefinitionName": "untrue", "MonitoringType": "ModelBias"})
    execution = monitoring.ended("untrue")
    assert execution["MonitoringExecutionStatus"] == "Failed"
    assert f'under S3 URL "s3://{BUCKET}/no-truth/20' in execution["FailureReason"]


def test_the_definition_of_a_schedule_may_be_deleted_and_the_reason_is_given(monitoring: Monitoring) -> None:
    monitoring.sagemaker.create_data_quality_job_definition(**definition("DataQuality", "gone"))
    config = {
        "ScheduleConfig": {"ScheduleExpression": "cron(0 0 ? * * *)"},
        "MonitoringJobDefinitionName": "gone", "MonitoringType": "DataQuality",
    }  # fmt: skip
    sagemaker, name = monitoring.sagemaker, {"MonitoringScheduleName": "orphan"}
    sagemaker.create_monitoring_schedule(**name, MonitoringScheduleConfig=config)
    listed = monitoring.schedules(MonitoringJobDefinitionName="gone")
    assert [one["MonitoringScheduleName"] for one in listed] == ["orphan"]
    sagemaker.update_monitoring_schedule(**name, MonitoringScheduleConfig=config | {"ScheduleConfig": NOW})
    sagemaker.delete_data_quality_job_definition(JobDefinitionName="gone")
    execution = monitoring.ended("orphan")
    assert execution["MonitoringExecutionStatus"] in {"Failed", "Completed"}


def test_a_baselining_job_gives_the_constraints_or_the_reason(monitoring: Monitoring) -> None:
    monitoring.capture(ENDPOINT, "1")
    sagemaker = monitoring.sagemaker
    shell = {"ImageUri": SHELL_IMAGE, "ContainerEntrypoint": ["/bin/bash", "-c", "echo {} > $0/constraints.json"]}
    common = {"ProcessingResources": {"ClusterConfig": CLUSTER}, "RoleArn": ROLE}
    target = {"S3Uri": f"s3://{BUCKET}/based", "LocalPath": "/opt/ml/processing/output", "S3UploadMode": "EndOfJob"}
    arguments = {"ContainerArguments": ["/opt/ml/processing/output"]}
    sagemaker.create_processing_job(
        ProcessingJobName="based", AppSpecification=shell | arguments, **common,
        ProcessingOutputConfig={"Outputs": [{"OutputName": "o", "S3Output": target}]},
    )  # fmt: skip
    nothing = shell | {"ContainerEntrypoint": ["true"]}
    sagemaker.create_processing_job(ProcessingJobName="baseless", AppSpecification=nothing, **common)
    for name in ("based", "baseless"):
        sagemaker.get_waiter("processing_job_completed_or_stopped").wait(
            ProcessingJobName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )
    reasons = {}
    for name in ("based", "baseless", "missing"):
        request = definition("ModelExplainability", f"on-{name}")
        request["ModelExplainabilityBaselineConfig"] = {"BaseliningJobName": name}
        sagemaker.create_model_explainability_job_definition(**request)
        monitoring.schedule(
            f"on-{name}", {"MonitoringJobDefinitionName": f"on-{name}", "MonitoringType": "ModelExplainability"}
        )
        reasons[name] = monitoring.ended(f"on-{name}")["FailureReason"]
    assert reasons["based"].startswith(f'No S3 objects found under S3 URL "s3://{BUCKET}/based/analysis.json"')
    assert reasons["baseless"] == "The baselining job baseless has no output in S3."
    assert reasons["missing"] == "The baselining job missing is missing, not Completed."


WRONG: list[tuple[str, str, dict[str, Any]]] = [
    ("GroundTruthS3Input of a ModelQuality monitor must have an S3Uri", "ModelQuality",
     {"ModelQualityJobInput": {"EndpointInput": endpoint_input(ENDPOINT), "GroundTruthS3Input": {}}}),
    ("Exactly one of EndpointInput and BatchTransformInput", "DataQuality", {"DataQualityJobInput": {}}),
    ("a ModelBias monitor has no DatasetFormat Parquet", "ModelBias",
     {"ModelBiasJobInput": {"BatchTransformInput": {
         "DataCapturedDestinationS3Uri": f"s3://{BUCKET}/batch", "DatasetFormat": {"Parquet": {}},
         "LocalPath": "/opt/ml/processing/input"}, **TRUTH}}),
    ("Could not find endpoint", "ModelExplainability",
     {"ModelExplainabilityJobInput": {"EndpointInput": endpoint_input("absent")}}),
    ("must be before", "DataQuality", {"DataQualityJobInput": {"EndpointInput": endpoint_input(
        ENDPOINT, StartTimeOffset="-PT1H", EndTimeOffset="-PT1H")}}),
    ("PT0H must be before EndTimeOffset -PT0H", "DataQuality", {"DataQualityJobInput": {"EndpointInput": endpoint_input(
        ENDPOINT, StartTimeOffset="PT0H")}}),
    ("at most 31 days, got -P32D", "DataQuality", {"DataQualityJobInput": {"EndpointInput": endpoint_input(
        ENDPOINT, EndTimeOffset="-P32D")}}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "type_", "changes"), WRONG)
def test_what_no_execution_could_run_is_refused(
    monitoring: Monitoring, text: str, type_: str, changes: dict[str, Any]
) -> None:
    with pytest.raises(ClientError, match=text) as error:
        call(monitoring, "Create", type_, **definition(type_, "wrong", **changes))
    assert error.value.response["Error"]["Code"] == "ValidationException"


def test_captured_batch_transforms_arrive_as_their_manifests_list_them(monitoring: Monitoring) -> None:
    monitoring.s3.put_object(Bucket=BUCKET, Key="rows/one.jsonl", Body=b'{"x": 1}\n{"x": 2}\n')
    manifest = [{"prefix": f"s3://{BUCKET}/rows/"}, "one.jsonl"]
    key = f"batch/input/{datetime.now(UTC):%Y/%m/%d/%H}/0-0.json"
    monitoring.s3.put_object(Bucket=BUCKET, Key=key, Body=json.dumps(manifest).encode())
    batch = {
        "DataCapturedDestinationS3Uri": f"s3://{BUCKET}/batch",
        "DatasetFormat": {"Json": {"Line": True}},
        "LocalPath": "/opt/ml/processing/input/batch",
    }
    monitoring.sagemaker.create_data_quality_job_definition(
        **definition("DataQuality", "batch", DataQualityJobInput={"BatchTransformInput": batch})
    )
    monitoring.schedule("batch", {"MonitoringJobDefinitionName": "batch", "MonitoringType": "DataQuality"})
    execution = monitoring.ended("batch")
    assert execution["MonitoringExecutionStatus"] == "Completed", execution.get("FailureReason")
    facts = monitoring.report(execution)
    assert facts["records"] == [{"x": 1}, {"x": 2}]
    assert facts["env"]["dataset_format"] == '{"json":{"line":true}}'
    assert "sagemaker_endpoint_name" not in facts["env"]
    monitoring.delete("batch")
