"""Monitors of SDK v3: its copy of DefaultModelMonitor, and the resources that list schedules, executions and alerts."""

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.model_monitor import CronExpressionGenerator, DatasetFormat, DefaultModelMonitor
from sagemaker.core.resources import DataQualityJobDefinition, MonitoringExecution, MonitoringSchedule
from sagemaker.core.s3 import S3Uploader

session, role, folder = Session(), get_execution_role(), Path(sys.argv[1])
client, name = session.sagemaker_client, "monitored-v3"
place = f"s3://{session.default_bucket()}/{name}"
image = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
client.create_model(ModelName=name, PrimaryContainer={"Image": image}, ExecutionRoleArn=role)
variant = {"VariantName": "AllTraffic", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
capture = {
    "EnableCapture": True,
    "InitialSamplingPercentage": 100,
    "DestinationS3Uri": f"{place}/captured",
    "CaptureOptions": [{"CaptureMode": "Input"}],
}
client.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant], DataCaptureConfig=capture)
client.create_endpoint(EndpointName=name, EndpointConfigName=name)
body = {"mode": "INPUT", "observedContentType": "application/json", "encoding": "JSON"}
records = [
    {
        "captureData": {"endpointInput": body | {"data": json.dumps({"x": number, "word": "ab"[number % 2]})}},
        "eventMetadata": {"eventId": str(number)},
        "eventVersion": "0",
    }
    for number in range(50)
]
S3Uploader.upload_string_as_file_body(
    "\n".join(map(json.dumps, records)),
    f"{place}/captured/{name}/AllTraffic/{datetime.now(UTC):%Y/%m/%d/%H}/00-00-000-a.jsonl",
    sagemaker_session=session,
)
baseline = folder / "baseline.csv"
baseline.write_text("x,word\n" + "".join(f"{number},{'ab'[number % 2]}\n" for number in range(50)))
monitor = DefaultModelMonitor(role, instance_type="ml.m5.large", sagemaker_session=session, max_runtime_in_seconds=600)
monitor.suggest_baseline(
    str(baseline), DatasetFormat.csv(header=True), output_s3_uri=f"{place}/baseline", wait=True, logs=False
)
monitor.create_monitoring_schedule(
    endpoint_input=name, output_s3_uri=f"{place}/reports", monitor_schedule_name="quality-v3",
    statistics=f"{place}/baseline/statistics.json", constraints=f"{place}/baseline/constraints.json",
    schedule_cron_expression=CronExpressionGenerator.now(), data_analysis_start_time="-PT1H",
    data_analysis_end_time="-PT0H",
)  # fmt: skip
while True:
    executions = list(MonitoringExecution.get_all(monitoring_schedule_name="quality-v3"))
    if executions and executions[0].monitoring_execution_status not in {"Pending", "InProgress"}:
        break
    time.sleep(0.2)
print("execution:", executions[0].monitoring_execution_status)
schedule = MonitoringSchedule.get("quality-v3")
schedule.wait_for_status("Scheduled", timeout=60)
print("schedule:", schedule.monitoring_schedule_status, schedule.endpoint_name)
print("definition:", len(list(DataQualityJobDefinition.get_all(endpoint_name=name))))
schedule.stop()
print("stopped:", MonitoringSchedule.get("quality-v3").monitoring_schedule_status)
monitor.delete_monitoring_schedule()
print("left:", [one.monitoring_schedule_name for one in MonitoringSchedule.get_all(endpoint_name=name)])
while client.describe_endpoint(EndpointName=name)["EndpointStatus"] in {"Creating", "Updating"}:
    time.sleep(0.2)
client.delete_endpoint(EndpointName=name)
