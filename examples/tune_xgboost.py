"""A tuner over built-in XGBoost with the SageMaker Python SDK v2. Run it: sagewright exec -- python tune_xgboost.py"""

import datasets
import sagemaker
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.tuner import ContinuousParameter, HyperparameterTuner, IntegerParameter

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
    hyperparameters={"objective": "binary:logistic", "eval_metric": "auc", "num_round": 40},
)
tuner = HyperparameterTuner(
    xgb,
    objective_metric_name="validation:auc",
    hyperparameter_ranges={
        "max_depth": IntegerParameter(1, 10),
        "eta": ContinuousParameter(0.02, 0.5, scaling_type="Logarithmic"),
        "min_child_weight": ContinuousParameter(1, 40),
        "subsample": ContinuousParameter(0.5, 1.0),
    },
    max_jobs=20,
    max_parallel_jobs=5,
    base_tuning_job_name="churn-trees",
)
tuner.fit(
    {
        "train": TrainingInput(f"s3://{bucket}/churn/train/", content_type="text/csv"),
        "validation": TrainingInput(f"s3://{bucket}/churn/validation/", content_type="text/csv"),
    }
)
table = tuner.analytics().dataframe().sort_values("FinalObjectiveValue", ascending=False)
print(table[["TrainingJobName", "FinalObjectiveValue", "max_depth", "eta"]].head(3).to_string(index=False))
best = tuner.best_estimator()
print("best:", best.latest_training_job.name, best.model_data)
