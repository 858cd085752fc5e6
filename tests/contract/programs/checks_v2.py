"""Check steps by SDK v2: a first baseline, a registered model with it, and drift that stops a pipeline."""

import contextlib
import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sagemaker import get_execution_role, image_uris
from sagemaker.clarify import BiasConfig, DataConfig, ModelConfig, ModelPredictedLabelConfig, SHAPConfig
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.model_monitor import DatasetFormat
from sagemaker.s3 import S3Downloader, S3Uploader
from sagemaker.workflow.check_job_config import CheckJobConfig
from sagemaker.workflow.clarify_check_step import (
    ClarifyCheckStep,
    DataBiasCheckConfig,
    ModelBiasCheckConfig,
    ModelExplainabilityCheckConfig,
)
from sagemaker.workflow.parameters import ParameterBoolean, ParameterString
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession
from sagemaker.workflow.quality_check_step import DataQualityCheckConfig, ModelQualityCheckConfig, QualityCheckStep

session, role = PipelineSession(), get_execution_role()
client, bucket, place = session.sagemaker_client, session.default_bucket(), Path(sys.argv[1])
prefix = f"s3://{bucket}/checks"
random = np.random.default_rng(5)
HEADERS = ["Target", "Age", "Gender"]


def data(name: str, favoured: float) -> str:
    """Rows in which one group gets the positive label more often, and after some point other features matter."""
    rows = pd.DataFrame({"Age": random.normal(40, 10, 300).round(2), "Gender": random.integers(0, 2, 300)})
    score = (rows["Age"] - 40) / 10 * (1 - favoured) + rows["Gender"] * 3 * favoured
    rows.insert(0, "Target", (score + random.normal(0, 0.2, 300) > 0.5 * favoured).astype(int))
    rows["Predicted"] = np.where(random.random(300) < 0.05 + favoured / 3, 1 - rows["Target"], rows["Target"])
    rows[HEADERS].to_csv(place / f"{name}.csv", index=False, header=False)
    rows.to_csv(place / f"{name}-named.csv", index=False)
    S3Uploader.upload(str(place / f"{name}-named.csv"), f"{prefix}/named/{name}", sagemaker_session=session)
    return str(S3Uploader.upload(str(place / f"{name}.csv"), f"{prefix}/data/{name}", sagemaker_session=session))


fair, unfair = data("fair", 0.0), data("unfair", 0.9)
named = {uri: uri.replace("/data/", "/named/").replace(".csv", "-named.csv") for uri in (fair, unfair)}


def training(uri: str) -> Estimator:
    estimator = Estimator(
        image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1"), role, 1, "ml.m5.large",
        output_path=f"{prefix}/model", hyperparameters={"objective": "binary:logistic", "num_round": 10, "max_depth": 2},
    )  # fmt: skip
    estimator.fit({"train": TrainingInput(uri, content_type="text/csv")}, wait=False)
    return estimator


def model_of(name: str, estimator: Estimator) -> str:
    job = estimator.latest_training_job.name
    while client.describe_training_job(TrainingJobName=job)["TrainingJobStatus"] == "InProgress":
        time.sleep(0.2)
    container = {"Image": estimator.training_image_uri(), "ModelDataUrl": estimator.model_data}
    client.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=role)
    return name


trained = {"checks-fair": training(fair), "checks-unfair": training(unfair)}
models = dict(zip((fair, unfair), (model_of(*each) for each in trained.items()), strict=True))
client.create_model_package_group(ModelPackageGroupName="checked")
client.create_model_package_group(ModelPackageGroupName="never-checked")
job = CheckJobConfig(role=role, instance_count=1, instance_type="ml.m5.large", sagemaker_session=session)
skip, fail = ParameterBoolean("Skip", default_value=False), ParameterBoolean("Fail", default_value=True)
group, model_name = ParameterString("Group", default_value="checked"), ParameterString("Model", default_value="none")


def steps(uri: str, prefix_of_names: str = "", names: tuple[str, ...] = ()) -> list:
    common = {
        "check_job_config": job, "skip_check": skip, "register_new_baseline": skip, "model_package_group_name": group,
    }  # fmt: skip
    config = {"s3_data_input_path": uri, "label": "Target", "headers": HEADERS, "dataset_type": "text/csv"}
    bias = BiasConfig(label_values_or_threshold=[1], facet_name="Gender", facet_values_or_threshold=[0])
    model = ModelConfig(
        model_name=model_name,
        instance_count=1,
        instance_type="ml.m5.large",
        content_type="text/csv",
        accept_type="text/csv",
    )
    shap = SHAPConfig(baseline=[[40.0, 0]], num_samples=10, agg_method="mean_abs")

    def output(name: str) -> DataConfig:
        return DataConfig(
            s3_output_path=f"{prefix}/out/{prefix_of_names}{name}",
            s3_analysis_config_output_path=f"{prefix}/config/{prefix_of_names}{name}",
            **config,
        )

    labels = ModelPredictedLabelConfig(probability_threshold=0.5)
    fmt = DatasetFormat.csv(header=True)
    quality = DataQualityCheckConfig(
        named[uri], dataset_format=fmt, output_s3_uri=f"{prefix}/out/{prefix_of_names}data-quality"
    )
    scores = ModelQualityCheckConfig(
        named[uri],
        dataset_format=fmt,
        output_s3_uri=f"{prefix}/out/{prefix_of_names}model-quality",
        problem_type="BinaryClassification",
        inference_attribute="Predicted",
        ground_truth_attribute="Target",
    )
    before = DataBiasCheckConfig(data_config=output("data-bias"), data_bias_config=bias)
    after = ModelBiasCheckConfig(
        data_config=output("model-bias"), data_bias_config=bias, model_config=model, model_predicted_label_config=labels
    )
    explained = ModelExplainabilityCheckConfig(
        data_config=output("explain"), model_config=model, explainability_config=shap
    )
    made = {
        "DataQuality": (QualityCheckStep, quality, True),
        "ModelQuality": (QualityCheckStep, scores, True),
        "DataBias": (ClarifyCheckStep, before, fail),
        "ModelBias": (ClarifyCheckStep, after, True),
        "Explain": (ClarifyCheckStep, explained, True),
    }
    return [
        kind(f"{prefix_of_names}{name}", check, fail_on_violation=fails, **common)
        for name, (kind, check, fails) in made.items()
        if not names or name in names
    ]


def run(title: str, uri: str, made: list, **parameters: object) -> dict:
    pipeline = Pipeline("checks", parameters=[skip, fail, group, model_name], steps=made, sagemaker_session=session)
    pipeline.upsert(role)
    execution = pipeline.start(parameters={"Model": models[uri], **parameters})
    with contextlib.suppress(Exception):
        execution.wait(delay=1, max_attempts=120)
    found = {one["StepName"]: one for one in execution.list_steps()}
    for name in sorted(found):
        print(f"{title}:", name, found[name]["StepStatus"], found[name].get("FailureReason", "-"))
    return found


run("no baseline", fair, steps(fair), Group="never-checked")
first = run("first", fair, steps(fair), Skip=True)
checks = {name: one["Metadata"].get("ClarifyCheck") or one["Metadata"]["QualityCheck"] for name, one in first.items()}
print("metadata:", sorted(checks["DataBias"]))


def source(name: str, kind: str) -> dict:
    return {"ContentType": "application/json", "S3Uri": checks[name][f"BaselineUsedForDriftCheck{kind}"]}


kept = {}
for uri in {
    source(name, kind)["S3Uri"]
    for name in checks
    for kind in ("Statistics", "Constraints")
    if f"BaselineUsedForDriftCheck{kind}" in checks[name]
}:
    text = S3Downloader.read_file(uri, sagemaker_session=session)
    kept[uri] = uri.replace("/out/", "/kept/")
    S3Uploader.upload_string_as_file_body(text, kept[uri], sagemaker_session=session)


def baseline(name: str, kind: str) -> dict:
    return {"ContentType": "application/json", "S3Uri": kept[source(name, kind)["S3Uri"]]}


described = client.describe_model(ModelName=models[fair])["PrimaryContainer"]
client.create_model_package(
    ModelPackageGroupName="checked",
    ModelApprovalStatus="Approved",
    InferenceSpecification={
        "Containers": [{name: described[name] for name in ("Image", "ModelDataUrl")}],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    },
    DriftCheckBaselines={
        "Bias": {
            "PreTrainingConstraints": baseline("DataBias", "Constraints"),
            "PostTrainingConstraints": baseline("ModelBias", "Constraints"),
        },
        "Explainability": {"Constraints": baseline("Explain", "Constraints")},
        "ModelDataQuality": {kind: baseline("DataQuality", kind) for kind in ("Statistics", "Constraints")},
        "ModelQuality": {kind: baseline("ModelQuality", kind) for kind in ("Statistics", "Constraints")},
    },
)  # fmt: skip
same = steps(fair, "Same", ("DataQuality", "DataBias"))
drift = run("drift", unfair, [*steps(unfair), *same], Fail=False)  # the step DataBias alone tolerates violations
report = drift["DataBias"]["Metadata"]["ClarifyCheck"]["ViolationReport"]
violations = json.loads(S3Downloader.read_file(report, sagemaker_session=session))["violations"]
print("violations:", sorted({one["metric_name"] for one in violations}))
left = client.list_endpoints(NameContains="sm-clarify")["Endpoints"]
print("left:", left)
