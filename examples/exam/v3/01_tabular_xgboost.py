"""Best algorithm for tabular classification: XGBoost.

Run it: sagewright examples run tabular_xgboost --sdk v3
"""

import datasets
import result
from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData

session = Session()
bucket = session.default_bucket()
train, validation = datasets.churn()
datasets.put(bucket, {"exam/churn/train/data.csv": train, "exam/churn/validation/data.csv": validation})

image = image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1")
trainer = ModelTrainer(
    training_image=image,
    compute=Compute(instance_type="ml.m5.large", instance_count=1),
    hyperparameters={"objective": "binary:logistic", "eval_metric": "auc", "num_round": 60, "max_depth": 5, "eta": 0.1},
    base_job_name="exam-xgboost",
)
trainer.train(
    [
        InputData(channel_name=name, data_source=f"s3://{bucket}/exam/churn/{name}", content_type="text/csv")
        for name in ("train", "validation")
    ]
)
job = trainer._latest_training_job

metrics = {metric.metric_name: metric.value for metric in job.final_metric_data_list}
result.check(
    "AUC of customers who leave", metrics["validation:auc"], at_least=0.9, page=f"jobs/{job.training_job_name}"
)
