"""SDK v2's monitors of a transform job: its rows get inference ids, ground truth names them, quality and bias are judged."""

import io
import json
import tarfile
import time
from datetime import UTC, datetime

import boto3
from sagemaker import Session, get_execution_role
from sagemaker.clarify import BiasConfig
from sagemaker.inputs import BatchDataCaptureConfig
from sagemaker.model_monitor import (
    BatchTransformInput,
    BiasAnalysisConfig,
    CronExpressionGenerator,
    ModelBiasMonitor,
    ModelMonitor,
    ModelQualityMonitor,
    MonitoringDatasetFormat,
)
from sagemaker.s3 import S3Downloader, S3Uploader
from sagemaker.transformer import Transformer

session, role = Session(), get_execution_role()
client, name = session.sagemaker_client, "monitored-batch-v2"
place = f"s3://{session.default_bucket()}/{name}"
image = f"683313688378.dkr.ecr.{session.boto_region_name}.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
script = b"""
import json

def model_fn(directory):
    return None

def input_fn(body, kind):
    read = (lambda line: json.loads(line)["f"]) if "json" in kind else (lambda line: list(map(float, line.split(","))))
    text = body.decode() if isinstance(body, bytes) else body
    return [read(line) for line in text.strip().split("\\n")]

def predict_fn(rows, model):
    return [int(row[0] + 4 * row[1] >= 30) for row in rows]

def output_fn(found, accept):
    return "\\n".join(json.dumps({"label": one}) if "json" in accept else str(one) for one in found), accept
"""
packed = io.BytesIO()
with tarfile.open(fileobj=packed, mode="w:gz") as tar:
    info = tarfile.TarInfo("code/inference.py")
    info.size = len(script)
    tar.addfile(info, io.BytesIO(script))
boto3.client("s3").put_object(Bucket=session.default_bucket(), Key=f"{name}/model.tar.gz", Body=packed.getvalue())
container = {"Image": image, "ModelDataUrl": f"{place}/model.tar.gz"}
client.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=role)

people = [(20 + number % 20, number % 2) for number in range(60)]
hour = f"{datetime.now(UTC):%Y/%m/%d/%H}"
now = {
    "schedule_cron_expression": CronExpressionGenerator.now(),
    "data_analysis_start_time": "-PT1H", "data_analysis_end_time": "-PT0H",
}  # fmt: skip


def transformed(kind: str, rows: list[str]) -> list[str]:
    """The lines that a transform job of these rows writes."""
    media = "text/csv" if kind == "csv" else "application/jsonlines"
    given = S3Uploader.upload_string_as_file_body(
        "\n".join(rows), f"{place}/{kind}/rows.{kind}", sagemaker_session=session
    )
    job = Transformer(
        name,
        1,
        "ml.m5.large",
        accept=media,
        assemble_with="Line",
        output_path=f"{place}/{kind}/out",
        sagemaker_session=session,
    )
    job.transform(
        given, content_type=media, split_type="Line", join_source="Input", logs=False,
        batch_data_capture_config=BatchDataCaptureConfig(f"{place}/{kind}/captured", generate_inference_id=True),
    )  # fmt: skip
    return S3Downloader.read_file(f"{place}/{kind}/out/rows.{kind}.out", sagemaker_session=session).splitlines()


def label(kind: str, truths: dict[str, str]) -> None:
    """Uploads the ground truth of inference ids."""
    encoding = "CSV" if kind == "csv" else "JSON"
    lines = [
        json.dumps({
            "groundTruthData": {"data": truth, "encoding": encoding}, "eventMetadata": {"eventId": one}, "eventVersion": "0",
        })
        for one, truth in truths.items()
    ]  # fmt: skip
    S3Uploader.upload_string_as_file_body(
        "\n".join(lines), f"{place}/{kind}/truth/{hour}/t.jsonl", sagemaker_session=session
    )


def finished(monitor: ModelMonitor) -> str:
    """Where the only execution of a monitor has its report, once it has ended."""
    while True:
        summary = monitor.describe_schedule().get("LastMonitoringExecutionSummary", {})
        if summary.get("MonitoringExecutionStatus") in {"Completed", "CompletedWithViolations", "Failed", "Stopped"}:
            break
        time.sleep(0.2)
    print("execution:", summary["MonitoringExecutionStatus"], summary.get("FailureReason", ""))
    (execution,) = monitor.list_executions()
    print("job:", execution.describe().get("ExitMessage"))
    monitor.delete_monitoring_schedule()
    return str(execution.output.destination)


lines = transformed("csv", [f"{age},{gender}" for age, gender in people])
cells = [line.split(",") for line in lines]
print("csv:", len(cells), {len(one) for one in cells}, len({one[-2] for one in cells}), len({one[-1] for one in cells}))
label("csv", {one[-2]: str(int(at % 4 == 0)) for at, one in enumerate(cells)})
quality = ModelQualityMonitor(
    role=role, instance_type="ml.m5.large", sagemaker_session=session, max_runtime_in_seconds=600
)
quality.create_monitoring_schedule(
    batch_transform_input=BatchTransformInput(
        f"{place}/csv/captured", "/opt/ml/processing/input", MonitoringDatasetFormat.csv(header=False), inference_attribute="2",
    ),
    ground_truth_input=f"{place}/csv/truth", problem_type="BinaryClassification", output_s3_uri=f"{place}/quality",
    monitor_schedule_name="batch-quality-v2", **now,
)  # fmt: skip
report = json.loads(S3Downloader.read_file(f"{finished(quality)}/statistics.json", sagemaker_session=session))
right = sum(int(one[2]) == int(at % 4 == 0) for at, one in enumerate(cells)) / len(cells)
print("accuracy:", report["binary_classification_metrics"]["accuracy"]["value"] == right, right)
(merged,) = S3Downloader.list(f"{place}/quality/merge", sagemaker_session=session)
print("merged:", merged.removeprefix(f"{place}/quality/merge/").rpartition("/")[0] == f"batch-quality-v2/{hour}")
record = json.loads(S3Downloader.read_file(merged, sagemaker_session=session).splitlines()[0])
print("record:", sorted(record), record["captureData"], record["eventMetadata"]["eventId"] == cells[0][-2])

bias = BiasConfig(label_values_or_threshold=[1], facet_name="Gender", facet_values_or_threshold=[1])


def biased(kind: str, given: BatchTransformInput, headers: list[str], label: str) -> None:
    """Judges a transform job's bias, and prints how labels and predictions differ by gender."""
    monitor = ModelBiasMonitor(
        role=role, instance_type="ml.m5.large", sagemaker_session=session, max_runtime_in_seconds=600
    )
    monitor.create_monitoring_schedule(
        batch_transform_input=given, ground_truth_input=f"{place}/{kind}/truth", output_s3_uri=f"{place}/{kind}/bias",
        monitor_schedule_name=f"batch-bias-{kind}-v2", analysis_config=BiasAnalysisConfig(bias, headers=headers, label=label),
        **now,
    )  # fmt: skip
    found = json.loads(S3Downloader.read_file(f"{finished(monitor)}/analysis.json", sagemaker_session=session))
    for section, metric in (("pre_training_bias_metrics", "DPL"), ("post_training_bias_metrics", "DPPL")):
        (facet,) = found[section]["facets"]["Gender"]
        value = next(one["value"] for one in facet["metrics"] if one["name"] == metric)
        print(kind, metric, round(value, 6))


biased(
    "csv",
    BatchTransformInput(
        f"{place}/csv/captured",
        "/opt/ml/processing/input",
        MonitoringDatasetFormat.csv(header=False),
        inference_attribute="0",
    ),
    ["Target", "Age", "Gender"],
    "Target",
)
documents = [json.loads(line) for line in transformed("jsonl", [json.dumps({"f": list(one)}) for one in people])]
print("json:", sorted(documents[0]))
label(
    "jsonl", {one["SageMakerInferenceId"]: json.dumps({"label": int(at % 4 == 0)}) for at, one in enumerate(documents)}
)
biased(
    "jsonl",
    BatchTransformInput(
        f"{place}/jsonl/captured", "/opt/ml/processing/input", MonitoringDatasetFormat.json(lines=True),
        features_attribute="f", inference_attribute="label",
    ),
    ["Age", "Gender", "Target"],
    "label",
)  # fmt: skip
