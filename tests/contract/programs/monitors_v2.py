"""Monitors of SDK v2: baselines, schedules, executions, violations, alerts and the clean-up, over what an endpoint captures."""

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import boto3
from sagemaker import Session, get_execution_role
from sagemaker.model_monitor import (
    CronExpressionGenerator,
    DataCaptureConfig,
    DefaultModelMonitor,
    EndpointInput,
    ModelMonitor,
    ModelQualityMonitor,
)
from sagemaker.model_monitor.dataset_format import DatasetFormat
from sagemaker.predictor import Predictor
from sagemaker.s3 import S3Uploader

session, role, folder = Session(), get_execution_role(), Path(sys.argv[1])
client, bucket = session.sagemaker_client, session.default_bucket()
place, name = f"s3://{bucket}/monitored-v2", "monitored-v2"
image = f"683313688378.dkr.ecr.{session.boto_region_name}.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
ENDED = {"Completed", "CompletedWithViolations", "Failed", "Stopped"}


def settled() -> None:
    while client.describe_endpoint(EndpointName=name)["EndpointStatus"] in {"Creating", "Updating"}:
        time.sleep(0.2)


def captured(features: str, prediction: str, event: str) -> str:
    parts = {
        part: {"observedContentType": "text/csv", "mode": mode, "data": data, "encoding": "CSV"}
        for part, mode, data in (("endpointInput", "INPUT", features), ("endpointOutput", "OUTPUT", prediction))
    }
    metadata = {"eventId": event, "inferenceTime": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
    return json.dumps({"captureData": parts, "eventMetadata": metadata, "eventVersion": "0"})


def finished(monitor: ModelMonitor) -> str:
    """The status of the monitor's last execution, once it has ended."""
    while True:
        summary = monitor.describe_schedule().get("LastMonitoringExecutionSummary", {})
        if summary.get("MonitoringExecutionStatus") in ENDED:
            print("execution:", summary["MonitoringExecutionStatus"], summary.get("FailureReason", ""))
            return summary["MonitoringExecutionStatus"]
        time.sleep(0.2)


capture = DataCaptureConfig(enable_capture=True, sampling_percentage=100, destination_s3_uri=f"{place}/captured")
client.create_model(ModelName=name, PrimaryContainer={"Image": image}, ExecutionRoleArn=role)
variant = {"VariantName": "AllTraffic", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
client.create_endpoint_config(
    EndpointConfigName=name, ProductionVariants=[variant], DataCaptureConfig=capture._to_request_dict()
)
client.create_endpoint(EndpointName=name, EndpointConfigName=name)
predictor = Predictor(name, sagemaker_session=session)
print("monitors:", predictor.list_monitors())
try:
    session.describe_monitoring_schedule("none")
except client.exceptions.ResourceNotFound:
    print("schedule: none")

hour = f"{datetime.now(UTC):%Y/%m/%d/%H}"
rows = [(number % 2, number, round(number / 7, 3), "ab"[number % 2]) for number in range(100)]
S3Uploader.upload_string_as_file_body(
    "\n".join(captured(f"{x},{y},{'c' if x < 10 else word}", str(label), f"event-{x}") for label, x, y, word in rows),
    f"{place}/captured/{name}/AllTraffic/{hour}/00-00-000-a.jsonl", sagemaker_session=session,
)  # fmt: skip
S3Uploader.upload_string_as_file_body(
    "\n".join(
        json.dumps({
            "groundTruthData": {"data": str(label if x > 20 else 1), "encoding": "CSV"},
            "eventMetadata": {"eventId": f"event-{x}"}, "eventVersion": "0",
        })
        for label, x, _y, _word in rows
    ),
    f"{place}/truth/{hour}/truth.jsonl", sagemaker_session=session,
)  # fmt: skip
now = {
    "schedule_cron_expression": CronExpressionGenerator.now(),
    "data_analysis_start_time": "-PT1H", "data_analysis_end_time": "-PT0H",
}  # fmt: skip

baseline = folder / "baseline.csv"
baseline.write_text("label,x,y,word\n" + "".join(f"{','.join(map(str, row))}\n" for row in rows))
quality = DefaultModelMonitor(role, instance_type="ml.m5.large", sagemaker_session=session, max_runtime_in_seconds=600)
quality.suggest_baseline(str(baseline), DatasetFormat.csv(header=True), output_s3_uri=f"{place}/baseline", logs=False)
features = quality.baseline_statistics().body_dict["features"]
print("types:", [(one["name"], one["inferred_type"]) for one in features])
print("domain:", quality.suggested_constraints().body_dict["features"][3]["string_constraints"]["domains"])
quality.create_monitoring_schedule(
    endpoint_input=name, output_s3_uri=f"{place}/reports", monitor_schedule_name="quality-v2",
    statistics=quality.baseline_statistics(), constraints=quality.suggested_constraints(),
    enable_cloudwatch_metrics=True, **now,
)  # fmt: skip
finished(quality)
(execution,) = quality.list_executions()
print("job:", execution.describe()["ExitMessage"])
found = quality.latest_monitoring_constraint_violations().body_dict["violations"]
print("violations:", sorted((one["feature_name"], one["constraint_check_type"]) for one in found))
print("rows:", quality.latest_monitoring_statistics().body_dict["dataset"]["item_count"])
metrics = boto3.client("cloudwatch").list_metrics(Namespace="aws/sagemaker/Endpoints/data-metrics")["Metrics"]
own = {"Name": "MonitoringSchedule", "Value": "quality-v2"}
own_metrics = [one for one in metrics if own in one["Dimensions"]]
print("metrics:", len(own_metrics))
drifted = next(one for one in own_metrics if one["MetricName"] == "feature_baseline_drift_word")
boto3.client("cloudwatch").put_metric_alarm(
    AlarmName="drift-v2", Statistic="Maximum", Period=3600, EvaluationPeriods=3, DatapointsToAlarm=1, Threshold=0.001,
    ComparisonOperator="GreaterThanThreshold", **drifted,
)  # fmt: skip
for _ in range(100):
    (alarm,) = boto3.client("cloudwatch").describe_alarms(AlarmNames=["drift-v2"])["MetricAlarms"]
    if alarm["StateValue"] == "ALARM":
        break
    time.sleep(0.2)
print("alarm:", alarm["StateValue"])
(alert,), _token = quality.list_monitoring_alerts()
print("alert:", alert.alert_status)
attached = DefaultModelMonitor.attach("quality-v2", sagemaker_session=session)
print("attached:", attached.job_definition_name == quality.job_definition_name)
quality.stop_monitoring_schedule()
quality.update_monitoring_schedule(schedule_cron_expression=CronExpressionGenerator.daily(hour=3))
print("updated:", quality.describe_schedule()["MonitoringScheduleConfig"]["ScheduleConfig"])

judged = folder / "judged.csv"
judged.write_text("prediction,truth\n" + "".join(f"{row[0]},{row[0]}\n" for row in rows))
models = ModelQualityMonitor(role, instance_type="ml.m5.large", sagemaker_session=session, max_runtime_in_seconds=600)
models.suggest_baseline(
    str(judged), DatasetFormat.csv(header=True), problem_type="BinaryClassification", inference_attribute="prediction",
    ground_truth_attribute="truth", output_s3_uri=f"{place}/judged", wait=True, logs=False,
)  # fmt: skip
print(
    "baseline accuracy:", models.baseline_statistics().body_dict["binary_classification_metrics"]["accuracy"]["value"]
)
models.create_monitoring_schedule(
    endpoint_input=EndpointInput(name, "/opt/ml/processing/input_data", inference_attribute="0"),
    ground_truth_input=f"{place}/truth", problem_type="BinaryClassification", output_s3_uri=f"{place}/models",
    constraints=models.suggested_constraints(), monitor_schedule_name="models-v2", **now,
)  # fmt: skip
finished(models)
statistics = models.latest_monitoring_statistics().body_dict
print("accuracy:", statistics["binary_classification_metrics"]["accuracy"]["value"])
violated = models.latest_monitoring_constraint_violations().body_dict["violations"]
print("model violations:", sorted(one["metric_name"] for one in violated)[:2])
print("monitors:", sorted(type(one).__name__ for one in predictor.list_monitors()))
for monitor in (quality, models):
    monitor.delete_monitoring_schedule()
print("monitors:", predictor.list_monitors())
settled()
predictor.delete_endpoint()
