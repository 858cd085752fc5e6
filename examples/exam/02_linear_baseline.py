"""Fast linear baseline: Linear Learner.

Run it: sagewright examples run linear_baseline
"""

import datasets
import result
import sagemaker
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput

session = sagemaker.Session()
bucket, region = session.default_bucket(), session.boto_region_name
datasets.put(bucket, {f"exam/diamonds/{name}/data.csv": body for name, body in datasets.diamonds().items()})
algorithms = {
    "linear-learner": ("1", {"predictor_type": "binary_classifier", "epochs": 3, "num_models": 4}),
    "xgboost": ("1.7-1", {"objective": "binary:logistic", "eval_metric": "auc", "num_round": 500, "max_depth": 6}),
}
auc, seconds = {}, {}
for name, (version, hyperparameters) in algorithms.items():
    estimator = Estimator(
        sagemaker.image_uris.retrieve(name, region, version),
        role=sagemaker.get_execution_role(),
        instance_type="ml.m5.large",
        instance_count=1,
        output_path=f"s3://{bucket}/exam/output",
        hyperparameters=hyperparameters,
    )
    channels = ("train", "validation")
    estimator.fit(
        {each: TrainingInput(f"s3://{bucket}/exam/diamonds/{each}", content_type="text/csv") for each in channels},
        logs=False,
    )
    job = estimator.latest_training_job.describe()
    metrics = {metric["MetricName"]: metric["Value"] for metric in job["FinalMetricDataList"]}
    auc[name] = metrics.get("validation:auc") or metrics["validation:roc_auc_score"]
    seconds[name] = (job["TrainingEndTime"] - job["TrainingStartTime"]).total_seconds()
    page = f"jobs/{estimator.latest_training_job.name}"
print(f"AUC {auc}; seconds of training {seconds}")
assert seconds["linear-learner"] < seconds["xgboost"]
result.check("AUC as a share of XGBoost's", auc["linear-learner"] / auc["xgboost"], at_least=0.95, page=page)
