"""Monitoring schedules as boto3 uses them: each execution is a real processing job over captured data."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.monitoring import APP, BUCKET, NOW, Monitoring, endpoint_input

if TYPE_CHECKING:
    from conftest import RunningServer

ENDPOINT = "watched"


@pytest.fixture(scope="module")
def monitoring(server: RunningServer) -> Iterator[Monitoring]:
    monitoring = Monitoring(server)
    monitoring.endpoint(ENDPOINT)
    yield monitoring
    for one in monitoring.schedules():
        monitoring.delete(one["MonitoringScheduleName"])
    monitoring.remove_endpoint(ENDPOINT)


def code_of(call: Any, **request: Any) -> str:
    with pytest.raises(ClientError) as error:
        call(**request)
    return str(error.value.response["Error"]["Code"])


def test_an_execution_analyzes_the_window_and_publishes_metrics(monitoring: Monitoring) -> None:
    monitoring.capture(ENDPOINT, "1,2", "3,4")
    monitoring.capture(ENDPOINT, "too old", ago=timedelta(hours=5))
    for name in ("statistics", "constraints"):
        monitoring.s3.put_object(Bucket=BUCKET, Key=f"baseline/{name}.json", Body=b"{}")
    baseline = {
        "StatisticsResource": {"S3Uri": f"s3://{BUCKET}/baseline/statistics.json"},
        "ConstraintsResource": {"S3Uri": f"s3://{BUCKET}/baseline/constraints.json"},
    }
    definition = monitoring.inline(ENDPOINT, BaselineConfig=baseline)
    monitoring.schedule("once", {"MonitoringJobDefinition": definition})
    execution = monitoring.ended("once")
    assert execution["MonitoringExecutionStatus"] == "Completed", execution.get("FailureReason")
    assert (execution["MonitoringType"], execution["EndpointName"]) == ("DataQuality", ENDPOINT)
    facts = monitoring.report(execution)
    env = facts["env"]
    data = {one["captureData"]["endpointInput"]["data"] for one in facts["records"]}
    assert {"1,2", "3,4"} <= data <= {"1,2", "3,4", "1"}
    assert facts["files"][0].startswith(f"/opt/ml/processing/input/endpoint/{ENDPOINT}/all/20")
    assert env["dataset_source"] == "/opt/ml/processing/input/endpoint"
    assert env["dataset_format"] == '{"sagemakerCaptureJson":{"captureIndexNames":["endpointInput","endpointOutput"]}}'
    assert env["baseline_statistics"] == "/opt/ml/processing/baseline/stats/statistics.json"
    assert env["baseline_constraints"] == "/opt/ml/processing/baseline/constraints/constraints.json"
    assert (env["own"], env["monitoring_input_type"]) == ("word", "ENDPOINT_INPUT")
    assert (env["sagemaker_endpoint_name"], env["sagemaker_monitoring_schedule_name"]) == (ENDPOINT, "once")
    assert env["metric_time"] == env["start_time"] < env["end_time"]
    described = monitoring.sagemaker.describe_monitoring_schedule(MonitoringScheduleName="once")
    assert described["MonitoringScheduleStatus"] == "Scheduled"
    assert described["LastMonitoringExecutionSummary"] == execution
    job = monitoring.sagemaker.describe_processing_job(
        ProcessingJobName=execution["ProcessingJobArn"].rpartition("/")[2]
    )
    assert job["ProcessingJobName"].startswith(f"model-monitoring-{execution['ScheduledTime']:%Y%m%d%H%M}-")
    assert job["MonitoringScheduleArn"] == described["MonitoringScheduleArn"]
    report = job["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]
    assert report["S3Uri"] == f"s3://{BUCKET}/reports/{ENDPOINT}/once/{execution['ScheduledTime']:%Y/%m/%d/%H}"
    metrics = monitoring.server.boto("cloudwatch").list_metrics(Namespace="aws/sagemaker/Endpoints/data-metrics")
    dimensions = [{"Name": "MonitoringSchedule", "Value": "once"}]
    assert {one["MetricName"] for one in metrics["Metrics"] if one["Dimensions"] == dimensions} == {"records", "second"}


def test_violations_raise_the_alert_and_its_end_is_recorded(monitoring: Monitoring) -> None:
    monitoring.endpoint("alerted")
    monitoring.capture("alerted", "bad")
    monitoring.schedule("alerting", {"MonitoringJobDefinition": monitoring.inline("alerted")})
    sagemaker, name = monitoring.sagemaker, {"MonitoringScheduleName": "alerting"}
    assert monitoring.ended("alerting")["MonitoringExecutionStatus"] == "CompletedWithViolations"
    (alert,) = sagemaker.list_monitoring_alerts(**name)["MonitoringAlertSummaries"]
    assert (alert["AlertStatus"], alert["DatapointsToAlert"], alert["EvaluationPeriod"]) == ("InAlert", 1, 1)
    of_alert = name | {"MonitoringAlertName": alert["MonitoringAlertName"]}
    sagemaker.update_monitoring_alert(**of_alert, DatapointsToAlert=2, EvaluationPeriod=3)
    history = sagemaker.list_monitoring_alert_history(**name)["MonitoringAlertHistory"]
    assert [one["AlertStatus"] for one in history] == ["OK", "InAlert"]
    assert [one["AlertStatus"] for one in sagemaker.list_monitoring_alert_history(
        **name, StatusEquals="OK")["MonitoringAlertHistory"]] == ["OK"]  # fmt: skip
    wrong = {"DatapointsToAlert": 3, "EvaluationPeriod": 2}
    assert code_of(sagemaker.update_monitoring_alert, **of_alert, **wrong) == "ValidationException"
    other = name | {"MonitoringAlertName": "other", "DatapointsToAlert": 1, "EvaluationPeriod": 1}
    assert code_of(sagemaker.update_monitoring_alert, **other) == "ResourceNotFound"
    monitoring.remove_endpoint("alerted")  # a schedule does not hold it


def test_a_window_without_data_fails_in_aws_words(monitoring: Monitoring) -> None:
    timing = {"DataAnalysisStartTime": "-PT30H", "DataAnalysisEndTime": "-PT28H"}
    monitoring.schedule("nothing", {"MonitoringJobDefinition": monitoring.inline(ENDPOINT)}, **timing)
    execution = monitoring.ended("nothing")
    assert execution["MonitoringExecutionStatus"] == "Failed"
    assert execution["FailureReason"].startswith(
        f'No S3 objects found under S3 URL "s3://{BUCKET}/captured/{ENDPOINT}/all/20'
    )
    assert "ProcessingJobArn" not in execution


def test_stop_leaves_the_execution_and_start_makes_another(monitoring: Monitoring) -> None:
    monitoring.capture(ENDPOINT, "1")
    app = APP | {"ContainerEntrypoint": ["/bin/bash", "-c", "sleep 600"]}
    definition = monitoring.inline(ENDPOINT, MonitoringAppSpecification=app)
    monitoring.schedule("long", {"MonitoringJobDefinition": definition})
    sagemaker, name = monitoring.sagemaker, {"MonitoringScheduleName": "long"}
    sagemaker.start_monitoring_schedule(**name)  # it is scheduled: no effect
    sagemaker.stop_monitoring_schedule(**name)
    assert sagemaker.describe_monitoring_schedule(**name)["MonitoringScheduleStatus"] == "Stopped"
    deadline = time.monotonic() + 60
    while not (arn := next((one.get("ProcessingJobArn") for one in monitoring.executions("long")), None)):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    job = {"ProcessingJobName": arn.rpartition("/")[2]}
    assert sagemaker.describe_processing_job(**job)["ProcessingJobStatus"] == "InProgress"
    sagemaker.stop_processing_job(**job)
    assert monitoring.ended("long")["MonitoringExecutionStatus"] == "Stopped"
    before = len(monitoring.executions("long"))
    sagemaker.start_monitoring_schedule(**name)
    deadline = time.monotonic() + 60
    while len(monitoring.executions("long")) == before:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    monitoring.delete("long")
    assert monitoring.executions("long")[0]["MonitoringExecutionStatus"] == "Stopped"  # the history stays
    assert code_of(sagemaker.describe_monitoring_schedule, **name) == "ResourceNotFound"


def test_lists_filter_and_sort(monitoring: Monitoring) -> None:
    hourly = {"ScheduleExpression": "cron(0 * ? * * *)"}
    for name in ("listed-b", "listed-a"):
        monitoring.sagemaker.create_monitoring_schedule(
            MonitoringScheduleName=name,
            MonitoringScheduleConfig={
                "ScheduleConfig": hourly, "MonitoringJobDefinition": monitoring.inline(ENDPOINT),
            },
            Tags=[{"Key": "team", "Value": "x"}],
        )  # fmt: skip

    def names(**filters: Any) -> list[str]:
        return [one["MonitoringScheduleName"] for one in monitoring.schedules(NameContains="listed", **filters)]

    assert names() == ["listed-a", "listed-b"]
    assert names(SortBy="Name", SortOrder="Descending") == ["listed-b", "listed-a"]
    assert names(EndpointName=ENDPOINT, MonitoringTypeEquals="DataQuality", StatusEquals="Scheduled") == names()
    assert names(EndpointName="other") == names(MonitoringTypeEquals="ModelBias") == []
    arn = monitoring.schedules(NameContains="listed-a")[0]["MonitoringScheduleArn"]
    assert monitoring.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "x"}]
    changed = {
        "ScheduleConfig": {"ScheduleExpression": "cron(0 8 ? * * *)"},
        "MonitoringJobDefinition": monitoring.inline(ENDPOINT),
    }
    monitoring.sagemaker.update_monitoring_schedule(MonitoringScheduleName="listed-a", MonitoringScheduleConfig=changed)
    described = monitoring.sagemaker.describe_monitoring_schedule(MonitoringScheduleName="listed-a")
    config = described["MonitoringScheduleConfig"]
    assert config["ScheduleConfig"] == changed["ScheduleConfig"]
    assert config["MonitoringJobDefinition"]["StoppingCondition"] == {"MaxRuntimeInSeconds": 3600}
    assert names(SortBy="Status") == ["listed-b", "listed-a"]
    executions = monitoring.sagemaker.list_monitoring_executions
    found = executions(EndpointName=ENDPOINT, StatusEquals="Failed", SortBy="ScheduledTime")
    times = [one["ScheduledTime"] for one in found["MonitoringExecutionSummaries"]]
    assert times == sorted(times, reverse=True)
    if times:
        later = executions(EndpointName=ENDPOINT, ScheduledTimeAfter=times[0] + timedelta(seconds=1))
        assert all(one["ScheduledTime"] > times[0] for one in later["MonitoringExecutionSummaries"])
    with pytest.raises(ClientError, match="already exists") as error:
        monitoring.schedule("listed-a", {"MonitoringJobDefinition": monitoring.inline(ENDPOINT)})
    assert error.value.response["Error"]["Code"] == "ResourceInUse"


WRONG: list[tuple[str, dict[str, str], dict[str, Any]]] = [
    ("is not one of a monitoring schedule", {"ScheduleExpression": "cron(5 * ? * * *)"}, {}),
    ("is not one of a monitoring schedule", {"ScheduleExpression": "rate(1 hour)"}, {}),
    ("at most 24 hours", {"DataAnalysisStartTime": "-PT25H"}, {}),
    ("must precede", {"DataAnalysisStartTime": "-PT1H", "DataAnalysisEndTime": "-PT2H"}, {}),
    ("not an ISO 8601 duration", {"DataAnalysisStartTime": "yesterday"}, {}),
    ("in the future", {"DataAnalysisEndTime": "PT2H"}, {}),
    (
        "at most 3600, got 4000",
        {"ScheduleExpression": "cron(0 * ? * * *)"},
        {"StoppingCondition": {"MaxRuntimeInSeconds": 4000}},
    ),
    ("Could not find endpoint", {}, {"MonitoringInputs": [{"EndpointInput": endpoint_input("absent")}]}),
    (
        "LocalPath must be a path below",
        {},
        {"MonitoringInputs": [{"EndpointInput": endpoint_input(ENDPOINT, LocalPath="/opt/ml/processing/../x")}]},
    ),
    (
        "StartTimeOffset -P40D|at most 31 days",
        {},
        {"MonitoringInputs": [{"EndpointInput": endpoint_input(ENDPOINT, StartTimeOffset="-P40D")}]},
    ),
    ("Exactly one of EndpointInput", {}, {"MonitoringInputs": [{}]}),
    ("Cross-account", {}, {"RoleArn": "arn:aws:iam::111111111111:role/other"}),
]


@pytest.mark.parametrize(("text", "timing", "changes"), WRONG)
def test_what_no_execution_could_run_is_refused(
    monitoring: Monitoring, text: str, timing: dict[str, str], changes: dict[str, Any]
) -> None:
    with pytest.raises(ClientError, match=text) as error:
        monitoring.schedule("wrong", {"MonitoringJobDefinition": monitoring.inline(ENDPOINT, **changes)}, **timing)
    assert error.value.response["Error"]["Code"] == "ValidationException"


def test_a_schedule_has_one_definition_of_an_endpoint_that_captures(monitoring: Monitoring) -> None:
    create, both = monitoring.sagemaker.create_monitoring_schedule, {"MonitoringJobDefinitionName": "absent"}
    with pytest.raises(ClientError, match="Exactly one of MonitoringJobDefinition"):
        monitoring.schedule("wrong", both | {"MonitoringJobDefinition": monitoring.inline(ENDPOINT)})
    with pytest.raises(ClientError, match="needs a MonitoringType"):
        monitoring.schedule("wrong", both)
    with pytest.raises(ClientError, match="Could not find model bias job definition absent"):
        monitoring.schedule("wrong", both | {"MonitoringType": "ModelBias"})
    with pytest.raises(ClientError, match="need"):
        create(
            MonitoringScheduleName="wrong",
            MonitoringScheduleConfig={
                "ScheduleConfig": {"ScheduleExpression": NOW["ScheduleExpression"]},
                "MonitoringJobDefinition": monitoring.inline(ENDPOINT),
            },
        )
    monitoring.endpoint("blind", captures=False)
    with pytest.raises(ClientError, match="Endpoint blind does not capture data"):
        monitoring.schedule("wrong", {"MonitoringJobDefinition": monitoring.inline("blind")})
    monitoring.remove_endpoint("blind")
