"""Best hyperparameters, efficiently: tuning job, Bayesian.

Run it: sagewright examples run bayesian_tuning
"""

import uuid

import datasets
import result
import sagemaker
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.tuner import ContinuousParameter, HyperparameterTuner, IntegerParameter

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
    hyperparameters={"objective": "binary:logistic", "eval_metric": "logloss", "num_round": 40},
)
ranges = {
    "max_depth": IntegerParameter(1, 12),
    "eta": ContinuousParameter(0.001, 1, scaling_type="Logarithmic"),
    "min_child_weight": ContinuousParameter(0.1, 100, scaling_type="Logarithmic"),
    "lambda": ContinuousParameter(0.01, 1000, scaling_type="Logarithmic"),
    "subsample": ContinuousParameter(0.3, 1.0),
}
best = {}
for strategy, parallel in (("Random", 4), ("Bayesian", 2)):  # one that learns from its trials needs their results
    limits = {"max_jobs": 12, "max_parallel_jobs": parallel, "random_seed": 1}
    tuner = HyperparameterTuner(
        xgb, "validation:logloss", ranges, strategy=strategy, objective_type="Minimize", early_stopping_type="Off",
        base_tuning_job_name=f"exam-{strategy}-{uuid.uuid4().hex[:6]}", **limits,
    )  # fmt: skip
    channels = ("train", "validation")
    tuner.fit({name: TrainingInput(f"s3://{bucket}/exam/churn/{name}", content_type="text/csv") for name in channels})
    best[strategy] = tuner.analytics().dataframe()["FinalObjectiveValue"].min()
page = f"tuning/{tuner.latest_tuning_job.name}"
result.check("log loss, at most that of as many random trials", best["Bayesian"], at_most=best["Random"], page=page)
