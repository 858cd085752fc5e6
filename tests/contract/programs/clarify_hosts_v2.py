"""Two hosts share the rows of a JSON Lines data set, by SDK v2; Kernel SHAP with several baseline rows, and PDP."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from sagemaker import Session, get_execution_role, image_uris
from sagemaker.clarify import DataConfig, ModelConfig, PDPConfig, SageMakerClarifyProcessor, SHAPConfig
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.s3 import S3Downloader, S3Uploader

session, role = Session(), get_execution_role()
place = Path(sys.argv[1])
prefix = f"s3://{session.default_bucket()}/clarify-hosts"
random = np.random.default_rng(4)
rows = pd.DataFrame({"a": random.normal(size=121).round(3), "b": random.integers(0, 2, 121)})
target = (3 * rows["a"] + rows["b"]).round(3)
rows.assign(t=target)[["t", "a", "b"]].to_csv(place / "train.csv", index=False, header=False)
train = S3Uploader.upload(str(place / "train.csv"), f"{prefix}/train", sagemaker_session=session)
estimator = Estimator(
    image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1"), role, 1, "ml.m5.large", output_path=f"{prefix}/model",
    hyperparameters={"objective": "reg:squarederror", "num_round": 20, "max_depth": 3},
)  # fmt: skip
estimator.fit({"train": TrainingInput(train, content_type="text/csv")}, logs=False)
container = {"Image": estimator.training_image_uri(), "ModelDataUrl": estimator.model_data}
session.sagemaker_client.create_model(ModelName="clarify-hosts", PrimaryContainer=container, ExecutionRoleArn=role)
records = [
    {"features": [float(a), int(b)], "target": float(t)} for a, b, t in zip(rows["a"], rows["b"], target, strict=False)
]
(place / "data.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
uri = S3Uploader.upload(str(place / "data.jsonl"), f"{prefix}/data", sagemaker_session=session)


def explained(hosts: int, out: str) -> dict:
    processor = SageMakerClarifyProcessor(
        role=role, instance_count=hosts, instance_type="ml.m5.large", sagemaker_session=session
    )
    data = DataConfig(
        uri, f"{prefix}/{out}", features="features", label="target", headers=["a", "b", "target"],
        dataset_type="application/jsonlines",
    )  # fmt: skip
    model = ModelConfig(
        model_name="clarify-hosts", instance_type="ml.m5.large", instance_count=1, content_type="text/csv",
        accept_type="text/csv",
    )  # fmt: skip
    baseline = [{"features": [0.5, 1]}, {"features": [-0.5, 0]}]
    shap = SHAPConfig(baseline=baseline, num_samples=10, agg_method="median", save_local_shap_values=True)
    pdp = PDPConfig(features=["a", "b"], grid_resolution=5)
    processor.run_explainability(data, model, [shap, pdp])
    print("status:", processor.latest_job.describe()["ExitMessage"])
    return dict(
        json.loads(S3Downloader.read_file(f"{prefix}/{out}/analysis.json", sagemaker_session=session))["explanations"]
    )


one, two = explained(1, "one"), explained(2, "two")
S3Downloader.download(f"{prefix}/two/explanations_shap/out.csv/", str(place / "parts"), sagemaker_session=session)
parts = sorted((place / "parts").iterdir())
values = pd.concat([pd.read_csv(part) for part in parts])
print("parts:", [part.name for part in parts], len(values))
S3Downloader.download(f"{prefix}/one/explanations_shap/out.csv", str(place / "whole"), sagemaker_session=session)
whole = pd.read_csv(place / "whole" / "out.csv")
same = np.allclose(whole.to_numpy(), values.to_numpy(), atol=1e-9)
print("same:", same and one["kernel_shap"] == two["kernel_shap"])
print("pdp:", [(one["feature_name"], one["data_type"], len(one["feature_values"])) for one in two["pdp"]])
print("left:", session.sagemaker_client.list_endpoints(NameContains="sm-clarify")["Endpoints"])
