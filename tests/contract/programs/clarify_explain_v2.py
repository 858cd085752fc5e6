"""Explanations and bias of a model, by SDK v2: built-in XGBoost, trained here, behind Clarify's temporary endpoint."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from sagemaker import Session, get_execution_role, image_uris
from sagemaker.clarify import (
    BiasConfig,
    DataConfig,
    ModelConfig,
    ModelPredictedLabelConfig,
    SageMakerClarifyProcessor,
    SHAPConfig,
)
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.s3 import S3Downloader, S3Uploader

session, role = Session(), get_execution_role()
place = Path(sys.argv[1])
bucket = session.default_bucket()
prefix = f"s3://{bucket}/clarify-explain"
random = np.random.default_rng(3)
rows = pd.DataFrame(random.normal(size=(400, 4)), columns=["Age", "Income", "Gender", "Noise"]).round(3)
rows["Gender"] = (rows["Gender"] > 0).astype(int)
rows.insert(0, "Target", (rows["Age"] + 0.5 * rows["Gender"] + random.normal(0, 0.3, 400) > 0).astype(int))
rows.to_csv(place / "train.csv", index=False, header=False)
uri = S3Uploader.upload(str(place / "train.csv"), f"{prefix}/data", sagemaker_session=session)

estimator = Estimator(
    image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1"),
    role,
    instance_count=1,
    instance_type="ml.m5.large",
    output_path=f"{prefix}/model",
    hyperparameters={"objective": "binary:logistic", "num_round": 20, "max_depth": 3},
    sagemaker_session=session,
)
estimator.fit({"train": TrainingInput(uri, content_type="text/csv")}, logs=False)
model_name = "clarify-explain"
session.create_model(model_name, role, estimator.create_model().prepare_container_def())

headers = list(rows.columns)
processor = SageMakerClarifyProcessor(
    role=role, instance_count=1, instance_type="ml.m5.large", sagemaker_session=session
)
data = DataConfig(
    s3_data_input_path=uri, s3_output_path=f"{prefix}/out", label="Target", headers=headers, dataset_type="text/csv"
)
model = ModelConfig(
    model_name=model_name,
    instance_type="ml.m5.large",
    instance_count=1,
    accept_type="text/csv",
    content_type="text/csv",
)
shap = SHAPConfig(
    baseline=[rows[headers[1:]].mean().round(3).tolist()],
    num_samples=14,
    agg_method="mean_abs",
    save_local_shap_values=True,
)
bias = BiasConfig(label_values_or_threshold=[1], facet_name="Gender", facet_values_or_threshold=[0])
label = ModelPredictedLabelConfig(probability_threshold=0.8)
processor.run_bias_and_explainability(
    data_config=data,
    model_config=model,
    explainability_config=shap,
    bias_config=bias,
    pre_training_methods="all",
    post_training_methods="all",
    model_predicted_label_config=label,
)
described = processor.latest_job.describe()
print("status:", described["ProcessingJobStatus"], "|", described["ExitMessage"])
files = sorted(file[len(f"{prefix}/out/") :] for file in S3Downloader.list(f"{prefix}/out", sagemaker_session=session))
print("files:", files)
analysis = json.loads(S3Downloader.read_file(f"{prefix}/out/analysis.json", sagemaker_session=session))
print("sections:", list(analysis), list(analysis["explanations"]))
shap_values = analysis["explanations"]["kernel_shap"]["label0"]
print("order:", sorted(shap_values["global_shap_values"], key=lambda name: -shap_values["global_shap_values"][name]))
S3Downloader.download(f"{prefix}/out/explanations_shap/", str(place / "shap"), sagemaker_session=session)
local = pd.read_csv(place / "shap" / "out.csv")
print("local:", local.shape, list(local.columns))
runtime = session.sagemaker_runtime_client
predictor = estimator.deploy(1, "ml.m5.large", endpoint_name="clarify-explain")
try:
    body = rows[headers[1:]].to_csv(index=False, header=False)
    answer = (
        runtime.invoke_endpoint(EndpointName="clarify-explain", ContentType="text/csv", Body=body)["Body"]
        .read()
        .decode()
    )
    scores = np.array([float(score) for score in answer.replace("\n", ",").strip(",").split(",")])
    error = np.abs(local.sum(axis=1) + shap_values["expected_value"] - scores).max()
    print("adds up:", error < 1e-5, "|", predictor.endpoint_name)
finally:
    predictor.delete_endpoint()
left = [one["EndpointName"] for one in session.sagemaker_client.list_endpoints(NameContains="sm-clarify")["Endpoints"]]
configs = session.sagemaker_client.list_endpoint_configs(NameContains="sm-clarify")["EndpointConfigs"]
print("left:", left, configs)
