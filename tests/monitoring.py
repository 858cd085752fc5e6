"""Shared by tests of model monitors: an endpoint that captures, captured records, and a monitor's own container."""

from __future__ import annotations

import json
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.conftest import ROLE, SHELL_IMAGE

if TYPE_CHECKING:
    from conftest import RunningServer

BUCKET = "monitored"
ENDED = {"Completed", "CompletedWithViolations", "Failed", "Stopped"}
ANALYZER = """
import json, os, pathlib
env = os.environ
captured = sorted(pathlib.Path(env["dataset_source"]).rglob("*.jsonl"))
records = [json.loads(line) for one in captured for line in one.read_text().splitlines()]
output = pathlib.Path(env["output_path"])
violations = [{"feature_name": "x"} for record in records if "bad" in json.dumps(record.get("captureData"))]
(output / "constraint_violations.json").write_text(json.dumps({"violations": violations}))
facts = {"env": dict(env), "files": [str(one) for one in captured], "records": records}
(output / "facts.json").write_text(json.dumps(facts))
for name in ("baseline_constraints", "baseline_statistics"):
    if name in env:
        facts[name] = pathlib.Path(env[name]).read_text()
dimensions = [{"Name": "MonitoringSchedule", "Value": env["sagemaker_monitoring_schedule_name"]}]
metric = {"MetricName": "records", "Timestamp": env["metric_time"], "Dimensions": dimensions, "Value": len(records)}
metrics = pathlib.Path("/opt/ml/output/metrics/cloudwatch")
if metrics.exists():
    lines = [json.dumps(metric), "no metric", json.dumps(metric | {"MetricName": "second", "Value": 2.5})]
    (metrics / "cloudwatch_metrics.jsonl").write_text("\\n".join(lines))
"""
"""A monitor of a user's own, which counts records and finds those whose data have the word bad (an id may have it by chance)."""


class Monitoring:
    """Monitors of one server, by boto3."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        self.sagemaker, self.s3 = server.boto("sagemaker"), server.boto("s3")
        if BUCKET not in {one["Name"] for one in self.s3.list_buckets()["Buckets"]}:
            self.s3.create_bucket(Bucket=BUCKET)
        self.s3.put_object(Bucket=BUCKET, Key="code/analyze.py", Body=ANALYZER.encode())

    def endpoint(self, name: str, *, captures: bool = True) -> str:
        """An endpoint that is of no other use: nothing invokes it."""
        self.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": SHELL_IMAGE})
        variant = {"VariantName": "all", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        capture = {
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": f"s3://{BUCKET}/captured",
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        }
        more = {"DataCaptureConfig": capture} if captures else {}
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant], **more)
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        return name

    def remove_endpoint(self, name: str) -> None:
        deadline = time.monotonic() + 60
        while self.sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] in {"Creating", "Updating"}:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        self.sagemaker.delete_endpoint(EndpointName=name)
        self.sagemaker.delete_endpoint_config(EndpointConfigName=name)
        self.sagemaker.delete_model(ModelName=name)

    def capture(self, endpoint: str, *data: str, ago: timedelta = timedelta(0)) -> list[str]:
        """Captured records as the front writes them; returns their event ids."""
        moment = datetime.now(UTC) - ago
        ids = [str(uuid.uuid4()) for _ in data]
        lines = [json.dumps(record(one, event, moment)) for one, event in zip(data, ids, strict=True)]
        key = f"captured/{endpoint}/all/{moment:%Y/%m/%d/%H}/{moment:%M-%S}-{uuid.uuid4()}.jsonl"
        self.s3.put_object(Bucket=BUCKET, Key=key, Body="\n".join(lines).encode())
        return ids

    def inline(self, endpoint: str, **changes: Any) -> dict[str, Any]:
        """A MonitoringJobDefinition with a container of the user's own."""
        return {
            "MonitoringInputs": [{"EndpointInput": endpoint_input(endpoint)}],
            "MonitoringOutputConfig": output("reports"),
            "MonitoringResources": {"ClusterConfig": CLUSTER},
            "MonitoringAppSpecification": dict(APP),
            "Environment": {"publish_cloudwatch_metrics": "Enabled", "own": "word"},
            "RoleArn": ROLE,
        } | changes

    def schedule(self, name: str, definition: dict[str, Any], **timing: str) -> None:
        self.sagemaker.create_monitoring_schedule(
            MonitoringScheduleName=name,
            MonitoringScheduleConfig={"ScheduleConfig": NOW | timing, **definition},
        )

    def executions(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.sagemaker.list_monitoring_executions(
            MonitoringScheduleName=name, SortBy="ScheduledTime", MaxResults=100
        )["MonitoringExecutionSummaries"]
        return found

    def ended(self, name: str, count: int = 1, timeout_s: float = 90) -> dict[str, Any]:
        """The latest execution of a schedule once so many have ended."""
        deadline = time.monotonic() + timeout_s
        while len(found := self.executions(name)) < count or found[0]["MonitoringExecutionStatus"] not in ENDED:
            assert time.monotonic() < deadline, (found, self.server.log()[-3000:])
            time.sleep(0.1)
        return found[0]

    def report(self, execution: dict[str, Any], name: str = "facts.json") -> Any:
        job = execution["ProcessingJobArn"].rpartition("/")[2]
        described = self.sagemaker.describe_processing_job(ProcessingJobName=job)
        uri = described["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"]
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return json.loads(self.s3.get_object(Bucket=bucket, Key=f"{key}/{name}")["Body"].read())

    def delete(self, name: str, timeout_s: float = 60) -> None:
        """Deletes a schedule, and waits until it is gone."""
        self.sagemaker.delete_monitoring_schedule(MonitoringScheduleName=name)
        deadline = time.monotonic() + timeout_s
        while any(one["MonitoringScheduleName"] == name for one in self.schedules()):
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def schedules(self, **filters: Any) -> list[dict[str, Any]]:
        pages = self.sagemaker.get_paginator("list_monitoring_schedules").paginate(**filters)
        return [one for page in pages for one in page["MonitoringScheduleSummaries"]]


CLUSTER = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
APP = {
    "ImageUri": SHELL_IMAGE,
    "ContainerEntrypoint": ["/bin/bash", "-c", "python3 $record_preprocessor_script"],
    "RecordPreprocessorSourceUri": f"s3://{BUCKET}/code/analyze.py",
}
NOW = {"ScheduleExpression": "NOW", "DataAnalysisStartTime": "-PT1H", "DataAnalysisEndTime": "-PT0H"}


def record(data: str, event: str, moment: datetime) -> dict[str, Any]:
    part = {"observedContentType": "text/csv", "mode": "INPUT", "data": data, "encoding": "CSV"}
    return {
        "captureData": {"endpointInput": part, "endpointOutput": part | {"mode": "OUTPUT", "data": "0.5"}},
        "eventMetadata": {"eventId": event, "inferenceTime": f"{moment:%Y-%m-%dT%H:%M:%SZ}"},
        "eventVersion": "0",
    }


def endpoint_input(endpoint: str, **changes: Any) -> dict[str, Any]:
    return {"EndpointName": endpoint, "LocalPath": "/opt/ml/processing/input/endpoint"} | changes


def output(prefix: str) -> dict[str, Any]:
    target = {"S3Uri": f"s3://{BUCKET}/{prefix}", "LocalPath": "/opt/ml/processing/output"}
    return {"MonitoringOutputs": [{"S3Output": target}]}
