"""A user's program on SDK v2: tuners over script mode and a built-in algorithm, and what one does with them afterwards."""

import sys
from pathlib import Path

import boto3
import numpy as np
from sagemaker import Session, get_execution_role, image_uris
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.sklearn.estimator import SKLearn
from sagemaker.tuner import (
    CategoricalParameter,
    ContinuousParameter,
    HyperparameterTuner,
    IntegerParameter,
    WarmStartConfig,
    WarmStartTypes,
)

place = Path(sys.argv[1])
session, role = Session(), get_execution_role()
bucket = session.default_bucket()
s3 = boto3.client("s3")

(place / "train.py").write_text("""
import argparse, os
import joblib
from sklearn.datasets import load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_score

parser = argparse.ArgumentParser()
parser.add_argument("--max-depth", type=int)
parser.add_argument("--max-features", type=float)
parser.add_argument("--criterion")
args = parser.parse_args()
given = {"max_depth": args.max_depth, "max_features": args.max_features, "criterion": args.criterion}
model = RandomForestClassifier(10, random_state=0, **given)
rows, labels = load_wine(return_X_y=True)
print(f"accuracy: {cross_val_score(model, rows, labels, cv=3).mean():.5f}")
joblib.dump(model.fit(rows, labels), os.path.join(os.environ["SM_MODEL_DIR"], "model.joblib"))
""")
estimator = SKLearn(
    entry_point="train.py", source_dir=str(place), framework_version="1.2-1", role=role, instance_type="ml.m5.large"
)
ranges = {
    "max-depth": IntegerParameter(1, 12),
    "max-features": ContinuousParameter(0.1, 1.0),
    "criterion": CategoricalParameter(["gini", "entropy"]),
}
metrics = [{"Name": "accuracy", "Regex": "accuracy: ([0-9.]+)"}]
tuner = HyperparameterTuner(
    estimator, "accuracy", ranges, metrics, max_jobs=4, max_parallel_jobs=4, base_tuning_job_name="forest"
)
tuner.fit()
frame = tuner.analytics().dataframe()
print(
    "table:", len(frame), sorted(set(frame.columns) & {"max-depth", "max-features", "criterion", "FinalObjectiveValue"})
)
best = tuner.best_training_job()
values = frame.set_index("TrainingJobName")["FinalObjectiveValue"]
print("best:", values[best] == values.max())  # several jobs may share the best value
model = tuner.best_estimator()
print("best estimator:", type(model).__name__, model.latest_training_job.name == best)
attached = HyperparameterTuner.attach(tuner.latest_tuning_job.name)
print("attached:", attached.best_training_job() == best, type(attached.estimator).__name__)
warm = HyperparameterTuner(
    estimator, "accuracy", ranges, metrics, max_jobs=2, max_parallel_jobs=2, base_tuning_job_name="again",
    warm_start_config=WarmStartConfig(WarmStartTypes.IDENTICAL_DATA_AND_ALGORITHM, {tuner.latest_tuning_job.name}),
)  # fmt: skip
warm.fit()
told = warm.describe()
print("warm:", told["HyperParameterTuningJobStatus"], "OverallBestTrainingJob" in told)

random = np.random.default_rng(0)
rows = random.normal(size=(300, 3))
labels = (rows[:, 0] + rows[:, 1] > 0).astype(int)
for name, part in (("train", slice(0, 200)), ("validation", slice(200, 300))):
    body = "\n".join(
        ",".join(f"{value:.5f}" for value in (label, *row)) for row, label in zip(rows[part], labels[part], strict=True)
    )
    s3.put_object(Bucket=bucket, Key=f"tuner-v2/{name}.csv", Body=body)
image = image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1")
boosted = Estimator(image, role, 1, "ml.m5.large", output_path=f"s3://{bucket}/tuner-v2/out")
boosted.set_hyperparameters(objective="binary:logistic", num_round=10, eval_metric="auc")
trees = HyperparameterTuner(
    boosted, "validation:auc", {"eta": ContinuousParameter(0.05, 0.5), "max_depth": IntegerParameter(1, 6)},
    max_jobs=4, max_parallel_jobs=2, early_stopping_type="Auto", base_tuning_job_name="trees", random_seed=3,
)  # fmt: skip
trees.fit(
    {
        name: TrainingInput(f"s3://{bucket}/tuner-v2/{name}.csv", content_type="text/csv")
        for name in ("train", "validation")
    }
)
definition = trees.describe()["TrainingJobDefinition"]
print("built-in:", trees.describe()["TrainingJobStatusCounters"]["Completed"] >= 1)
print("objective metric:", definition["AlgorithmSpecification"]["MetricDefinitions"][-1]["Name"])

several = HyperparameterTuner.create(
    base_tuning_job_name="several",
    estimator_dict={"a": estimator, "b": estimator},
    objective_metric_name_dict={"a": "accuracy", "b": "accuracy"},
    hyperparameter_ranges_dict={"a": {"max-depth": IntegerParameter(1, 3), "criterion": CategoricalParameter(["gini"])},
                                "b": {"max-depth": IntegerParameter(6, 9), "criterion": CategoricalParameter(["gini"])}},
    metric_definitions_dict={"a": metrics, "b": metrics},
    strategy="Random", max_jobs=2, max_parallel_jobs=2,
)  # fmt: skip
for one in (several.estimator_dict["a"], several.estimator_dict["b"]):
    one.set_hyperparameters(**{"max-features": 0.5})
several.fit({"a": None, "b": None}, include_cls_metadata={})
print("several:", sorted(several.analytics().dataframe()["TrainingJobDefinitionName"]))

chosen = SKLearn(
    entry_point="train.py", source_dir=str(place), framework_version="1.2-1", role=role, instance_type="ml.m5.large",
    hyperparameters={"max-depth": 3, "max-features": 0.5, "criterion": "gini"},
)  # fmt: skip
automatic = HyperparameterTuner(
    chosen, "accuracy", None, metrics, max_jobs=2, max_parallel_jobs=2, autotune=True, base_tuning_job_name="autotuned"
)
automatic.fit()
print("autotuned:", automatic.describe()["HyperParameterTuningJobStatus"])
