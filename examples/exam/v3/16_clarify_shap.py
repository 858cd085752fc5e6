"""Which features drove a prediction: Clarify (SHAP).

Run it: sagewright examples run clarify_shap --sdk v3
"""

import json
import uuid

import datasets
import result
from sagemaker.core import image_uris
from sagemaker.core.clarify import DataConfig, ModelConfig, SageMakerClarifyProcessor, SHAPConfig
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.resources import Model
from sagemaker.core.s3 import S3Downloader
from sagemaker.core.shapes import ContainerDefinition
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData

session, role = Session(), get_execution_role()
bucket, name = session.default_bucket(), f"exam-shap-{uuid.uuid4().hex[:8]}"
table = datasets.churn_table()
asked = table[:100].to_csv(header=False, index=False).encode()
datasets.put(bucket, {"exam/churn/train/data.csv": datasets.churn()[0], "exam/churn/asked/data.csv": asked})
image = image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1")
trainer = ModelTrainer(
    training_image=image,
    compute=Compute(instance_type="ml.m5.large", instance_count=1),
    hyperparameters={"objective": "binary:logistic", "num_round": 40, "max_depth": 4},
    base_job_name="exam-xgboost",
)
source = f"s3://{bucket}/exam/churn/train"
trainer.train([InputData(channel_name="train", data_source=source, content_type="text/csv")])
job = trainer._latest_training_job
container = ContainerDefinition(image=image, model_data_url=job.model_artifacts.s3_model_artifacts)
Model.create(model_name=name, primary_container=container, execution_role_arn=role)

output, source = f"s3://{bucket}/exam/{name}", f"s3://{bucket}/exam/churn/asked"
clarify = SageMakerClarifyProcessor(role=role, instance_count=1, instance_type="ml.m5.large", sagemaker_session=session)
headers = list(table.columns)
clarify.run_explainability(
    DataConfig(f"{source}/data.csv", output, label="churn", headers=headers, dataset_type="text/csv"),
    ModelConfig(model_name=name, instance_count=1, instance_type="ml.m5.large", accept_type="text/csv"),
    SHAPConfig(baseline=[table[headers[1:]].mean().tolist()], num_samples=200, agg_method="mean_abs"),
    logs=False,
)
analysis = json.loads(S3Downloader.read_file(f"{output}/analysis.json", session))
values = analysis["explanations"]["kernel_shap"]["label0"]["global_shap_values"]
top = sorted(values, key=values.get, reverse=True)
print("features by their effect:", ", ".join(top[:5]))
drivers = {"international_plan_no", "international_plan_yes", "total_day_minutes", "number_customer_service_calls"}
assert top[0] in drivers  # of these customers' decisions, as others found too
share = values[top[0]] / sum(values.values())
result.check(
    f"share of {top[0]} in all effects",
    share,
    above=2 / len(values),
    page=f"processing/{clarify.latest_job.processing_job_name}",
)
