"""SDK v2's monitors that run Clarify: bias of captured predictions against their ground truth, and attributions of features."""

import io
import json
import tarfile
import time
from datetime import UTC, datetime

import boto3
from sagemaker import Session, get_execution_role
from sagemaker.clarify import BiasConfig, ModelConfig, SHAPConfig
from sagemaker.model_monitor import (
    BiasAnalysisConfig,
    CronExpressionGenerator,
    EndpointInput,
    ExplainabilityAnalysisConfig,
    ModelBiasMonitor,
    ModelExplainabilityMonitor,
    ModelMonitor,
)
from sagemaker.s3 import S3Uploader

session, role = Session(), get_execution_role()
client, name = session.sagemaker_client, "monitored-bias-v2"
place = f"s3://{session.default_bucket()}/{name}"
image = f"683313688378.dkr.ecr.{session.boto_region_name}.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
script = (
    b"def model_fn(d):\n    return 1\n"
    b"def predict_fn(rows, model):\n    return (rows.reshape(-1, 2)[:, 0] - 20) / 60\n"
    b"def output_fn(found, accept):\n    return '\\n'.join(map(str, found)), 'text/csv'\n"
)
packed = io.BytesIO()
with tarfile.open(fileobj=packed, mode="w:gz") as tar:
    info = tarfile.TarInfo("code/inference.py")
    info.size = len(script)
    tar.addfile(info, io.BytesIO(script))
boto3.client("s3").put_object(Bucket=session.default_bucket(), Key=f"{name}/model.tar.gz", Body=packed.getvalue())
container = {"Image": image, "ModelDataUrl": f"{place}/model.tar.gz"}
client.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=role)
variant = {"VariantName": "AllTraffic", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
capture = {
    "EnableCapture": True,
    "InitialSamplingPercentage": 100,
    "DestinationS3Uri": f"{place}/captured",
    "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
}
client.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant], DataCaptureConfig=capture)
client.create_endpoint(EndpointName=name, EndpointConfigName=name)

hour, records, truths = f"{datetime.now(UTC):%Y/%m/%d/%H}", [], []
for number in range(60):
    gender, predicted = number % 2, int(number % 2 == 0 or number % 3 == 0)
    parts = {
        part: {"observedContentType": "text/csv", "mode": mode, "data": data, "encoding": "CSV"}
        for part, mode, data in (
            ("endpointInput", "INPUT", f"{20 + number},{gender}"),
            ("endpointOutput", "OUTPUT", str(predicted)),
        )
    }
    metadata = {"eventMetadata": {"eventId": str(number)}, "eventVersion": "0"}
    records.append(json.dumps({"captureData": parts, **metadata}))
    truths.append(json.dumps({"groundTruthData": {"data": str(number % 2), "encoding": "CSV"}, **metadata}))
for key, lines in ((f"captured/{name}/AllTraffic/{hour}/a.jsonl", records), (f"truth/{hour}/t.jsonl", truths)):
    S3Uploader.upload_string_as_file_body("\n".join(lines), f"{place}/{key}", sagemaker_session=session)
metrics = [{"name": "DPPL", "description": "", "value": 0.01}, {"name": "CI", "description": "", "value": 0.9}]
facets = {"Gender": [{"value_or_threshold": "1", "metrics": metrics}]}
section = {"label": "Target", "label_value_or_threshold": "1", "facets": facets}
S3Uploader.upload_string_as_file_body(
    json.dumps({"version": "1.0", "post_training_bias_metrics": section}),
    f"{place}/constraints/analysis.json", sagemaker_session=session,
)  # fmt: skip

now = {
    "schedule_cron_expression": CronExpressionGenerator.now(),
    "data_analysis_start_time": "-PT1H", "data_analysis_end_time": "-PT0H",
}  # fmt: skip


def finished(monitor: ModelMonitor) -> list[dict[str, str]]:
    """The violations of the monitor's only execution, once it has ended."""
    while True:
        summary = monitor.describe_schedule().get("LastMonitoringExecutionSummary", {})
        if summary.get("MonitoringExecutionStatus") in {"Completed", "CompletedWithViolations", "Failed", "Stopped"}:
            break
        time.sleep(0.2)
    print("execution:", summary["MonitoringExecutionStatus"], summary.get("FailureReason", ""))
    (execution,) = monitor.list_executions()
    print("job:", execution.describe().get("ExitMessage"))
    found: list[dict[str, str]] = monitor.latest_monitoring_constraint_violations().body_dict["violations"]
    monitor.delete_monitoring_schedule()
    return found


monitor = ModelBiasMonitor(
    role=role, instance_type="ml.m5.large", sagemaker_session=session, max_runtime_in_seconds=600
)
bias = BiasConfig(label_values_or_threshold=[1], facet_name="Gender", facet_values_or_threshold=[1])
monitor.create_monitoring_schedule(
    endpoint_input=EndpointInput(name, "/opt/ml/processing/input/endpoint", inference_attribute="0"),
    ground_truth_input=f"{place}/truth", output_s3_uri=f"{place}/reports", monitor_schedule_name="bias-v2",
    analysis_config=BiasAnalysisConfig(bias, headers=["Age", "Gender", "Target"], label="Target"),
    constraints=f"{place}/constraints/analysis.json", **now,
)  # fmt: skip
print("violations:", sorted((one["facet"], one["metric_name"]) for one in finished(monitor)))

shap = {"kernel_shap": {"label0": {"global_shap_values": {"Age": 0.01, "Gender": 0.5}, "expected_value": 0.5}}}
S3Uploader.upload_string_as_file_body(
    json.dumps({"version": "1.0", "explanations": shap}), f"{place}/explained/analysis.json", sagemaker_session=session
)
explainer = ModelExplainabilityMonitor(
    role=role, instance_type="ml.m5.large", sagemaker_session=session, max_runtime_in_seconds=600
)
model = ModelConfig(model_name=name, instance_type="ml.m5.large", instance_count=1, content_type="text/csv")
explainer.create_monitoring_schedule(
    endpoint_input=EndpointInput(name, "/opt/ml/processing/input/endpoint", inference_attribute="0"),
    output_s3_uri=f"{place}/explanations", monitor_schedule_name="explained-v2",
    analysis_config=ExplainabilityAnalysisConfig(
        SHAPConfig(baseline=[[50, 0]], num_samples=10, agg_method="mean_abs"), model, headers=["Age", "Gender"]
    ),
    constraints=f"{place}/explained/analysis.json", **now,
)  # fmt: skip
print("explained:", sorted((one["label"], one["constraint_check_type"]) for one in finished(explainer)))
for namespace in ("bias-metrics", "explainability-metrics"):
    listed = boto3.client("cloudwatch").list_metrics(Namespace=f"aws/sagemaker/Endpoints/{namespace}")["Metrics"]
    print("metrics:", {one["MetricName"] for one in listed} >= {"bias_metric_DPPL"}, "feature_Age" in str(listed))
while client.describe_endpoint(EndpointName=name)["EndpointStatus"] in {"Creating", "Updating"}:
    time.sleep(0.2)
client.delete_endpoint(EndpointName=name)
