"""A monitor over what an endpoint has captured itself, joined with ground truth by the caller's inference id."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tests.conftest import ROLE
from tests.hosting import Hosting
from tests.monitoring import APP, BUCKET, CLUSTER, NOW, Monitoring, endpoint_input, output

if TYPE_CHECKING:
    from conftest import RunningServer

NAME = "self-captured"


def test_an_invocation_is_analyzed_with_its_ground_truth(server: RunningServer) -> None:
    monitoring = Monitoring(server)
    capture = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": f"s3://{BUCKET}/itself/",
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
    }
    with Hosting(server) as hosting:
        hosting.endpoint(NAME, hosting.variant("all", hosting.model(NAME)), DataCaptureConfig=capture)
        hosting.runtime.invoke_endpoint(EndpointName=NAME, Body="1,2", ContentType="text/csv", InferenceId="mine-1")[
            "Body"
        ].read()
        deadline = time.monotonic() + 30
        while not monitoring.s3.list_objects_v2(Bucket=BUCKET, Prefix=f"itself/{NAME}/all/").get("Contents"):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        truth = {"groundTruthData": {"data": "yes", "encoding": "CSV"}, "eventMetadata": {"eventId": "mine-1"}}
        key = f"own-truth/{datetime.now(UTC):%Y/%m/%d/%H}/truth.jsonl"
        monitoring.s3.put_object(Bucket=BUCKET, Key=key, Body=json.dumps(truth).encode())
        monitoring.sagemaker.create_model_quality_job_definition(
            JobDefinitionName=NAME,
            ModelQualityAppSpecification=APP | {"ProblemType": "Regression"},
            ModelQualityJobInput={
                "EndpointInput": endpoint_input(NAME, InferenceAttribute="0"),
                "GroundTruthS3Input": {"S3Uri": f"s3://{BUCKET}/own-truth"},
            },
            ModelQualityJobOutputConfig=output("itself-reports"),
            JobResources={"ClusterConfig": CLUSTER},
            RoleArn=ROLE,
        )
        monitoring.sagemaker.create_monitoring_schedule(
            MonitoringScheduleName=NAME,
            MonitoringScheduleConfig={
                "ScheduleConfig": NOW, "MonitoringJobDefinitionName": NAME, "MonitoringType": "ModelQuality",
            },
        )  # fmt: skip
        execution = monitoring.ended(NAME)
        assert execution["MonitoringExecutionStatus"] == "Completed", execution.get("FailureReason")
        (record,) = monitoring.report(execution)["records"]
        assert record["captureData"]["endpointInput"]["data"] == "1,2"
        assert (record["groundTruthData"]["data"], record["eventMetadata"]["inferenceId"]) == ("yes", "mine-1")
        monitoring.sagemaker.delete_endpoint(EndpointName=NAME)  # a schedule does not hold it
        monitoring.delete(NAME)
