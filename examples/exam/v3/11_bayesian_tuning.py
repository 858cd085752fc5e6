"""Best hyperparameters, efficiently: tuning job, Bayesian.

Run it: sagewright examples run bayesian_tuning --sdk v3
"""

import uuid

import datasets
import result
from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.parameter import ContinuousParameter, IntegerParameter
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData
from sagemaker.train.tuner import HyperparameterTuner

session = Session()
bucket = session.default_bucket()
train, validation = datasets.churn()
datasets.put(bucket, {"exam/churn/train/data.csv": train, "exam/churn/validation/data.csv": validation})
image = image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1")
trainer = ModelTrainer(
    training_image=image,
    compute=Compute(instance_type="ml.m5.large", instance_count=1),
    hyperparameters={"objective": "binary:logistic", "eval_metric": "logloss", "num_round": 40},
    base_job_name="exam-xgboost",
)
channels = [
    InputData(channel_name=name, data_source=f"s3://{bucket}/exam/churn/{name}", content_type="text/csv")
    for name in ("train", "validation")
]
ranges = {
    "max_depth": IntegerParameter(1, 12),
    "eta": ContinuousParameter(0.001, 1, scaling_type="Logarithmic"),
    "min_child_weight": ContinuousParameter(0.1, 100, scaling_type="Logarithmic"),
    "lambda": ContinuousParameter(0.01, 1000, scaling_type="Logarithmic"),
    "subsample": ContinuousParameter(0.3, 1.0),
}
best = {}
for strategy, parallel in (("Random", 4), ("Bayesian", 2)):  # one that learns from its trials needs their results
    tuner = HyperparameterTuner(
        trainer, "validation:logloss", ranges, strategy=strategy, objective_type="Minimize", max_jobs=12,
        max_parallel_jobs=parallel, random_seed=1, base_tuning_job_name=f"exam-{strategy}-{uuid.uuid4().hex[:6]}",
    )  # fmt: skip
    tuner.tune(channels, wait=True)
    job = tuner.describe()
    best[strategy] = job.best_training_job.final_hyper_parameter_tuning_job_objective_metric.value
page = f"tuning/{job.hyper_parameter_tuning_job_name}"
result.check("log loss, at most that of as many random trials", best["Bayesian"], at_most=best["Random"], page=page)
