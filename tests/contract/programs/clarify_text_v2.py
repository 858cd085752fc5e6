"""Explanations of texts by SDK v2: built-in BlazingText behind Clarify's temporary endpoint."""

import json
import sys
from pathlib import Path

from sagemaker import Session, get_execution_role, image_uris
from sagemaker.clarify import (
    DataConfig,
    ModelConfig,
    ModelPredictedLabelConfig,
    SageMakerClarifyProcessor,
    SHAPConfig,
    TextConfig,
)
from sagemaker.estimator import Estimator
from sagemaker.s3 import S3Downloader, S3Uploader

session, role = Session(), get_execution_role()
place = Path(sys.argv[1])
prefix = f"s3://{session.default_bucket()}/clarify-text"
good, bad = ("lovely dress", "great fit", "perfect colour"), ("awful fabric", "poor seams", "terrible smell")
lines = [f"__label__1 {text} for the summer" for text in good] + [f"__label__0 {text} for the summer" for text in bad]
(place / "train.txt").write_text("\n".join(lines * 40) + "\n")
S3Uploader.upload(str(place / "train.txt"), f"{prefix}/train", sagemaker_session=session)
estimator = Estimator(
    image_uris.retrieve("blazingtext", session.boto_region_name), role, 1, "ml.m5.large", output_path=f"{prefix}/model",
    hyperparameters={"mode": "supervised", "epochs": 10, "vector_dim": 10, "min_count": 1},
)  # fmt: skip
estimator.fit({"train": f"{prefix}/train/train.txt"}, logs=False)
container = {"Image": estimator.training_image_uri(), "ModelDataUrl": estimator.model_data}
session.sagemaker_client.create_model(ModelName="clarify-text", PrimaryContainer=container, ExecutionRoleArn=role)

reviews = ["lovely dress for the summer", "awful fabric for the summer", "", "the perfect colour, with poor seams"]
(place / "reviews.csv").write_text("".join(f'"{text}"\n' for text in reviews))
uri = S3Uploader.upload(str(place / "reviews.csv"), f"{prefix}/reviews", sagemaker_session=session)
processor = SageMakerClarifyProcessor(
    role=role, instance_count=1, instance_type="ml.m5.large", sagemaker_session=session
)
processor.run_explainability(
    data_config=DataConfig(uri, f"{prefix}/out", headers=["Review Text"], dataset_type="text/csv"),
    model_config=ModelConfig(
        model_name="clarify-text", instance_type="ml.m5.large", instance_count=1, accept_type="application/jsonlines",
        content_type="application/jsonlines", content_template='{"source":$features}', endpoint_name_prefix="text",
    ),
    explainability_config=SHAPConfig(
        baseline=[["<UNK>"]], num_samples=200, agg_method="mean_abs", save_local_shap_values=True,
        text_config=TextConfig(granularity="token", language="english"),
    ),
    model_scores=ModelPredictedLabelConfig(probability="prob", label="label"),
)  # fmt: skip
print("status:", processor.latest_job.describe()["ExitMessage"])
analysis = json.loads(S3Downloader.read_file(f"{prefix}/out/analysis.json", sagemaker_session=session))
top = analysis["explanations"]["kernel_shap"]["label0"]["global_top_shap_text"]["Review Text"]
print("top:", len(top), next(iter(top)) in {"lovely", "dress", "awful", "fabric", "perfect", "colour", "poor", "seams"})
for line in S3Downloader.read_file(f"{prefix}/out/explanations_shap/out.jsonl", sagemaker_session=session).splitlines():
    for explained in json.loads(line)["explanations"]:
        pieces = [
            (one["description"]["partial_text"], one["description"]["start_idx"]) for one in explained["attributions"]
        ]
        print("pieces:", explained["feature_name"], explained["data_type"], pieces)
