"""Which features drove a prediction: Clarify (SHAP).

Run it: sagewright examples run clarify_shap
"""

import json
import uuid

import datasets
import result
import sagemaker
from sagemaker.clarify import DataConfig, ModelConfig, SageMakerClarifyProcessor, SHAPConfig
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.s3 import S3Downloader

session, role = sagemaker.Session(), sagemaker.get_execution_role()
bucket, name = session.default_bucket(), f"exam-shap-{uuid.uuid4().hex[:8]}"
table = datasets.churn_table()
asked = table[:100].to_csv(header=False, index=False).encode()
datasets.put(bucket, {"exam/churn/train/data.csv": datasets.churn()[0], "exam/churn/asked/data.csv": asked})
xgb = Estimator(
    sagemaker.image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1"), role, 1, "ml.m5.large",
    output_path=f"s3://{bucket}/exam/output",
    hyperparameters={"objective": "binary:logistic", "num_round": 40, "max_depth": 4},
)  # fmt: skip
xgb.fit({"train": TrainingInput(f"s3://{bucket}/exam/churn/train", content_type="text/csv")}, logs=False)
session.create_model(name, role, xgb.create_model().prepare_container_def())

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
    f"share of {top[0]} in all effects", share, above=2 / len(values), page=f"processing/{clarify.latest_job.job_name}"
)
