"""Built-in XGBoost with the SageMaker Python SDK v2. Run it: sagewright exec -- python xgboost_builtin.py"""

import datasets
import sagemaker
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput

session = sagemaker.Session()
bucket = session.default_bucket()
train, validation = datasets.churn()
datasets.put(bucket, {"churn/train/train.csv": train, "churn/validation/validation.csv": validation})

xgb = Estimator(
    sagemaker.image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1"),
    role=sagemaker.get_execution_role(),
    instance_type="ml.m5.large",
    instance_count=1,
    output_path=f"s3://{bucket}/churn/output",
    hyperparameters={
        "objective": "binary:logistic",
        "eval_metric": "error,auc",
        "num_round": 30,
        "max_depth": 5,
        "eta": 0.2,
    },
)
xgb.fit(
    {
        "train": TrainingInput(f"s3://{bucket}/churn/train/", content_type="text/csv"),
        "validation": TrainingInput(f"s3://{bucket}/churn/validation/", content_type="text/csv"),
    }
)
print("model:", xgb.model_data)
for metric in xgb.latest_training_job.describe()["FinalMetricDataList"]:
    print(f"{metric['MetricName']} = {metric['Value']:.4f}")
