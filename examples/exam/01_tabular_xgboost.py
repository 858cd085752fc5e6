"""Best algorithm for tabular classification: XGBoost.

Run it: sagewright examples run tabular_xgboost
"""

import datasets
import result
import sagemaker
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput

session = sagemaker.Session()
bucket = session.default_bucket()
train, validation = datasets.churn()
datasets.put(bucket, {"exam/churn/train/data.csv": train, "exam/churn/validation/data.csv": validation})

xgb = Estimator(
    sagemaker.image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1"),
    role=sagemaker.get_execution_role(),
    instance_type="ml.m5.large",
    instance_count=1,
    output_path=f"s3://{bucket}/exam/output",
    hyperparameters={"objective": "binary:logistic", "eval_metric": "auc", "num_round": 60, "max_depth": 5, "eta": 0.1},
)
channels = ("train", "validation")
xgb.fit({name: TrainingInput(f"s3://{bucket}/exam/churn/{name}", content_type="text/csv") for name in channels})

job = xgb.latest_training_job.describe()
metrics = {metric["MetricName"]: metric["Value"] for metric in job["FinalMetricDataList"]}
result.check(
    "AUC of customers who leave", metrics["validation:auc"], at_least=0.9, page=f"jobs/{xgb.latest_training_job.name}"
)
