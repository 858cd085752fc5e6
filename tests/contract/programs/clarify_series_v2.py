"""Asymmetric Shapley values by SDK v2: a script that forecasts two steps from the last target, a price and a shop."""

import json
import sys
import tarfile
from pathlib import Path

from sagemaker import Session, get_execution_role
from sagemaker.clarify import (
    AsymmetricShapleyValueConfig,
    DataConfig,
    ModelConfig,
    SageMakerClarifyProcessor,
    TimeSeriesDataConfig,
    TimeSeriesJSONDatasetFormat,
    TimeSeriesModelConfig,
)
from sagemaker.s3 import S3Downloader, S3Uploader

session, role = Session(), get_execution_role()
place = Path(sys.argv[1])
prefix = f"s3://{session.default_bucket()}/clarify-series"
rows = [
    {
        "item_id": item,
        "timestamp": f"2024-01-0{day}",
        "target_value": 10.0 * day + start,
        "price": float(day),
        "shop": shop,
    }
    for item, start, shop in (("north", 1, 2), ("south", 5, 3))
    for day in (1, 2, 3)
]
(place / "data.json").write_text(json.dumps(rows))
uri = S3Uploader.upload(str(place / "data.json"), f"{prefix}/data", sagemaker_session=session)
(place / "inference.py").write_text(
    """
import json

def model_fn(folder):
    return None

def input_fn(body, content_type):
    return json.loads(body)["instances"]

def predict_fn(instances, model):
    found = []
    for one in instances:
        assert one["start"] == "2024-01-01"
        step = one["target"][-1] + one["dynamic_feat"][0][1] * one["cat"][0]
        found.append({"mean": [step, step + one["target"][0], 99.0]})
    return found

def output_fn(found, accept):
    return json.dumps({"predictions": found})
"""
)
with tarfile.open(place / "model.tar.gz", "w:gz") as tar:
    tar.add(place / "inference.py", "code/inference.py")
model_uri = S3Uploader.upload(str(place / "model.tar.gz"), f"{prefix}/model", sagemaker_session=session)
image = f"683313688378.dkr.ecr.{session.boto_region_name}.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
environment = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}
session.sagemaker_client.create_model(
    ModelName="forecasts",
    PrimaryContainer={"Image": image, "ModelDataUrl": model_uri, "Environment": environment},
    ExecutionRoleArn=role,
)
static = {"north": [0], "south": [0]}
for name, method in (
    ("fine", AsymmetricShapleyValueConfig("chronological", "fine_grained", 6, {"static_covariates": static})),
    ("timewise", AsymmetricShapleyValueConfig("bidirectional", "timewise", baseline={"static_covariates": static})),
):
    processor = SageMakerClarifyProcessor(
        role=role, instance_count=1, instance_type="ml.m5.large", sagemaker_session=session
    )
    processor.run_explainability(
        data_config=DataConfig(
            uri, f"{prefix}/{name}", dataset_type="application/json",
            time_series_data_config=TimeSeriesDataConfig(
                target_time_series="[].target_value", item_id="[].item_id", timestamp="[].timestamp",
                related_time_series=["[].price"], static_covariates=["[].shop"],
                dataset_format=TimeSeriesJSONDatasetFormat.TIMESTAMP_RECORDS,
            ),
        ),
        model_config=ModelConfig(
            model_name="forecasts", instance_type="ml.m5.large", instance_count=1,
            content_type="application/json", accept_type="application/json",
            content_template='{"instances": $records}',
            record_template='{"start": $start_time, "target": $target_time_series, "dynamic_feat": $related_time_series, '
            '"cat": $static_covariates}',
            time_series_model_config=TimeSeriesModelConfig("predictions[*].mean[:2]"),
        ),
        explainability_config=method,
    )  # fmt: skip
    print("status:", processor.latest_job.describe()["ExitMessage"])
    analysis = json.loads(S3Downloader.read_file(f"{prefix}/{name}/analysis.json", sagemaker_session=session))
    found = analysis["explanations"]["asymmetric_shapley_value"]
    path = found["explanation_results_path"]
    print("path:", found["direction"], found["granularity"], path[len(prefix) :])
    for line in S3Downloader.read_file(path, sagemaker_session=session).splitlines():
        entries = json.loads(line)["explanations"]
        for one in entries:
            if any(one["scores"]):
                print(
                    "value:",
                    one.get("feature_name"),
                    one.get("timestamp"),
                    [round(score, 6) for score in one["scores"]],
                )
        print("sum:", len(entries), [round(sum(one["scores"][step] for one in entries), 6) for step in (0, 1)])
print("left:", session.sagemaker_client.list_endpoints(NameContains="sm-clarify")["Endpoints"])
