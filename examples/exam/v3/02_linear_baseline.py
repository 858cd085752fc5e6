"""Fast linear baseline: Linear Learner.

Run it: sagewright examples run linear_baseline --sdk v3
"""

import datasets
import result
from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData

session = Session()
bucket = session.default_bucket()
datasets.put(bucket, {f"exam/diamonds/{name}/data.csv": body for name, body in datasets.diamonds().items()})
algorithms = {
    "linear-learner": ("1", {"predictor_type": "binary_classifier", "epochs": 3, "num_models": 4}),
    "xgboost": ("1.7-1", {"objective": "binary:logistic", "eval_metric": "auc", "num_round": 500, "max_depth": 6}),
}
channels = [
    InputData(channel_name=name, data_source=f"s3://{bucket}/exam/diamonds/{name}", content_type="text/csv")
    for name in ("train", "validation")
]
auc, seconds = {}, {}
for name, (version, hyperparameters) in algorithms.items():
    trainer = ModelTrainer(
        training_image=image_uris.retrieve(name, session.boto_region_name, version),
        compute=Compute(instance_type="ml.m5.large", instance_count=1),
        hyperparameters=hyperparameters,
        base_job_name=f"exam-{name}",
    )
    trainer.train(channels, logs=False)
    job = trainer._latest_training_job
    metrics = {metric.metric_name: metric.value for metric in job.final_metric_data_list}
    auc[name] = metrics.get("validation:auc") or metrics["validation:roc_auc_score"]
    seconds[name] = (job.training_end_time - job.training_start_time).total_seconds()
print(f"AUC {auc}; seconds of training {seconds}")
assert seconds["linear-learner"] < seconds["xgboost"]
result.check(
    "AUC as a share of XGBoost's",
    auc["linear-learner"] / auc["xgboost"],
    at_least=0.95,
    page=f"jobs/{job.training_job_name}",
)
